"""`search probe train`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.console.exit_codes import FOUND
from search.shell.opened_library import library as library_of
from search.shell.options import AS_JSON, DEVICE, STORE, Options, argument, option

if TYPE_CHECKING:
    from pathlib import Path


class ProbeTrainOptions(Options):
    """The options of `search probe train`."""

    EXAMPLES = (
        "search probe train ./examples               # ./examples/cat/*.jpg, ./examples/dog/*.jpg",
        "search probe train ./train --test ./test --name pets",
    )

    folder: Path = argument(
        "FOLDER", help="Its subfolders' names are the classes, the photographs below them examples."
    )
    name: str | None = option("--name", metavar="NAME", help="What the store calls it (default: as the folder).")
    store: Path | None = STORE
    out: Path | None = option("--out", metavar="FILE", help="Write this file instead; needs no index.")
    test: Path | None = option(
        "--test", metavar="FOLDER", help="Measure on these, by class (default: a fifth of the examples is held out)."
    )
    encoder: str | None = option("--encoder", metavar="NAME", help="Whose vectors (default: the store's own encoder).")
    device: str | None = DEVICE
    seed: int = option("--seed", default=0, metavar="N", help="Number from which chance is drawn: the parts held out.")
    as_json: bool = AS_JSON
    quiet: bool = option("--quiet", "-q", default=False, help="Show no progress.")


def run(options: ProbeTrainOptions) -> int:
    """Train a classifier of your own classes on examples in folders; `search classify` uses it."""
    from search.console.wording import worded
    from search.shell import printing
    from search.shell.progress_bar import listener

    with (
        library_of(options.store, options.encoder, options.device) as library,
        listener(options.quiet or options.as_json) as progress,
    ):
        found = worded(
            library.train_probe(
                options.folder,
                name=options.name,
                out=options.out,
                test=options.test,
                seed=options.seed,
                progress=progress,
            )
        )
    if options.as_json:
        printing.print_json(found.to_json())
    else:
        from search.shell.classification_table import training_lines

        for line in training_lines(found):
            printing.print_line(line)
        printing.print_line(f"Next: `{_next_step(options, found.path)}`")
    return FOUND


def _next_step(options: ProbeTrainOptions, path: str) -> str:
    """The command that uses a probe which was written to `path`."""
    from pathlib import PurePath
    from shlex import quote

    if options.out is not None:
        return f"search classify FOLDER --probe {quote(path)}"
    store = "" if options.store is None else f" --store {quote(str(options.store))}"
    return f"search classify FOLDER --probe {quote(PurePath(path).stem)}{store}"
