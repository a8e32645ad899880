"""What becomes of the hits of `search query`: printed, written to a contact sheet; for the rest see `query_effects`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.errors import UsageError
from search.shell import printing, results_table
from search.shell.exit_codes import FOUND, NOTHING_FOUND, SOME_FAILED
from search.shell.wording import in_shell_words

if TYPE_CHECKING:
    from search.engine.indexed import Indexed
    from search.query.query import Query
    from search.query.settings import Target
    from search.results import Results


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is wanted of the hits. `folder`: of the store; `to`: what was looked for in it. `path_end`: print paths
    alone, each ended by this. `all_wanted`: nobody said how many."""

    folder: Path
    to: Target
    as_json: bool
    path_end: bytes | None
    sheet: Path | None
    opens: bool
    copy_to: Path | None
    all_wanted: bool


def answer(wishes: Wishes, query: Query, results: Results, roots: Sequence[str], indexed: Mapping[str, Indexed]) -> int:
    """Do with the hits what is wanted; the exit code. `roots`: the indexed folders, where hits are copied. `indexed`:
    what was indexed at the hits' paths, where they are copied or shown on a page."""
    code = FOUND if results else NOTHING_FOUND
    reason = None if results else _reason_of_absence(wishes, results)
    if wishes.as_json and reason is not None:
        results = replace(results, notes=(*results.notes, reason))
    fields = results.to_json() if wishes.as_json else None
    if fields is not None:
        if wishes.copy_to is None:
            printing.print_json(fields)
    elif wishes.path_end is not None:
        code = _print_paths(results, wishes.path_end)
        if wishes.all_wanted and results.rest is not None:  # a program that reads paths would take them for all
            printing.complain(results.rest)
    else:
        results_table.print_results(results, query.sort)
    if reason is not None:
        printing.complain(reason)
    sheet, trouble = _sheet(wishes, query, results, indexed)
    if trouble is not None:
        code = SOME_FAILED
    elif sheet is not None and wishes.path_end is None and fields is None:
        printing.print_line(f"Contact sheet: {sheet}")
    page = sheet if wishes.opens and results else None
    if wishes.copy_to is not None or page is not None:
        code = _effects(wishes, results, roots, indexed, fields, page, code)
    if trouble is not None:
        printing.complain(trouble)
    return code


def _print_paths(results: Results, end: bytes) -> int:
    """The exit code: nothing is found where no file of a hit is there."""
    printed, gone = results_table.print_paths(results, end)
    if gone:
        hits = "1 hit was left out, its file is" if gone == 1 else f"{gone:,} hits were left out, their files are"
        printing.complain(f"{hits} not there; `search index` brings the index up to date.")
    return FOUND if printed else NOTHING_FOUND


def _effects(
    wishes: Wishes,
    results: Results,
    roots: Sequence[str],
    indexed: Mapping[str, Indexed],
    fields: dict[str, Any] | None,
    page: Path | None,
    code: int,
) -> int:
    """Copy and open, or leave that to the process of the command; the exit code."""
    from search.resident.handover import leave
    from search.shell.copy_hits import photographs
    from search.shell.query_effects import Effects, carry_out

    effects = Effects(
        code,
        photographs(results),
        {path: each.digest for path, each in indexed.items() if each.inside},
        None if wishes.copy_to is None else os.fspath(wishes.copy_to),
        roots,
        None if wishes.copy_to is None else fields,
        is_table=wishes.path_end is None and fields is None,
        page=None if page is None else os.path.abspath(page),
    )
    return code if leave(effects.to_bytes()) else carry_out(effects)


def _sheet(
    wishes: Wishes, query: Query, results: Results, indexed: Mapping[str, Indexed]
) -> tuple[Path | None, str | None]:
    """Where the contact sheet was written, in a new private folder when it is only to be opened; or why it was not.
    The hits are printed by then: they are worth more than the page."""
    path = wishes.sheet
    if path is None and not (wishes.opens and results):
        return None, None
    from search.html.contact_sheet import write_sheet

    if not results:
        results = replace(results, reason=in_shell_words(results.absence))
    try:
        if path is not None:
            write_sheet(path, results, query, indexed)
        else:
            path = _private_folder() / "hits.html"
            try:
                write_sheet(path, results, query, indexed)
            except UsageError:
                path.parent.rmdir()  # it holds nothing
                raise
    except UsageError as error:
        return None, str(error)
    return path, None


def _private_folder() -> Path:
    """A new one that nobody else can read. Raises UsageError."""
    import tempfile

    try:
        return Path(tempfile.mkdtemp(prefix="search-"))
    except OSError as error:
        raise UsageError(
            f"There is no folder for a page to open ({error.strerror}); make room, or name a file with --sheet."
        ) from error


def _reason_of_absence(wishes: Wishes, results: Results) -> str | None:
    """Why nothing was found; None where what is printed says so."""
    if results.reason is not None:
        return results.reason if wishes.as_json or wishes.path_end is not None else None
    if results.cut is not None and results.cut.best is not None:
        return None if wishes.path_end is None else results.absence
    from indexer.store import writer

    what = {"image": "images", "text": "captions"}.get(wishes.to, "images or captions")
    at_work = writer(wishes.folder)
    if at_work is not None:
        return f"the index holds no {what} yet, and {at_work} is filling it; ask again in a moment."
    return f"the index holds no {what}; `search index FOLDER` fills it, `search status` says what it has."
