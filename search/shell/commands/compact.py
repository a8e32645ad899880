"""`search compact`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.console.exit_codes import FOUND
from search.shell.opened_library import library as library_of
from search.shell.options import AS_JSON, STORE, Options

if TYPE_CHECKING:
    from pathlib import Path


class CompactOptions(Options):
    """The options of `search compact`."""

    store: Path | None = STORE
    as_json: bool = AS_JSON


def run(options: CompactOptions) -> int:
    """Give room back to the disk: of photographs that were edited or forgotten, and of work that was given up."""
    import dataclasses

    from search.shell.printing import print_json, print_line

    with library_of(options.store) as library:
        found = library.compact()
    if options.as_json:
        print_json(dataclasses.asdict(found))
        return FOUND
    print_line(f"Freed {found.freed / 1e6:,.1f} MB; the index has {found.bytes / 1e6:,.1f} MB now.")
    gone = (
        (found.contents, "photographs and texts that are no longer indexed"),
        (found.texts, "texts about forgotten photographs"),
        (found.vectors, "embeddings of encoders that do not answer"),
    )
    for count, what in gone:
        if count:
            print_line(f"Deleted: {count:,} {what}.")
    if not found.complete:
        print_line("Another process reads the index; the rest of the room comes back when it ends.")
    return FOUND
