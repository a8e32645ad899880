"""`search split`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.console.exit_codes import FOUND
from search.shell.commands.merge import QUIET
from search.shell.opened_library import library as library_of
from search.shell.options import AS_JSON, STORE, Options, argument, option

if TYPE_CHECKING:
    from pathlib import Path


class SplitOptions(Options):
    """The options of `search split`."""

    EXAMPLES = ("search split ~/Pictures/work --into work.search",)

    folder: Path = argument("FOLDER", help="An indexed folder, or one below it.")
    into: Path = option(
        "--into", default=..., metavar="STORE", help="The store that it becomes: a new one, or one of the same encoder."
    )
    store: Path | None = STORE
    as_json: bool = AS_JSON
    quiet: bool = QUIET


def run(options: SplitOptions) -> int:
    """Make a folder an index of its own, without encoding; the first one keeps the rest."""
    import dataclasses

    from indexer.counted import counted
    from search.shell.printing import print_json, print_line
    from search.shell.progress_bar import listener

    with library_of(options.store) as library, listener(options.quiet or options.as_json) as progress:
        found = library.split(options.folder, options.into, progress=progress)
    if options.as_json:
        print_json(dataclasses.asdict(found))
        return FOUND
    print_line(f"{found.into} has {counted(found.images, 'image')} and {counted(found.texts, 'text')} of its own now.")
    if found.left:
        print_line(f"What was fitted to the whole did not come: {', '.join(found.left)}.")
    return FOUND
