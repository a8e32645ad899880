"""`search roots list`, which is `search roots` as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.console.exit_codes import FOUND
from search.shell.opened_library import library as library_of
from search.shell.options import AS_JSON, STORE, Options

if TYPE_CHECKING:
    from pathlib import Path


class RootsOptions(Options):
    """The options of `search roots list`."""

    EXAMPLES = ("search roots", "search roots list --json")

    store: Path | None = STORE
    as_json: bool = AS_JSON


def run(options: RootsOptions) -> int:
    """List the indexed folders; how many photographs and texts each holds, and whether it is there."""
    import dataclasses

    from indexer.counted import counted
    from search.shell.printing import print_json, print_line

    with library_of(options.store) as library:
        found = library.collections()
    if options.as_json:
        print_json([dataclasses.asdict(each) for each in found])
        return FOUND
    for each in found:
        away = "" if each.present else ", not there now"
        print_line(f"{each.path}: {counted(each.images, 'image')}, {counted(each.texts, 'text')}{away}")
    if not found:
        print_line("No folder is indexed.")
    return FOUND
