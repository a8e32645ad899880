"""`search forget`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexer.errors import UsageError
from search.resident.library_context import library as library_of
from search.shell.exit_codes import FOUND
from search.shell.options import STORE, Options, argument, option

if TYPE_CHECKING:
    from pathlib import Path


class ForgetOptions(Options):
    """The options of `search forget`."""

    paths: list[Path] | None = argument("PATH", default=None, help="Files or folders to take out of the index.")
    store: Path | None = STORE
    vanished: bool = option("--vanished", default=False, help="Also every file that is no longer where it was.")


def run(options: ForgetOptions) -> int:
    """Take files out of the index; the files themselves are never touched."""
    from search.shell.printing import print_line

    if not options.paths and not options.vanished:
        raise UsageError("Name what to forget, or give --vanished.")
    with library_of(options.store) as library:
        count = library.forget(*(options.paths or ()), vanished=options.vanished)
    print_line(f"Forgot {count:,} file{'' if count == 1 else 's'}.")
    return FOUND
