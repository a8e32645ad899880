"""`search status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.resident.library_context import library as library_of
from search.shell.exit_codes import FOUND
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
    from search.shell import printing, status_table

    with library_of(options.store) as library:
        found = library.status()
        left_out = library.left_out() if options.left_out else None
    if options.as_json:
        printing.print_json(status_table.status_json(found, left_out))
    elif options.failed or left_out is not None:
        if options.failed:
            status_table.print_failures(found)
        if left_out is not None:
            status_table.print_left_out(left_out)
    else:
        status_table.print_status(found)
    return FOUND
