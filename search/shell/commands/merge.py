"""`search merge`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.console.exit_codes import FOUND
from search.shell.opened_library import library as library_of
from search.shell.options import AS_JSON, Options, argument, option

if TYPE_CHECKING:
    from pathlib import Path

#: Of both commands.
QUIET = option("--quiet", "-q", default=False, help="Show no progress.")


class MergeOptions(Options):
    """The options of `search merge`."""

    EXAMPLES = (
        "search merge laptop.search old.search --into all.search",
        "search merge photos.search --into postgresql://me@db.example/photos",
    )

    stores: list[Path] = argument("STORE", help="The stores that come in; they stay as they are.")
    into: Path = option(
        "--into", default=..., metavar="STORE", help="Where all of it goes: a new store, or one of the same encoder."
    )
    as_json: bool = AS_JSON
    quiet: bool = QUIET


def run(options: MergeOptions) -> int:
    """Make one index of several of the same encoder; nothing is encoded, and nothing is there twice."""
    import dataclasses

    from indexer.counted import counted
    from search.shell.printing import print_json, print_line
    from search.shell.progress_bar import listener

    with library_of(options.into) as library, listener(options.quiet or options.as_json) as progress:
        found = library.merge(*options.stores, progress=progress)
    if options.as_json:
        print_json(dataclasses.asdict(found))
        return FOUND
    came = f"{counted(found.images, 'image')} and {counted(found.texts, 'text')}"
    print_line(f"{came} came into {found.into}; {counted(found.known, 'file')} it had, or had forgotten.")
    if found.fitted:
        print_line(f"What was fitted came along: {', '.join(found.fitted)}.")
    if found.left:
        print_line(f"What was fitted to one of them did not come: {', '.join(found.left)}.")
    return FOUND
