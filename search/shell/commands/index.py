"""`search index`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.console.exit_codes import FOUND, SOME_FAILED
from search.shell.opened_library import folder_of
from search.shell.opened_library import library as library_of
from search.shell.options import AS_JSON, DEVICE, STORE, Options, argument, option

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.vectors.base import IndexType


class IndexOptions(Options):
    """The options of `search index`."""

    roots: list[Path] | None = argument(
        "FOLDER",
        default=None,
        help="Folders, files, tars, tables of names (.parquet), s3://BUCKET/PREFIX; none: all that the store knows.",
    )
    store: Path | None = STORE
    encoder: str | None = option(
        "--encoder",
        metavar="NAME",
        help="For a new store, or with --reencode: fast, balanced, best, multilingual, or a model (`search models`).",
    )
    device: str | None = DEVICE
    index_type: str | None = option(
        "--index", metavar="TYPE", help="flat, hnsw, ivf-flat, ivf-sq8 or ivf-pq (default: by size)."
    )
    recall: float | None = option(
        "--recall", metavar="SHARE", help="How many of the true first ten the index has to find (default: 0.95)."
    )
    ignore: list[str] | None = option(
        "--ignore",
        metavar="PATTERN",
        help="Leave out what matches (*.png, drafts/, by gitignore's rules), now and later; repeatable.",
    )
    no_ignore: list[str] | None = option(
        "--no-ignore", metavar="PATTERN", help="Take such a pattern away again; repeatable."
    )
    default_ignores: bool | None = option(
        "--default-ignores/--no-default-ignores",
        help="Leave out hidden and other usually unwanted folders (default: on; kept with the folder).",
    )
    tokens: bool | None = option(
        "--tokens/--no-tokens", help="Keep region tokens for reranking (default: on, about 3 kB an image)."
    )
    thumbnails: bool = option(
        "--thumbnails", default=False, help="Make the thumbnails of `search serve` too, which it makes at first use."
    )
    reencode: bool = option(
        "--reencode",
        default=False,
        help="Let --encoder take the place of the store's, which answers until all is encoded; `--encoder previous` "
        "takes it back.",
    )
    verify: bool = option(
        "--verify", default=False, help="Read every file and compare its content, whatever its size and times say."
    )
    engine: str | None = option(
        "--engine",
        metavar="URL",
        help="Who encodes: ray (a process a core), or ray://HOST:PORT (a cluster that sees the same files).",
    )
    as_json: bool = AS_JSON
    quiet: bool = option("--quiet", "-q", default=False, help="Say nothing unless something is wrong.")


def run(options: IndexOptions) -> int:
    """Encode folders of images into the index; only what is new or changed is read."""
    from search.fast_start.prefetch import prefetch_encoder

    prefetch = prefetch_encoder(folder_of(options.store), options.encoder, options.device)

    from indexer.settings import IndexSettings
    from search.console.wording import worded
    from search.shell import printing, run_report
    from search.shell.progress_bar import listener

    settings = IndexSettings(
        ignores=tuple(options.ignore or ()),
        unignores=tuple(options.no_ignore or ()),
        default_ignores=options.default_ignores,
        tokens=options.tokens,
        thumbnails=options.thumbnails,
    )
    with (
        library_of(options.store, options.encoder, options.device, prefetch) as library,
        listener(options.quiet or options.as_json) as progress,
    ):
        report = library.index(
            *(options.roots or ()),
            settings=settings,
            progress=progress,
            index_type=_index_type(options.index_type),
            recall=options.recall,
            reencode=options.reencode,
            verify=options.verify,
            engine=options.engine,
        )
    report = worded(report)
    if options.as_json:
        printing.print_json(run_report.report_json(report))
    else:
        run_report.print_report(report, quiet=options.quiet, store=options.store)
    return SOME_FAILED if report.failures else FOUND


def _index_type(name: str | None) -> IndexType | None:
    from indexer.vectors.base import INDEX_TYPES

    if name is None:
        return None
    for known in INDEX_TYPES:
        if known == name:
            return known
    from search.shell.slips import choice

    raise choice("--index", name, INDEX_TYPES)
