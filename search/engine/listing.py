"""A query of filters alone: what matches, in an order, without an encoder. The catalog alone answers."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from indexer.catalog.criteria import Criterion
from indexer.catalog.items import Identity, Items
from indexer.catalog.selection import Listed, Selection, Sorted
from indexer.catalog.transaction import Transaction
from indexer.store import Store
from indexer.types import Kind
from search.engine.absence import reason_of_absence
from search.engine.clock import Clock
from search.engine.damage import damage_of
from search.engine.hits import HitRows, hits_of
from search.engine.places import Place
from search.engine.wanted import Wanted
from search.query.query import Query
from search.query.resolve import resolve
from search.results import Results

#: Where nothing else is said: what was taken last is looked for most.
NEWEST_FIRST: Final[Sorted] = "-date"
#: Rows that are read at once, at least.
PAGE: Final = 200
#: What matches is counted up to here; in a collection of more than LARGE up to the second: a filter that no index
#: serves looks at every photograph for what is rare, 12 ms a 100,000 of them.
COUNTED: Final = (10_000, 1_000)
LARGE: Final = 200_000


def list_items(store: Store, query: Query, wanted: Wanted) -> Results:
    """The first `k` items that are `wanted` and match the filters of a query without terms.

    Copies are one hit, the first of them in the order, unless `all_copies` are wanted. Hits have no score, similarity
    and probability. Raises StoreError, and UsageError for a place that nobody knows.
    """
    clock = Clock()
    kinds, k, arrangement = wanted.kinds, wanted.reach, wanted.arrangement
    order = arrangement.sorted_by or NEWEST_FIRST
    resolved = None if query.where is None else resolve(query.where)
    criterion = None if resolved is None else resolved.criterion
    with store.catalog.snapshot() as snapshot:
        newest = Items(snapshot).newest()
        most = max(COUNTED[newest > LARGE], k)
        if wanted.after is not None:
            wanted.after.check(snapshot.generation)
            newest = wanted.after.newest
        lists = [_distinct(snapshot, criterion, kind, order, k, newest, arrangement.all_copies) for kind in kinds]
        merged = heapq.merge(*lists, key=_position(order))
        found = list(islice(merged, k))
        every = [Place(listed.id, kind) for kind, listed, _ in found]
        places, cursor = wanted.page(every, snapshot.generation, newest)
        known = {listed.id: identity for _, listed, identity in found}
        rows = HitRows.read(snapshot, [(places, known)])
        clock.lap("search")
        hits = hits_of(snapshot, places, rows, known, {}, frozenset(), arrangement.all_copies, criterion)
        matches = len(found)
        if matches == k:
            selection, copies = Selection(snapshot), arrangement.all_copies
            matches = sum(selection.count(criterion, kind, most + 1, copies=copies) for kind in kinds)
        clock.lap("count")
        damage = damage_of(snapshot, filtered=True)
        reason = None if hits or query.where is None else reason_of_absence(snapshot, query.where, kinds)
    notes = (*(() if resolved is None else resolved.notes), *damage)
    if arrangement.least:
        notes += ("min: leaves nothing out here: what filters alone have found has no probability.",)
    results = Results(query.label, hits, notes, clock.seconds, reason=reason)
    return replace(results, matches=min(matches, most), more_matches=matches > most, cursor=cursor)


_Found = tuple[Kind, Listed, Identity]


def _distinct(
    snapshot: Transaction,
    criterion: Criterion | None,
    kind: Kind,
    order: Sorted,
    k: int,
    newest: int,
    all_copies: bool,
) -> Iterator[_Found]:
    """The first `k` of a kind in their order, up to the id `newest`; of each content the first."""
    seen: set[Identity] = set()
    after, size, count = None, max(k, PAGE), 0
    while True:
        page = Selection(snapshot).page(criterion, kind, order, after, size)
        identities = Items(snapshot).identities([listed.id for listed in page])
        for listed in page:
            identity = identities.get(listed.id)
            if identity is None or listed.id > newest or (identity in seen and not all_copies):
                continue
            seen.add(identity)
            yield kind, listed, identity
            count += 1
            if count == k:
                return
        if len(page) < size:
            return
        after = page[-1]


def _position(order: Sorted) -> Callable[[_Found], Any]:
    """What the lists of the kinds are merged by: where each stands in its own."""
    falls = order.startswith("-")

    def position(found: _Found) -> Any:
        key, number = found[1].key, found[1].id
        if key is None:
            return True, _Falling(0) if falls else 0, number
        return (False, _Falling(key), _Falling(number)) if falls else (False, key, number)

    return position


class _Falling:
    """A key by which the greatest comes first."""

    def __init__(self, key: Any) -> None:
        self.key = key

    def __lt__(self, other: _Falling) -> bool:
        return bool(other.key < self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Falling) and self.key == other.key
