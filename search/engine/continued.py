"""Where an answer goes on: an opaque line of text that belongs to one question to one store."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from indexer.errors import UsageError
from search.cursor_text import packed, unpacked
from search.engine.places import Place

#: Places that pages can go through: a page costs as much as all before it.
MOST_GIVEN: Final = 1_000_000
#: Items that a cursor names: some of them may be gone when it comes back.
NAMED: Final = 8


@dataclass(frozen=True, slots=True)
class Continued:
    """What stands behind the first `given` places of an answer. `asked`: of which question (`digest_of`). `generation`:
    of the catalog at its first page, `newest`: the highest id of an item then. `last`: the items that were given last,
    in their order, and the `score` of the last one, None where filters alone were asked."""

    asked: str
    generation: int
    newest: int
    given: int
    last: tuple[int, ...]
    score: float | None

    def __str__(self) -> str:
        return packed([self.asked, self.score, self.generation, self.newest, self.given, *self.last])

    @classmethod
    def read(cls, text: str, asked: str) -> Continued:
        """Raises UsageError for what is none, and for that of another question."""
        try:
            own, score, *numbers = unpacked(text)
            if not isinstance(own, str) or not all(type(one) is int and 0 <= one < 2**63 for one in numbers):
                raise ValueError
            if score is not None and type(score) is not float:
                raise ValueError
            generation, newest, given, *last = cast(list[int], numbers)
            if given > MOST_GIVEN or not last:
                raise ValueError
        except ValueError:
            raise UsageError("This `after` is none that an answer gave; pass `Results.cursor` as it is.") from None
        if own != asked:
            raise UsageError(
                "This `after` is the cursor of another query; ask with the same query and options as before (`k` may "
                "be another)."
            )
        return cls(own, generation, newest, given, tuple(last), score)

    def check(self, generation: int) -> None:
        """Raises UsageError where the store at this generation cannot have given it."""
        if self.generation > generation:
            raise UsageError("This `after` is a cursor of another store, or of a later state of it; begin anew.")

    def start(self, places: Sequence[Place], *, by_score: bool) -> int:
        """Where in `places`, which begin with the first page, the next one begins: behind the last item that is still
        there, or, where all that are known are gone, where the last would stand. `by_score`: they stand by (-score,
        id)."""
        at = {place.id: number for number, place in enumerate(places, 1)}
        there = [at[number] for number in self.last if number in at]
        if there:
            return there[-1]
        if not by_score or self.score is None:
            return min(self.given, len(places))
        own = (-self.score, self.last[-1])
        return sum((-(place.score or 0.0), place.id) < own for place in places)


def digest_of(*what: object) -> str:
    """A short name of the question that these say; bytes and arrays by their content."""
    state = hashlib.sha256()
    for each in what:
        state.update(each if isinstance(each, bytes) else repr(each).encode("utf-8", "surrogateescape"))
        state.update(b"\0")
    return state.hexdigest()[:16]


def places_before(text: str) -> int:
    """How many places stand before those that a cursor goes on with; 0 of what is none, which `read` refuses."""
    try:
        given = unpacked(text)[4]
    except (ValueError, IndexError):
        return 0
    return given if type(given) is int and 0 <= given <= MOST_GIVEN else 0
