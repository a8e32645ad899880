"""A table of hits for people: its lines, as text that is not yet escaped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from search.console.wording import in_shell_words
from search.results import NOTHING_MATCHES, Hit, Results, percent

if TYPE_CHECKING:
    from search.query.settings import Order
    from search.rerank.explain import Explanation

#: Other paths of a photograph that the table names.
SHOWN_COPIES = 3

#: Characters of a date to the minute.
_KEY_WIDTH = 16

#: Words of a query that the table explains.
SHOWN_WORDS = 12


#: What stands below a hit that is explained.
EXPLAINED = "Below a hit: words, how well the best region of the picture fits each (up to 1), (its share of the query)"

#: A path as a person reads it.
DisplayPath = Callable[[str], str]


def table_lines(results: Results, order: Order | None, display: DisplayPath, *, header: bool) -> Iterator[str]:
    """A table: rank, score, probability (or a word), path, and what else is known. Weak hits are marked as such, and
    where all are, that nothing matches well stands above them. `header`: a line says what the columns are,
    and one before it what the numbers of explanations are.

    Of what is sorted, or what filters alone have found, also what `order` goes by (the date, where it is none). Then
    what was left out and how many more there are, where that is known.
    """
    for note in results.notes:
        yield f"Note: {note}"
    if not results:
        yield in_shell_words(results.absence)
        return
    if results.nothing_matches:
        yield NOTHING_MATCHES
    width = len(str(len(results)))
    wide = len("strong" if any(hit.match for hit in results) else "<1 % ")
    mark = len(" weak") if any(hit.weak and hit.match is None for hit in results) else 0
    if header:
        if any(hit.explanation is not None for hit in results):
            yield EXPLAINED
        yield _header(results, order, width, wide + mark)
    for rank, hit in enumerate(results, 1):
        known = f"{rank:>{width}}  "
        if hit.score is not None:
            chance = hit.match or ("" if hit.probability is None else percent(hit.probability))
            weak = " weak" if hit.weak and hit.match is None else ""
            known += f"{hit.score:6.3f}  {chance:>{wide}}{weak:<{mark}}  "
        if hit.score is None or order not in (None, "score"):
            known += f"{_key(hit, order):<{_KEY_WIDTH}}  "
        yield f"{known}{display(hit.path)}{_details(hit, order, display)}"
        if hit.explanation is not None:
            yield f"{'':{len(known)}}{_words(hit.explanation)}"
    for said in (results.left_out, results.rest):
        if said is not None:
            yield in_shell_words(said)


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


def relative_to(here: str | None) -> DisplayPath:
    """Relative to the working folder `here` where a path lies below it; None: there is none."""
    if here is None:
        return str
    below = os.path.join(here, "")
    return lambda path: path[len(below) :] if path.startswith(below) else path


def _details(hit: Hit, order: Order | None, display: DisplayPath) -> str:
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
        shown = ", ".join(map(display, hit.also[:SHOWN_COPIES]))
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
