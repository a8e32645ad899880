"""By which index the rows of a criterion are looked up: the one that leaves the fewest.

SQLite, without statistics, takes the first equality. Here a sample of the rows tells how many each index leaves, and
one index alone is offered. `fact_date` and `fact_camera` hold what most tests ask, so that a row that does not fit
costs 0.1 microseconds; behind the others the row of the table is read, at 1 microsecond.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Column, Select, and_, case, func, or_, select

from indexer.catalog import full_text_names, word_expressions, word_table
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
from indexer.catalog.expressions import among
from indexer.catalog.globs import longest_plain
from indexer.catalog.matching import Condition, FoldersOf, between, devices, folders_below, folders_named, latitudes
from indexer.catalog.name_parts import NameParts
from indexer.catalog.schema import fact
from indexer.catalog.transaction import Part, Transaction
from indexer.types import Int64

#: Rows of a sample of which a way leaves fewer are too few to tell how many it leaves of all; they are counted.
TOLD: Final = 10
#: Rows to which a way leads, at most, that it is called narrow by: so many cost 20 ms to look up, one by one.
NARROW: Final = 20_000
#: So few rows that nothing else is looked at.
FEW: Final = 2_000
#: What a row costs that is passed over within an index, beside one of the table.
WITHIN: Final = 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """`route`: what leads to all that fits by one index, None: nothing but all rows. `rows`: to how many it leads,
    about, and `cost`: what these cost, in rows of the table. `share`: what share of the sample fits; 0 where that was
    not asked, because the route leads to few."""

    route: Condition | None
    rows: float
    cost: float
    share: float


@dataclass(frozen=True, slots=True)
class _Sampled:
    """`present`: rows of a sample, 1 at least; `share`: of them, that fits; `ways`, each with the rows that it
    leaves."""

    present: int
    share: float
    ways: list[tuple[Condition, int]]


class Routes(Part):
    """Plans in one state of the catalog. `item_id`: the column of the ids that are asked for; `rows`: statement of
    them; `folders_of`: looks folders up for patterns."""

    def __init__(
        self, transaction: Transaction, item_id: Column[Any], rows: Select[Any], folders_of: FoldersOf
    ) -> None:
        super().__init__(transaction)
        self._item_id = item_id
        self._rows = rows
        self._folders_of = folders_of

    def plan(self, criterion: Criterion, condition: Condition, sample: Int64, total: int) -> Plan:
        """How to look a criterion up. `condition`: that it holds; `sample` (n,) int64: ids, spread over all of which
        there are about `total`."""
        tests = _tests(criterion)
        one = next((test for test in tests if isinstance(test, OfId)), None)
        if one is not None:
            return Plan(self._item_id == one.id, 1, 1, 0.0)
        # A sample would have to look up all that words find: they are counted, and where they are many left out.
        words = [way for way in map(self._words, tests) if way is not None]
        few = self._few(words)
        if few is not None:
            return few
        ways = [(way, WITHIN) for way in (self._cameras(tests), dates_of(criterion)) if way is not None]
        ways += [(way, 1.0) for way in map(self._way, tests) if way is not None]
        sampled = self._sampled(sample, condition, [way for way, _ in ways])
        return self._narrow(sampled, words, total) or _cheapest(sampled, [cost for _, cost in ways], total)

    def _few(self, words: Sequence[Condition]) -> Plan | None:
        """By what words find, where that is so little that nothing else is looked at."""
        for way in words:
            ids = self._read(select(fact.c.item_id).where(way).limit(FEW)).scalars().all()
            if len(ids) < FEW:
                return Plan(among(fact.c.item_id, ids), len(ids), len(ids), 0.0)
        return None

    def _sampled(self, sample: Int64, condition: Condition, ways: Sequence[Condition]) -> _Sampled:
        """How many rows of a sample fit, and how many each way leaves."""
        held = [func.coalesce(func.sum(case((each, 1), else_=0)), 0) for each in (condition, *ways)]
        asked = self._rows.with_only_columns(func.count(), *held).where(among(self._item_id, sample.tolist()))
        present, fits, *hits = map(int, self._read(asked).one())  # sums, of which PostgreSQL makes decimal numbers
        return _Sampled(max(present, 1), fits / max(present, 1), list(zip(ways, hits, strict=True)))

    def _narrow(self, sampled: _Sampled, words: Sequence[Condition], total: int) -> Plan | None:
        """By a way that leads to few rows; where a sample holds too few of several to tell, these are counted."""
        rare = [way for way, hit in sampled.ways if hit < TOLD]
        found, count = self._fewest(rare, NARROW) if len(rare) != 1 else (rare[0], total * TOLD / sampled.present / 2)
        if found is None:
            found, count = self._fewest(words, NARROW)
        return None if found is None else Plan(found, count, count, sampled.share)

    def _cameras(self, tests: Sequence[Criterion]) -> Condition | None:
        """The cameras that are asked for, and the dates."""
        named = next((test for test in tests if isinstance(test, MadeWith) and test.device == "camera"), None)
        if named is None:
            return None
        dates = dates_of(Both(tuple(tests)))
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
            case Either():
                ways = [self._way(each) for each in test.criteria]
                known = [way for way in ways if way is not None]
                return or_(*known) if known and len(known) == len(ways) else None
        return None

    def _words(self, test: Criterion) -> Condition | None:
        """What the indexes of words and of parts of names find that holds all that fits."""
        match test:
            case Named():
                return self._names(test.part)
            case NameMatches():
                return self._names(longest_plain(test.pattern))
            case Says(phrases=(_, *_)):
                asked = word_expressions.within(test.columns, word_expressions.all_of(test.phrases))
                return fact.c.item_id.in_(word_table.matching(asked))
        return None

    def _names(self, part: str) -> Condition | None:
        """The names that hold the letters of `part`, those of them that are rare."""
        names = NameParts(self._transaction)
        rare = names.rare(part) if "\0" not in part and names.is_there() else None
        return fact.c.item_id.in_(full_text_names.holding(rare)) if rare else None

    def _fewest(self, ways: Sequence[Condition], most: int) -> tuple[Condition | None, int]:
        """Of ways the one that leads to the fewest rows, fewer than `most`, and to how many; None where all lead to
        more."""
        found = None
        for way in ways:
            rows = select(fact.c.item_id).where(way).limit(most)
            count = self._read(select(func.count()).select_from(rows.subquery())).scalar_one()
            if count < most:
                found, most = way, count
                if count < FEW:
                    break
        return found, most


def _cheapest(sampled: _Sampled, costs: Sequence[float], total: int) -> Plan:
    """By the way that costs least, or by none, where all rows cost less. `costs`: of a row, by each way."""
    each = [(hit * cost, hit, way) for (way, hit), cost in zip(sampled.ways, costs, strict=True)]
    cost, hit, route = min(each, key=itemgetter(0), default=(math.inf, 0, None))
    if cost > WITHIN * sampled.present:
        return Plan(None, total, WITHIN * total, sampled.share)
    return Plan(route, hit * total / sampled.present, cost * total / sampled.present, sampled.share)


def _tests(criterion: Criterion | None) -> tuple[Criterion, ...]:
    """The tests all of which have to hold."""
    if isinstance(criterion, Both):
        return tuple(test for each in criterion.criteria for test in _tests(each))
    return () if criterion is None else (criterion,)


def dates_of(criterion: Criterion | None) -> Condition | None:
    """The dates that a criterion leaves, where it asks for dates."""
    tests = [test for test in _tests(criterion) if isinstance(test, Dated)]
    starts = [test.start for test in tests if test.start is not None]
    ends = [test.end - 1 for test in tests if test.end is not None]
    if not starts and not ends:
        return None
    return between(fact.c.date, max(starts, default=None), min(ends, default=None))
