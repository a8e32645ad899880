"""How answers are arranged: which are probable enough, in what order they stand, and whether copies are one.

First the cut, then the order: what is improbable would stand between the others in any order but that of the scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from indexer.catalog.selection import Selection, Sorted
from indexer.catalog.transaction import Transaction
from search.engine.places import Place, Places
from search.query.settings import Order
from search.results import WEAK, Cut

#: The most similar candidates that an order other than the score's looks at, at most. Up to so many that are probable
#: enough the answer is exact.
POOL: Final = 10_000
#: So many are looked at first, and are enough where one of them is too improbable: all behind it are, too.
FIRST: Final = 1_000
#: Where probabilities do not fall, so many of the last candidates tell whether more are worth a look.
_LAST: Final = 100


@dataclass(frozen=True, slots=True)
class Arrangement:
    """`order`: None is that of the scores. `least`: the probability that a sorted answer's hits have at least, None for
    the weak mark. `all_copies`: each copy of a photograph is a hit of its own. `wide`: so many are probable enough that
    the first candidates are too few."""

    order: Order | None = None
    least: float | None = None
    all_copies: bool = False
    wide: bool = False

    @property
    def sorted_by(self) -> Sorted | None:
        """The order, where it is not that of the scores."""
        return None if self.order is None or self.order == "score" else self.order

    def pool(self, k: int) -> int:
        """How many of the best candidates are looked at for `k` hits."""
        if self.sorted_by is None:
            return k
        return max(k, POOL if self.wide or self.least == 0 else min(FIRST, POOL))

    def widened(self, k: int) -> Arrangement | None:
        """The same with more candidates for `k` hits; None where no more are looked at."""
        wider = replace(self, wide=True)
        return wider if wider.pool(k) > self.pool(k) else None


@dataclass(frozen=True, slots=True)
class Arranged:
    """The places that are hits, in their order; what the cut left out, where one was made; notes for a person;
    `matches`: how many the cut has left, None where none was made, `more_matches`: there may be more."""

    places: list[Place]
    cut: Cut | None = None
    notes: tuple[str, ...] = ()
    matches: int | None = None
    more_matches: bool = False


def arrange(snapshot: Transaction, best: Places, arrangement: Arrangement, k: int, *, falling: bool = True) -> Arranged:
    """The first `k` of the `best` places, as they are wanted. `falling`: none is more probable than one before it; else
    there may be more behind them as long as there are some among the last."""
    order, places = arrangement.sorted_by, best.places
    if order is None:
        return Arranged(places[:k])
    least = WEAK if arrangement.least is None else arrangement.least
    is_kept = [place.probability is None or place.probability >= least for place in places]
    kept = [place for place, stays in zip(places, is_kept, strict=True) if stays]
    highest = max((place.probability or 0.0 for place in places), default=None)
    notes: tuple[str, ...] = ()
    goes_on = all(is_kept) if falling else any(is_kept[-_LAST:])
    more = goes_on and len(places) >= arrangement.pool(k)
    if more:
        notes = (
            f"More than {len(kept):,} are probable enough; the most similar {len(kept):,} of them were sorted. A "
            "higher `min_probability` leaves fewer.",
        )
    cut = Cut(least, len(places) - len(kept), highest, best.fitted, worded=falling)
    return Arranged(in_order(snapshot, kept, order)[:k], cut, notes, len(kept), more)


def in_order(snapshot: Transaction, places: Sequence[Place], order: Sorted) -> list[Place]:
    """By date, name or size, then by id; with a minus the other way round. What is not known comes last, by id: as
    `Selection.page` has them."""
    keys: dict[int, int | str] = {}
    for kind in ("image", "text"):
        ids = [place.id for place in places if place.kind == kind]
        keys |= Selection(snapshot).keys(order, kind, ids)
    known = [place for place in places if place.id in keys]
    known.sort(key=lambda place: (keys[place.id], place.id), reverse=order.startswith("-"))
    return known + sorted((place for place in places if place.id not in keys), key=lambda place: place.id)
