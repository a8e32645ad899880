"""By which index the rows of a criterion are looked up: the one that leaves the fewest.

SQLite, without statistics, takes the first equality. Here the rows of each index are counted, up to a bound, and one
index alone is offered. `fact_date` and `fact_camera` hold what most tests ask, so that a row that does not fit costs
0.1 microseconds; behind the others the row of the table is read, at 1 microsecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, or_, select

from indexer.catalog import full_text, full_text_names
from indexer.catalog.criteria import (
    Below,
    BelowNamed,
    Both,
    Criterion,
    Dated,
    Either,
    InCountry,
    MadeWith,
    Named,
    NameMatches,
    OfId,
    PathMatches,
    Says,
    Within,
)
from indexer.catalog.globs import longest_plain
from indexer.catalog.matching import Condition, FoldersOf, between, devices, folders_below, folders_named, latitudes
from indexer.catalog.name_parts import NameParts
from indexer.catalog.schema import fact
from indexer.catalog.sqlite import among
from indexer.catalog.transaction import Part, Transaction

#: Rows that are counted of each index, at most: so many cost 20 ms to look up.
LOOKED_AT: Final = 20_000
#: So few rows that no other index is looked at.
FEW: Final = 500


class Routes(Part):
    """Finds routes in one state of the catalog. `item_id`: the column of the ids that are asked for; `folders_of`:
    looks folders up for patterns."""

    def __init__(self, transaction: Transaction, item_id: ColumnElement[Any], folders_of: FoldersOf) -> None:
        super().__init__(transaction)
        self._item_id = item_id
        self._folders_of = folders_of

    def narrow(self, criterion: Criterion, most: int = LOOKED_AT) -> Condition | None:
        """What leads to all that fits and to fewer than `most` rows, by one index; None where none does."""
        tests = _tests(criterion)
        one = next((test for test in tests if isinstance(test, OfId)), None)
        if one is not None:
            return self._item_id == one.id
        found: Condition | None = None
        fewest = most
        ways = [way for way in (self.dates(criterion), self._cameras(tests)) if way is not None]
        ways += [way for way in map(self._way, tests) if way is not None]
        for way in ways:
            count = self._count(way, fewest)
            if count < fewest:
                found, fewest = way, count
                if count < FEW:
                    break
        return found

    def best(self, criterion: Criterion) -> Condition | None:
        """The same, or where none is narrow, what leads through an index that answers most tests; None: neither."""
        for way in (self.narrow(criterion), self._cameras(_tests(criterion)), self.dates(criterion)):
            if way is not None:
                return way
        return None

    def dates(self, criterion: Criterion | None) -> Condition | None:
        """The dates that a criterion leaves, where it asks for dates."""
        tests = [test for test in _tests(criterion) if isinstance(test, Dated)]
        starts = [test.start for test in tests if test.start is not None]
        ends = [test.end - 1 for test in tests if test.end is not None]
        if not starts and not ends:
            return None
        return between(fact.c.date, max(starts, default=None), min(ends, default=None))

    def _cameras(self, tests: Sequence[Criterion]) -> Condition | None:
        """The cameras that are asked for, and the dates."""
        named = next((test for test in tests if isinstance(test, MadeWith) and test.device == "camera"), None)
        if named is None:
            return None
        dates = self.dates(Both(tuple(tests)))
        cameras = fact.c.camera_id.in_(devices(named.part))
        return cameras if dates is None else and_(cameras, dates)

    def _way(self, test: Criterion) -> Condition | None:
        """What an index finds that holds all that fits, but for dates and cameras."""
        match test:
            case BelowNamed():
                return fact.c.folder_id.in_(folders_named(test.name))
            case Below():
                return fact.c.folder_id.in_(folders_below(test.path, its_own=True))
            case PathMatches():
                whole, of_files = self._folders_of(test)
                return among(fact.c.folder_id, whole + of_files)
            case Within():
                return latitudes(test)
            case InCountry():
                return fact.c.country == test.code
            case MadeWith(device="lens"):
                return fact.c.lens_id.in_(devices(test.part))
            case Named():
                return self._names(test.part)
            case NameMatches():
                return self._names(longest_plain(test.pattern))
            case Says(phrases=(_, *_)):
                asked = full_text.within(test.columns, full_text.all_of(test.phrases))
                return fact.c.item_id.in_(full_text.matching(asked))
            case Either():
                ways = [self._way(each) for each in test.criteria]
                known = [way for way in ways if way is not None]
                return or_(*known) if known and len(known) == len(ways) else None
        return None

    def _names(self, part: str) -> Condition | None:
        """The names that hold the letters of `part`, those of them that are rare."""
        names = NameParts(self._transaction)
        rare = names.rare(part) if "\0" not in part and names.is_there() else None
        return fact.c.item_id.in_(full_text_names.holding(rare)) if rare else None

    def _count(self, way: Condition, most: int) -> int:
        rows = select(fact.c.item_id).where(way).limit(most)
        return self._read(select(func.count()).select_from(rows.subquery())).scalar_one()


def _tests(criterion: Criterion | None) -> tuple[Criterion, ...]:
    """The tests all of which have to hold."""
    if isinstance(criterion, Both):
        return tuple(test for each in criterion.criteria for test in _tests(each))
    return () if criterion is None else (criterion,)
