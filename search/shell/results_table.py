"""What `search query` prints: a table for people, paths for pipes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from search.results import NOTHING_MATCHES, Hit, Results, percent
from search.shell.printing import print_line, printable
from search.shell.wording import in_shell_words

if TYPE_CHECKING:
    from search.query.settings import Order
    from search.rerank.explain import Explanation

#: Other paths of a photograph that the table names.
SHOWN_COPIES = 3

#: Characters of a date to the minute.
_KEY_WIDTH = 16

#: Words of a query that the table explains.
SHOWN_WORDS = 12


def print_paths(results: Results, end: bytes) -> tuple[int, int]:
    """The paths of the hits' files as the file system has them, each once: a program is to open them, and none that is
    not there is printed. How many were, and how many hits were left out. A terminal, which is no program, gets them as
    the table has them: it would act on what a name holds."""
    sys.stdout.flush()
    paths = [_file(hit) for hit in results]
    there = dict.fromkeys(path for path in paths if path is not None)
    shown = sys.stdout.isatty()
    for path in there:
        sys.stdout.buffer.write(
            printable(path).encode(sys.stdout.encoding) + b"\n" if shown else os.fsencode(path) + end
        )
    return len(there), paths.count(None)


def _file(hit: Hit) -> str | None:
    """Where it is now; a copy of the photograph that a text is about is as good as the one that was named."""
    return next(filter(os.path.exists, hit.also), None) if hit.missing else hit.path


def print_results(results: Results, order: Order | None = None) -> None:
    """A table: rank, score, probability (or a word), path, and what else is known. Weak hits are marked as such, and
    where all are, that nothing matches well stands above them. On a terminal a line says what the columns are.

    Of what is sorted, or what filters alone have found, also what `order` goes by (the date, where it is none). Then
    what was left out and how many more there are, where that is known.
    """
    for note in results.notes:
        print_line(f"Note: {note}")
    if not results:
        print_line(in_shell_words(results.absence))
        return
    if results.nothing_matches:
        print_line(NOTHING_MATCHES)
    width = len(str(len(results)))
    wide = len("strong" if any(hit.match for hit in results) else "<1 % ")
    mark = len(" weak") if any(hit.weak and hit.match is None for hit in results) else 0
    if sys.stdout.isatty():  # what reads a pipe reads hits
        print_line(_header(results, order, width, wide + mark))
    for rank, hit in enumerate(results, 1):
        known = f"{rank:>{width}}  "
        if hit.score is not None:
            chance = hit.match or ("" if hit.probability is None else percent(hit.probability))
            weak = " weak" if hit.weak and hit.match is None else ""
            known += f"{hit.score:6.3f}  {chance:>{wide}}{weak:<{mark}}  "
        if hit.score is None or order not in (None, "score"):
            known += f"{_key(hit, order):<{_KEY_WIDTH}}  "
        print_line(f"{known}{display_path(hit.path)}{_details(hit, order)}")
        if hit.explanation is not None:
            print_line(f"{'':{len(known)}}{_words(hit.explanation)}")
    for said in (results.left_out, results.rest):
        if said is not None:
            print_line(in_shell_words(said))


def _header(results: Results, order: Order | None, width: int, wide: int) -> str:
    """What the columns are. `wide`: of the probability; without one its place is empty."""
    said = f"{'#':>{width}}  "
    scored = [hit for hit in results if hit.score is not None]
    if scored:
        chance = "match" if any(hit.match for hit in scored) else "prob."
        known = any(hit.match or hit.probability is not None for hit in scored)
        said += f"{'score':>6}  {chance if known else '':<{wide}}  "
    if not scored or order not in (None, "score"):
        said += f"{'size' if order in ('size', '-size') else 'date':<{_KEY_WIDTH}}  "
    return f"{said}path"


def _key(hit: Hit, order: Order | None) -> str:
    """What a sorted hit stands where it does for; of its name the path says enough, and the date is worth more."""
    if order in ("size", "-size"):
        try:
            return f"{os.path.getsize(hit.path):,} B".rjust(_KEY_WIDTH)
        except OSError:
            return ""
    return _date(hit) or "(no date)"


def display_path(path: str) -> str:
    """Relative to the working folder when it lies below it."""
    try:
        here = os.getcwd() + os.sep
    except OSError:  # the working folder is gone
        return path
    return path[len(here) :] if path.startswith(here) else path


def _details(hit: Hit, order: Order | None) -> str:
    said = []
    if hit.text is not None:
        said.append(f"“{hit.text}”")
    elif hit.score is not None and order in (None, "score") and hit.date is not None and hit.date_from != "file":
        said.append(f"{hit.date:%Y-%m-%d}")  # of what is sorted it stands in front; that of a file says little
    if hit.place is not None:
        said.append(str(hit.place))
    if hit.found_by == "words":
        said.append("(found by its words)")
    if hit.same:
        said.append("(the query image)")
    if hit.missing:
        said.append("(the file is not there)")
    if hit.also and hit.kind == "image":
        more = len(hit.also) - SHOWN_COPIES
        shown = ", ".join(map(display_path, hit.also[:SHOWN_COPIES]))
        said.append(f"(also {shown}{f' and {more:,} more' if more > 0 else ''})")
    return "".join(f"  {one}" for one in said)


def _date(hit: Hit) -> str | None:
    """When it was taken, to the minute."""
    return None if hit.date is None else f"{hit.date:%Y-%m-%d %H:%M}"


def _words(explanation: Explanation) -> str:
    """The words that count most, in the order of the query: how well each was found, and how much it counts."""
    shown = [
        f"{word.word} {'not found' if word.box is None else f'{word.similarity:.2f}'} ({word.weight:.0%})"
        for _, word in explanation.heaviest(SHOWN_WORDS)
    ]
    return "  ".join(shown) + ("  …" if len(explanation.words) > SHOWN_WORDS else "")
