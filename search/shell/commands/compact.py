"""`search compact`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.console.exit_codes import FOUND
from search.shell.opened_library import library as library_of
from search.shell.options import AS_JSON, STORE, Options, option

if TYPE_CHECKING:
    from pathlib import Path


class CompactOptions(Options):
    """The options of `search compact`."""

    store: Path | None = STORE
    trainings: bool = option(
        "--trainings", default=False, help="Let go what interrupted trainings have computed, which is kept otherwise."
    )
    as_json: bool = AS_JSON


def run(options: CompactOptions) -> int:
    """Give room back to the disk: of edited and forgotten photographs, and of changes of encoder that were given up."""
    import dataclasses

    from indexer.training.work_folder import unfinished
    from search.console.trainings import training_text
    from search.shell.printing import print_json, print_line

    with library_of(options.store) as library:
        found = library.compact(trainings=options.trainings)
        kept = unfinished(library.folder)
    if options.as_json:
        print_json(dataclasses.asdict(found))
        return FOUND
    print_line(f"Freed {found.freed / 1e6:,.1f} MB; the index has {found.bytes / 1e6:,.1f} MB now.")
    gone = (
        (found.contents, "photographs and texts that are no longer indexed"),
        (found.texts, "texts about forgotten photographs"),
        (found.vectors, "embeddings of encoders that do not answer"),
        (found.trainings, "interrupted trainings"),
    )
    for count, what in gone:
        if count:
            print_line(f"Deleted: {count:,} {what}.")
    for training in kept:
        print_line(f"Kept: {training_text(training)}.")
    if not found.complete:
        print_line("Another process reads the index; the rest of the room comes back when it ends.")
    return FOUND
