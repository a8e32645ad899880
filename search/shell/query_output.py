"""What becomes of the hits of `search query`: printed, written to a contact sheet, copied, opened."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.shell import printing, results_table
from search.shell.exit_codes import FOUND, NOTHING_FOUND, SOME_FAILED

if TYPE_CHECKING:
    from search.query.query import Query, Target
    from search.results import Results
    from search.shell.copy_hits import Copies


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is wanted of the hits. `folder`: of the store; `to`: what was looked for in it. `path_end`: print paths
    alone, each ended by this."""

    folder: Path
    to: Target
    as_json: bool
    path_end: bytes | None
    sheet: Path | None
    opens: bool
    copy_to: Path | None


def answer(wishes: Wishes, query: Query, results: Results, roots: Sequence[str]) -> int:
    """Do with the hits what is wanted; the exit code. `roots`: the indexed folders, where hits are copied."""
    copies = _copied(wishes.copy_to, results)
    sheet = _sheet(wishes, query, results)
    if wishes.as_json:
        printing.print_json(_json(results, copies))
    elif wishes.path_end is not None:
        results_table.print_paths(results, wishes.path_end)
    else:
        results_table.print_results(results)
        if sheet is not None:
            printing.print_line(f"Contact sheet: {sheet}")
        if copies is not None and copies.targets:
            there = f", {copies.there:,} there already" if copies.there else ""
            printing.print_line(f"Copied to {copies.folder}: {copies.copied:,}{there}")
    if not results:
        _explain_absence(wishes, results)
    if copies is not None:
        _complain(copies, roots)
    if sheet is not None and results and wishes.opens:
        from search.shell.desktop import open_file

        sys.stdout.flush()
        open_file(os.path.abspath(sheet))
    if copies is not None and (copies.missing or copies.failed):
        return SOME_FAILED
    return FOUND if results else NOTHING_FOUND


def _copied(folder: Path | None, results: Results) -> Copies | None:
    if folder is None:
        return None
    from search.shell.copy_hits import copy_hits

    return copy_hits(results, os.fspath(folder))


def _sheet(wishes: Wishes, query: Query, results: Results) -> Path | None:
    """Where the contact sheet was written, in a new private folder when it is only to be opened."""
    path = wishes.sheet
    if path is None and wishes.opens and results:
        import tempfile

        path = Path(tempfile.mkdtemp(prefix="search-")) / "hits.html"
    if path is not None:
        from search.html.contact_sheet import write_sheet

        write_sheet(path, results, query)
    return path


def _json(results: Results, copies: Copies | None) -> dict[str, Any]:
    fields = results.to_json()
    if copies is None:
        return fields
    for hit in fields["hits"]:
        if hit["path"] in copies.targets:
            hit["copied_to"] = copies.targets[hit["path"]]
    return {**fields, "copies": copies.to_json()}


def _explain_absence(wishes: Wishes, results: Results) -> None:
    """Say why nothing was found, unless what was printed says so."""
    if results.cut is not None and results.cut.best is not None:
        if wishes.path_end is not None:
            printing.complain(results.absence)
        return
    from indexer.store import writer

    what = {"image": "images", "text": "captions"}.get(wishes.to, "images or captions")
    at_work = writer(wishes.folder)
    if at_work is not None:
        printing.complain(f"the index holds no {what} yet, and {at_work} is filling it; ask again in a moment.")
    else:
        printing.complain(
            f"the index holds no {what}; `search index FOLDER` fills it, `search status` says what it has."
        )


def _complain(copies: Copies, roots: Sequence[str]) -> None:
    """What did not go as a person expects, each with its reason."""
    for path in copies.missing:
        printing.complain(f"{path} is not there any more, and was not copied.")
    for failure in copies.failed:
        printing.complain(f"{failure.path} could not be copied: {failure.reason}.")
    root = next((root for root in roots if os.path.join(copies.folder, "").startswith(os.path.join(root, ""))), None)
    if copies.copied and root is not None:
        printing.complain(f"{copies.folder} is inside the indexed folder {root}; the next run indexes the copies, too.")
