"""What becomes of the hits of `search query`: printed, written to a contact sheet; for the rest see `query_effects`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.errors import UsageError
from search.console.answer_text import Form, Surroundings, answer_text, reason_of_absence, with_reason
from search.console.exit_codes import SOME_FAILED
from search.console.wording import in_shell_words
from search.shell import printing
from search.shell.query_effects import Effects, carry_out

if TYPE_CHECKING:
    from search.engine.indexed_file import Indexed
    from search.query.query import Query
    from search.query.settings import Target
    from search.results import Results


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is wanted of the hits. `folder`: of the store; `to`: what was looked for in it. `all_wanted`: nobody said
    how many."""

    folder: Path
    to: Target
    form: Form
    sheet: Path | None
    opens: bool
    copy_to: Path | None
    all_wanted: bool


def answer(wishes: Wishes, query: Query, results: Results, roots: Sequence[str], indexed: Mapping[str, Indexed]) -> int:
    """Do with the hits what is wanted; the exit code. `results`: in words of the shell. `roots`: the indexed folders,
    where hits are copied. `indexed`: what was indexed at the hits' paths, where they are copied or shown on a page."""
    absence = reason_of_absence(results, wishes.form, wishes.to, wishes.folder)
    said = answer_text(results, query, wishes.form, _surroundings(), absence, all_wanted=wishes.all_wanted)
    if isinstance(said.out, bytes):
        printing.print_bytes(said.out)
    elif wishes.copy_to is None or wishes.form != "json":  # else it says what was copied, and is printed with it
        printing.print_lines(said.out)
    for sentence in said.said:
        printing.complain(sentence)
    code = said.code
    sheet, trouble = _sheet(wishes, query, results, indexed)
    if trouble is not None:
        code = SOME_FAILED
    elif sheet is not None and wishes.form == "table":
        printing.print_line(f"Contact sheet: {sheet}")
    page = sheet if wishes.opens and results else None
    if wishes.copy_to is not None or page is not None:
        fields = with_reason(results, absence).to_json() if wishes.form == "json" else None
        code = carry_out(_effects(wishes, results, roots, indexed, fields, page, code))
    if trouble is not None:
        printing.complain(trouble)
    return code


def _surroundings() -> Surroundings:
    try:
        here = os.getcwd()
    except OSError:  # it is gone
        here = None
    return Surroundings(here, sys.stdout.isatty())


def _effects(
    wishes: Wishes,
    results: Results,
    roots: Sequence[str],
    indexed: Mapping[str, Indexed],
    fields: dict[str, Any] | None,
    page: Path | None,
    code: int,
) -> Effects:
    """What is to be copied and opened."""
    from search.shell.copy_hits import photographs

    return Effects(
        code,
        photographs(results),
        {path: each.digest for path, each in indexed.items() if each.inside},
        None if wishes.copy_to is None else os.fspath(wishes.copy_to),
        roots,
        None if wishes.copy_to is None else fields,
        is_table=wishes.form == "table",
        page=None if page is None else os.path.abspath(page),
    )


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
