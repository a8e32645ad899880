"""`search status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.console.exit_codes import FOUND
from search.shell.opened_library import library as library_of
from search.shell.options import AS_JSON, STORE, Options, option

if TYPE_CHECKING:
    from pathlib import Path


class StatusOptions(Options):
    """The options of `search status`."""

    store: Path | None = STORE
    failed: bool = option("--failed", default=False, help="Name the files that could not be indexed, and why.")
    left_out: bool = option(
        "--left-out", default=False, help="Name the files that are neither images nor captions (camera raw, videos)."
    )
    as_json: bool = AS_JSON


def run(options: StatusOptions) -> int:
    """What the index holds, and how it is doing."""
    from search.console.status_table import status_json, status_lines
    from search.shell import printing

    with library_of(options.store) as library:
        found = library.status()
        left_out = library.left_out() if options.left_out else None
    if options.as_json:
        printing.print_json(status_json(found, left_out))
    else:
        for line in status_lines(found, left_out, failed=options.failed):
            printing.print_line(line)
    return FOUND
