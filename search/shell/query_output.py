"""What becomes of the hits of `search query`: printed, written to a contact sheet, copied, opened."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.shell import printing, results_table
from search.shell.exit_codes import FOUND, NOTHING_FOUND, SOME_FAILED

if TYPE_CHECKING:
    from search.query.query import Query
    from search.results import Results
    from search.shell.commands.query import QueryOptions
    from search.shell.copy_hits import Copies


def answer(options: QueryOptions, query: Query, results: Results, roots: Sequence[str]) -> int:
    """Do with the hits what the options say; the exit code. `roots`: the indexed folders, where hits are copied."""
    copies = _copied(options, results)
    sheet = _sheet(options, query, results)
    if options.as_json:
        printing.print_json(_json(results, copies))
    elif options.paths or options.print0:
        results_table.print_paths(results, b"\0" if options.print0 else b"\n")
    else:
        results_table.print_results(results)
        if sheet is not None:
            printing.print_line(f"Contact sheet: {sheet}")
        if copies is not None and copies.targets:
            there = f", {copies.there:,} there already" if copies.there else ""
            printing.print_line(f"Copied to {copies.folder}: {copies.copied:,}{there}")
    if not results:
        _explain_absence(options, results)
    if copies is not None:
        _complain(copies, roots)
    if sheet is not None and results and options.opens:
        from search.shell.desktop import open_file

        sys.stdout.flush()
        open_file(os.path.abspath(sheet))
    if copies is not None and (copies.missing or copies.failed):
        return SOME_FAILED
    return FOUND if results else NOTHING_FOUND


def _copied(options: QueryOptions, results: Results) -> Copies | None:
    if options.copy_to is None:
        return None
    from search.shell.copy_hits import copy_hits

    return copy_hits(results, os.fspath(options.copy_to))


def _sheet(options: QueryOptions, query: Query, results: Results) -> Path | None:
    """Where the contact sheet was written, in a new private folder when it is only to be opened."""
    path = options.sheet
    if path is None and options.opens and results:
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


def _explain_absence(options: QueryOptions, results: Results) -> None:
    """Say why nothing was found, unless what was printed says so."""
    if results.cut is not None and results.cut.best is not None:
        if options.paths or options.print0:
            printing.complain(results.absence)
        return
    what = {"image": "images", "text": "captions"}.get(options.to, "images or captions")
    printing.complain(f"the index holds no {what}; `search index FOLDER` fills it, `search status` says what it has.")


def _complain(copies: Copies, roots: Sequence[str]) -> None:
    """What did not go as a person expects, each with its reason."""
    for path in copies.missing:
        printing.complain(f"{path} is not there any more, and was not copied.")
    for failure in copies.failed:
        printing.complain(f"{failure.path} could not be copied: {failure.reason}.")
    root = next((root for root in roots if os.path.join(copies.folder, "").startswith(os.path.join(root, ""))), None)
    if copies.copied and root is not None:
        printing.complain(f"{copies.folder} is inside the indexed folder {root}; the next run indexes the copies, too.")
