"""`search forget`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from indexer.counted import counted
from indexer.errors import UsageError
from search.console.exit_codes import FOUND
from search.shell.opened_library import library as library_of
from search.shell.options import AS_JSON, STORE, Options, argument, option

if TYPE_CHECKING:
    from pathlib import Path


class ForgetOptions(Options):
    """The options of `search forget`."""

    paths: list[Path] | None = argument("PATH", default=None, help="Files or folders to take out of the index.")
    store: Path | None = STORE
    vanished: bool = option("--vanished", default=False, help="Also every file that is no longer where it was.")
    as_json: bool = AS_JSON


def run(options: ForgetOptions) -> int:
    """Take files out of the index, and keep them out; the files themselves are never touched."""
    import dataclasses

    from search.shell.printing import print_json, print_line

    if not options.paths and not options.vanished:
        raise UsageError("Name what to forget, or give --vanished.")
    with library_of(options.store) as library:
        found = library.forget(*(options.paths or ()), vanished=options.vanished)
    if options.as_json:
        print_json(dataclasses.asdict(found))
        return FOUND
    print_line(f"Forgot {counted(found.files, 'file')}.")
    for path in found.excluded:
        print_line(f"{path} stays out from now on; `search index {shlex.quote(path)}` brings it back.")
    return FOUND
