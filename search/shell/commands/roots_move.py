"""`search roots move`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.console.exit_codes import FOUND
from search.shell.opened_library import library as library_of
from search.shell.options import AS_JSON, STORE, Options, argument

if TYPE_CHECKING:
    from pathlib import Path


class RootsMoveOptions(Options):
    """The options of `search roots move`."""

    EXAMPLES = (
        "search roots move ~/Pictures /mnt/archive/Pictures    to another drive",
        "search roots move /photos/2019 /mnt/old/2019          a part of an indexed folder",
    )

    old: Path = argument("OLD", help="Where it was: an indexed folder, or a folder or file below one.")
    new: Path = argument("NEW", help="Where it is now; it has to be there.")
    store: Path | None = STORE
    as_json: bool = AS_JSON


def run(options: RootsMoveOptions) -> int:
    """Say that an indexed folder is at another place now; all that is known of it follows, and nothing is encoded."""
    import dataclasses

    from indexer.counted import counted
    from search.shell.printing import print_json, print_line

    with library_of(options.store) as library:
        found = library.relocate(options.old, options.new)
    if options.as_json:
        print_json(dataclasses.asdict(found))
        return FOUND
    kept = f", {counted(found.exclusions, 'exclusion')}" if found.exclusions else ""
    print_line(
        f"{found.old} is {found.new} now: {counted(found.files, 'file')} "
        f"({counted(found.photographs, 'photograph')}){kept}; nothing is encoded again."
    )
    return FOUND
