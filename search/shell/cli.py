"""The command line: parse, call the library, print, exit code. Heavy imports live inside the commands.

What a command raises becomes a sentence and an exit code in `running`.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indexer.errors import SearchError, UsageError
from search import __version__
from search.resident.library_context import folder_of, is_lent
from search.resident.library_context import library as library_of
from search.shell.query_options import rerank_count
from search.shell.run import BROKEN_STORE, FOUND, NOTHING_FOUND, SOME_FAILED, WRONG_USE, run

app = typer.Typer(
    name="search",
    help="Find photographs by words or by image, on your own machine.",
    epilog=(
        "Exit codes: 0 found or done, 1 nothing found, 2 wrong use, 3 some files failed, 4 broken store. "
        "The index lives in --store, else SEARCH_STORE, else one place per user."
    ),
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,  # help without importing rich: twice as fast
    context_settings={"help_option_names": ["-h", "--help"]},
)

train = typer.Typer(
    help="Train parts of the search on your own pairs of images and texts.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(train, name="train")

StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store", "-s", metavar="PATH", help="Where the index lives (default: SEARCH_STORE, or one per user)."
    ),
]
DeviceOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="cpu, cuda or mps, for encoders that run on torch.")
]
MovedEncoderOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Where the store's model now is, when its file has moved.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]
RerankOption = Annotated[
    int | None,
    typer.Option("--rerank", metavar="N", help="How many candidates a second, closer look puts in order (100)."),
]
NoRerankOption = Annotated[bool, typer.Option("--no-rerank", help="No second look; the same as --rerank 0.")]
RerankerOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="What takes the second look: the folder of a reranker, or blip:PATH_OR_ID "
        "(default: the store's own, or the one that ships).",
    ),
]


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(f"search {__version__}")
        raise typer.Exit


@app.command()
def index(
    roots: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FOLDER", help="Folders (or single files); none: all that the store knows."),
    ] = None,
    store: StoreOption = None,
    encoder: Annotated[
        str | None, typer.Option(metavar="NAME", help="For a new store: which model (see `search models`).")
    ] = None,
    device: DeviceOption = None,
    index_type: Annotated[
        str | None,
        typer.Option("--index", metavar="TYPE", help="flat, hnsw, ivf-flat, ivf-sq8 or ivf-pq (default: by size)."),
    ] = None,
    recall: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="How many of the true first ten the index has to find (default: 0.95)."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="PATTERN", help="Leave out names like this (*.png, drafts/); repeatable."),
    ] = None,
    no_default_ignores: Annotated[
        bool, typer.Option("--no-default-ignores", help="Look into hidden and other usually unwanted folders too.")
    ] = False,
    tokens: Annotated[
        bool | None,
        typer.Option(
            "--tokens/--no-tokens", help="Keep region tokens for reranking (default: on, about 3 kB an image)."
        ),
    ] = None,
    reencode: Annotated[
        bool, typer.Option("--reencode", help="Let --encoder take the place of the store's encoder.")
    ] = False,
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless something is wrong.")] = False,
) -> int:
    """Encode folders of images into the index; only what is new or changed is read."""
    from search.fast_start.prefetch import early_indexer

    early = None if is_lent() else early_indexer(folder_of(store), encoder, device)

    from indexer.settings import DEFAULT_IGNORES, IndexSettings
    from search.shell import printing
    from search.shell.progress_bar import listener

    ignores = (() if no_default_ignores else DEFAULT_IGNORES) + tuple(ignore or ())
    settings = IndexSettings(ignores=ignores, tokens=tokens)
    with library_of(store, encoder, device, early) as library, listener(quiet or as_json) as progress:
        report = library.index(
            *(roots or ()),
            settings=settings,
            progress=progress,
            index_type=_index_type(index_type),
            recall=recall,
            reencode=reencode,
        )
    if as_json:
        printing.print_json(printing.report_json(report))
    else:
        printing.print_report(report, quiet=quiet)
    return SOME_FAILED if report.failures else FOUND


@app.command()
def query(
    what: Annotated[str, typer.Argument(metavar="QUERY", help='Words ("a red car") or the path of an image.')],
    store: StoreOption = None,
    to: Annotated[str, typer.Option(metavar="KIND", help="What to find: image, text (captions) or any.")] = "image",
    limit: Annotated[int, typer.Option("-k", "--limit", help="How many hits.")] = 10,
    as_text: Annotated[bool, typer.Option("--text", help="Take QUERY for words, even if a file is named so.")] = False,
    as_image: Annotated[bool, typer.Option("--image", help="Take QUERY for the path of an image.")] = False,
    paths: Annotated[bool, typer.Option("--paths", help="Print paths only, one a line.")] = False,
    print0: Annotated[bool, typer.Option("--print0", "-0", help="Like --paths, ended by NUL (for xargs -0).")] = False,
    as_json: JsonOption = False,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a contact sheet: one HTML file with everything in it.")
    ] = None,
    rerank: RerankOption = None,
    no_rerank: NoRerankOption = False,
    reranker: RerankerOption = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Say which words met which regions of an image; with --sheet, as heat maps."),
    ] = False,
    min_probability: Annotated[
        float, typer.Option(metavar="P", help="Leave out hits whose probability is lower, 0 to 1 (a weak one: 0.05).")
    ] = 0.0,
    encoder: MovedEncoderOption = None,
    device: DeviceOption = None,
    resident: Annotated[
        bool | None,
        typer.Option(
            "--resident/--no-resident",
            help="Start a process that answers the next query at once (see `search serve`); or use none "
            "(default: SEARCH_RESIDENT, auto or off; else use one that is there).",
        ),
    ] = None,
) -> int:
    """Find images (or captions) by words or by image."""
    from search.shell.query_options import Asking

    return Asking(
        what,
        store,
        to,
        limit,
        as_text,
        as_image,
        paths,
        print0,
        as_json,
        sheet,
        rerank,
        no_rerank,
        reranker,
        explain,
        min_probability,
        encoder,
        device,
        resident,
    ).run()


@app.command("eval")
def evaluate(
    source: Annotated[str, typer.Argument(metavar="PAIRS", help="captions.jsonl or .csv; with --labels, a folder.")],
    store: StoreOption = None,
    labels: Annotated[
        bool, typer.Option("--labels", help="PAIRS is a folder; its subfolders' names are texts.")
    ] = False,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help='Only rows with this "split" (train, test).')
    ] = None,
    cutoffs: Annotated[str, typer.Option("-k", metavar="LIST", help="Where R@k is measured.")] = "1,5,10",
    bootstrap: Annotated[int, typer.Option(metavar="N", help="Resamples behind each interval; 0 for none.")] = 1_000,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the resamples and of the queries that are timed.")] = 0,
    rerank: RerankOption = None,
    no_rerank: NoRerankOption = False,
    reranker: RerankerOption = None,
    as_json: JsonOption = False,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a report: one HTML file with plots and the worst failures."),
    ] = None,
    encoder: MovedEncoderOption = None,
    device: DeviceOption = None,
) -> int:
    """Measure the index on your own pairs of images and texts."""
    from search.evaluation.settings import EvaluationSettings
    from search.html import evaluation_report as report
    from search.rerank.stage import DEFAULT_COUNT
    from search.shell import evaluation_table as table
    from search.shell import printing
    from search.shell.progress_bar import listener

    count = rerank_count(rerank, no_rerank, reranker)
    count = DEFAULT_COUNT if count is None else count
    settings = EvaluationSettings(labels, split, _cutoffs(cutoffs), bootstrap, seed, count)
    if html is not None and not html.parent.is_dir():  # before minutes of work
        raise UsageError(f"The report {html} cannot be written (no such folder); name another file.")
    with library_of(store, encoder, device) as library, listener(as_json) as progress:
        found = library.evaluate(source, settings=settings, progress=progress, reranker=reranker)
    if html is not None and found:
        report.write_report(html, found)
    if as_json:
        printing.print_json(found.to_json())
    else:
        table.print_evaluation(found)
        if html is not None and found:
            printing.print_line(f"Report: {html}")
    return FOUND if found else NOTHING_FOUND


@app.command()
def calibrate(
    pairs: Annotated[str, typer.Option(metavar="FILE", help="Indexed images and their captions: .jsonl or .csv.")],
    store: StoreOption = None,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help='Only rows with this "split"; keep others to check on.')
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write this file (default: calibration.json in the store).")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the parts that the fit is checked on.")] = 0,
    rerank: RerankOption = None,
    no_rerank: NoRerankOption = False,
    reranker: RerankerOption = None,
    as_json: JsonOption = False,
    encoder: MovedEncoderOption = None,
    device: DeviceOption = None,
) -> int:
    """Fit the hits' probabilities to your own pairs of images and texts."""
    from search.calibration.calibrate import CalibrationSettings
    from search.rerank.stage import DEFAULT_COUNT
    from search.shell import printing
    from search.shell.evaluation_table import fit_lines
    from search.shell.progress_bar import listener

    count = rerank_count(rerank, no_rerank, reranker)
    settings = CalibrationSettings(split, DEFAULT_COUNT if count is None else count, seed)
    with library_of(store, encoder, device) as library, listener(as_json) as progress:
        found = library.calibrate(pairs, out=out, settings=settings, progress=progress, reranker=reranker)
    if as_json:
        printing.print_json(found.to_json())
    else:
        for line in fit_lines(found):
            printing.print_line(line)
    return FOUND


@train.command("reranker")
def train_reranker(
    pairs: Annotated[Path, typer.Option("--pairs", metavar="FILE", help="captions.jsonl or .csv: images and texts.")],
    images: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Names of images are relative to this (default: where --pairs lies)."),
    ] = None,
    store: StoreOption = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where to put it (default: into the store, for its searches).")
    ] = None,
    epochs: Annotated[int, typer.Option(metavar="N", help="Passes over the images, in each of two steps.")] = 12,
    restart: Annotated[
        bool, typer.Option("--restart/--resume", help="Begin anew, or go on from an interrupted run.")
    ] = False,
    seed: Annotated[int, typer.Option(metavar="N", help="Of all that is drawn by chance.")] = 0,
    encoder: MovedEncoderOption = None,
    device: Annotated[str | None, typer.Option(metavar="NAME", help="cpu, cuda or mps.")] = None,
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> int:
    """Train a second look at the first candidates, on images that are indexed and captions of them."""
    from search.shell import printing
    from search.shell.progress_bar import listener

    with library_of(store, encoder, device) as library, listener(quiet or as_json) as progress:
        report = library.train_reranker(
            pairs, images=images, out=out, epochs=epochs, seed=seed, restart=restart, progress=progress
        )
    if as_json:
        printing.print_json(report.to_json())
    else:
        from search.shell.training_table import print_training

        print_training(report)
    return FOUND


@app.command()
def status(
    store: StoreOption = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Name the files that could not be indexed, and why.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """What the index holds, and how it is doing."""
    from search.shell import printing

    with library_of(store) as library:
        found = library.status()
    if as_json:
        printing.print_json(printing.status_json(found))
    else:
        printing.print_status(found, failed=failed)
    return FOUND


@app.command()
def serve(
    store: StoreOption = None,
    background: Annotated[bool, typer.Option("--background", help="Return when it is ready, and leave it.")] = False,
    idle: Annotated[float, typer.Option(metavar="SECONDS", help="It leaves after so long without a query.")] = 900.0,
    stop: Annotated[bool, typer.Option("--stop", help="Make the one that is there leave.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Say whether there is one (exit code 1: none).")] = False,
) -> int:
    """Keep the index loaded in a process that answers queries at once; none but you can reach it."""
    from indexer.settings import ResidentSettings
    from search.resident import lifecycle
    from search.shell import printing

    if background + stop + status > 1:
        raise UsageError("--background, --stop and --status exclude each other; give one.")
    if not 0 < idle <= 1e9:
        raise UsageError(f"--idle takes a number of seconds above 0, not {idle:g}.")
    settings = ResidentSettings(idle=idle)

    def say(line: str) -> None:
        printing.print_line(line)
        sys.stdout.flush()

    folder = folder_of(store)
    if not (background or stop or status):
        lifecycle.serve(folder, run, say, settings)
        return FOUND
    if background:
        found = lifecycle.start_and_wait(folder, settings)
    else:
        state = lifecycle.stop(folder, settings) if stop else lifecycle.ask(folder)
        if state is None:
            say(f"No resident process answers for {folder}.")
            return NOTHING_FOUND
        found = state
    old = "is of an earlier version, and makes way for another at the next query"
    end = "has left" if stop else old if found.outdated else f"leaves after {found.idle:g} s without a query"
    say(f"The resident process {found.pid} for {found.folder} ({found.answered:,} answered) {end}.")
    return FOUND


@app.command()
def forget(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH", help="Files or folders to take out of the index.")
    ] = None,
    store: StoreOption = None,
    vanished: Annotated[
        bool, typer.Option("--vanished", help="Also every file that is no longer where it was.")
    ] = False,
) -> int:
    """Take files out of the index; the files themselves are never touched."""
    from search.shell import printing

    if not paths and not vanished:
        raise UsageError("Name what to forget, or give --vanished.")
    with library_of(store) as library:
        count = library.forget(*(paths or ()), vanished=vanished)
    printing.print_line(f"Forgot {count:,} file{'' if count == 1 else 's'}.")
    return FOUND


@app.command()
def models(
    show_all: Annotated[bool, typer.Option("--all", help="Every open_clip model (imports open_clip).")] = False,
    as_json: JsonOption = False,
) -> int:
    """The encoders that an index can be made with."""
    from indexer.encoders.registry import list_encoders
    from search.shell import printing

    encoders = list_encoders(all=show_all)
    if as_json:
        printing.print_json(printing.encoders_json(encoders))
    else:
        printing.print_encoders(encoders)
    return FOUND


@app.command()
def doctor(
    store: StoreOption = None,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Check the catalog, the indexes and the files against each other."""
    from search.shell import printing

    with library_of(store) as library:
        findings = library.repair() if repair else library.check()
        left = [finding for finding in (library.check() if repair else findings) if finding.grave]
    if as_json:
        printing.print_json(printing.findings_json(findings))
    else:
        printing.print_findings(findings, repaired=repair)
    return BROKEN_STORE if left else FOUND


def _cutoffs(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        raise UsageError(f"-k takes whole numbers with commas between them, such as 1,5,10, not {text!r}.")
    return tuple(int(part) for part in parts)


def _index_type(name: str | None) -> IndexType | None:
    from indexer.vectors.base import INDEX_TYPES

    if name is None:
        return None
    for known in INDEX_TYPES:
        if known == name:
            return known
    raise UsageError(f"--index takes {', '.join(INDEX_TYPES)}, not {name!r}.")


if TYPE_CHECKING:
    from indexer.vectors.base import IndexType


def main() -> None:
    """Run the command of `sys.argv` in this process, and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))


def parsed(arguments: list[str]) -> int:
    """Parse and run a command; the exit code. Raises SearchError, KeyboardInterrupt, BrokenPipeError."""
    try:
        return _parser().main(arguments, prog_name="search", standalone_mode=False) or FOUND
    except typer.Abort:
        raise KeyboardInterrupt from None
    except (SearchError, BrokenPipeError):
        raise
    except Exception as error:
        show = getattr(error, "show", None)  # typer's own complaints; where their class lives depends on its version
        if show is None:
            raise
        show()
        return WRONG_USE


@functools.cache
def _parser() -> Any:
    """What parses and calls the commands; made once: that takes 10 ms, and a resident process runs many commands."""
    return typer.main.get_command(app)
