"""An answer to a query as text: a table for people, paths for pipes, JSON for programs; and its exit code."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from indexer.storage.shown import is_shown
from search.console.escaping import escaped
from search.console.exit_codes import FOUND, NOTHING_FOUND
from search.console.results_table import DisplayPath, relative_to, table_lines
from search.console.wording import in_shell_words, worded
from search.results import Hit, Results

if TYPE_CHECKING:
    from search.query.query import Query
    from search.query.settings import Target

#: Hits, where nobody says how many: the best, and of a listing, which has no best, a page of a terminal.
SHOWN = 10
LISTED = 50

Form = Literal["table", "paths", "paths0", "json"]
"""`paths`: one a line; `paths0`: each ended by NUL."""
_ENDS = {"paths": b"\n", "paths0": b"\0"}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where an answer is read. `here`: the working folder, None where that is gone; `terminal`: by a person."""

    here: str | None
    terminal: bool

    @property
    def display(self) -> DisplayPath:
        """Paths below the working folder are relative to it."""
        return relative_to(self.here)


@dataclass(frozen=True, slots=True)
class Printed:
    """`out`: for stdout: lines that are escaped, or bytes for a program. `said`: sentences for stderr, in words of the
    shell."""

    code: int
    out: str | bytes
    said: tuple[str, ...] = ()


def count_shown(query: Query) -> int:
    """How many hits are shown where nobody says."""
    return SHOWN if query.terms else LISTED


def for_the_shell(results: Results, *notes: str) -> Results:
    """An answer with its sentences in words of the shell, and `notes` before them."""
    return worded(replace(results, notes=(*notes, *results.notes)))


def answer_text(
    results: Results,
    query: Query,
    form: Form,
    where: Surroundings,
    absence: str | None,
    *,
    all_wanted: bool,
    display: DisplayPath | None = None,
) -> Printed:
    """What the shell prints. `results`: in its words (`for_the_shell`); `absence`: why there is no hit
    (`reason_of_absence`); `all_wanted`: nobody said how many; `display`: how a table shows a path, if not as
    `where` has it."""
    code = FOUND if results else NOTHING_FOUND
    said: list[str] = []
    out: str | bytes
    if form == "json":
        out = json_text(with_reason(results, absence).to_json())
    elif form == "table":
        lines = table_lines(results, query.sort, display or where.display, header=where.terminal)
        out = "".join(f"{escaped(line)}\n" for line in lines)
    else:
        out, code, gone = _paths(results, _ENDS[form], where)
        said += [f"Note: {note}" for note in results.notes]
        if gone:
            hits = "1 hit was left out, its file is" if gone == 1 else f"{gone:,} hits were left out, their files are"
            said.append(f"{hits} not there; `search index` brings the index up to date.")
        if all_wanted and results.rest is not None:  # a program that reads paths would take them for all
            said.append(results.rest)
    if absence is not None:
        said.append(absence)
    return Printed(code, out, tuple(map(in_shell_words, said)))


def with_reason(results: Results, absence: str | None) -> Results:
    """JSON has the reason among its notes."""
    return results if absence is None else replace(results, notes=(*results.notes, absence))


def json_text(value: object) -> str:
    """ASCII only: a path that is not valid UTF-8 keeps its bytes as \\udcXX escapes. Raises ValueError for a number
    that is none, which no reader of JSON takes."""
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def reason_of_absence(results: Results, form: Form, to: Target, folder: Path) -> str | None:
    """Why nothing was found; None where something was, or where what is printed says so. `to`: what was looked for in
    the store at `folder`."""
    if results:
        return None
    if results.reason is not None:
        return None if form == "table" else results.reason
    if results.cut is not None and results.cut.best is not None:
        return results.absence if form in _ENDS else None
    from indexer.store import writer

    what = {"image": "images", "text": "captions"}.get(to, "images or captions")
    at_work = writer(folder)
    if at_work is not None:
        return f"the index holds no {what} yet, and {at_work} is filling it; ask again in a moment."
    if to == "text":
        return (
            "the index holds no captions; they come from the photographs themselves, from photo.txt beside photo.jpg, "
            "or from captions.jsonl in their folder, and `search index FOLDER` reads them."
        )
    return f"the index holds no {what}; `search index FOLDER` fills it, `search status` says what it has."


def _paths(results: Results, end: bytes, where: Surroundings) -> tuple[str | bytes, int, int]:
    """The paths of the hits' files as the file system has them, each once: a program is to open them, and none that is
    not there is printed. A terminal, which is no program, gets them as the table has them: it would act on what a name
    holds. With the exit code, and how many hits were left out."""
    paths = [file_of(hit) for hit in results]
    there = dict.fromkeys(path for path in paths if path is not None)
    code = FOUND if there else NOTHING_FOUND
    if where.terminal:
        return "".join(f"{escaped(path)}\n" for path in there), code, paths.count(None)
    return b"".join(os.fsencode(path) + end for path in there), code, paths.count(None)


def file_of(hit: Hit) -> str | None:
    """Where it is now; a copy of the photograph that a text is about is as good as the one that was named."""
    return next(filter(is_shown, hit.also), None) if hit.missing else hit.path
