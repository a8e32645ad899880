"""What `search query` does besides printing: it copies the hits' photographs, and opens a page of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.console.exit_codes import SOME_FAILED
from search.shell import printing

#: Photographs that are named one by one when they could not be copied.
_NAMED = 20


@dataclass(frozen=True, slots=True)
class Effects:
    """What is to be done, and the exit code of the command when all goes well.

    `photographs`: of each hit's path, where its photograph may be now; `digests`: by path, the SHA-256 of what was
    indexed there, of paths in indexed folders. `copy_to`: the folder for them; `roots`: the
    indexed folders. `results`: JSON that is to be printed with what was copied; None where the hits are printed.
    `is_table`: for people. `page`: the path of a page to open.
    """

    code: int
    photographs: Mapping[str, Sequence[str]]
    digests: Mapping[str, str]
    copy_to: str | None
    roots: Sequence[str]
    results: dict[str, Any] | None
    is_table: bool
    page: str | None


def carry_out(effects: Effects) -> int:
    """Do it; the exit code. Raises UsageError when the folder cannot be made, or nothing can be opened."""
    code = effects.code
    if effects.copy_to is not None and not _copy(effects, effects.copy_to):
        code = SOME_FAILED
    if effects.page is not None:
        from search.shell.desktop import open_file

        sys.stdout.flush()
        open_file(effects.page)
    return code


def _copy(effects: Effects, folder: str) -> bool:
    """Copy, and say what became of it; whether every photograph is there now."""
    from search.shell.copy_hits import copy_photographs

    copies = copy_photographs(effects.photographs, effects.digests, folder)
    if effects.results is not None:
        for hit in effects.results["hits"]:
            if hit["path"] in copies.targets:
                hit["copied_to"] = copies.targets[hit["path"]]
        printing.print_json({**effects.results, "copies": copies.to_json()})
    elif effects.is_table and copies.targets:
        there = f", {copies.there:,} there already" if copies.there else ""
        printing.print_line(f"Copied to {copies.folder}: {copies.copied:,}{there}")
    wrong = [f"{path} is not there any more, and was not copied." for path in copies.missing]
    wrong += [f"{failure.path} could not be copied: {failure.reason}." for failure in copies.failed]
    for sentence in wrong[:_NAMED]:
        printing.complain(sentence)
    if len(wrong) > _NAMED:
        printing.complain(f"and {len(wrong) - _NAMED:,} more could not be copied; --json names them all.")
    inside = os.path.join(copies.folder, "")
    root = next((root for root in effects.roots if inside.startswith(os.path.join(root, ""))), None)
    if copies.copied and root is not None:
        printing.complain(f"{copies.folder} is inside the indexed folder {root}; the next run indexes the copies, too.")
    return not wrong
