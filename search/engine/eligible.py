"""The items that a query may answer with: those that its conditions select.

Few are looked up at once, and the index looks at them alone (and scans them exactly). Of many, an index that lies in
the catalog's database is given the condition itself. Else only candidates are asked about, of which more are fetched:
how many, a sample of the index tells. Where that was not enough all are looked up; of an index on a server, to which
many ids would have to be sent, more candidates are asked for before.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import numpy as np

from indexer.catalog.criteria import Criterion
from indexer.catalog.routes import Plan
from indexer.catalog.selection import Selection
from indexer.catalog.transaction import Transaction
from indexer.types import Int64, Kind
from indexer.vectors.backend import OpenIndex
from indexer.vectors.base import SearchParameters, Selected
from search.query.resolve import Resolved

#: Of an index of no more than this all that are selected are looked up.
SMALL: Final = 5_000
#: Items of an index that tell what share of it is selected.
SAMPLE: Final = 1_000
#: With a smaller share all that are selected are looked up, 10,000 of 1,000,000, unless that costs more.
BROAD: Final = 0.01
#: So many times more candidates are fetched than the share asks for: what is near a query need not be spread evenly.
SPARE: Final = 3.0
#: Candidates beyond which looking up everything costs less; and ids that a server is sent without a thought, 160 kB.
MOST: Final = 20_000


@dataclass
class Eligible:
    """Items of one kind that a criterion selects, in one state of the catalog. `total`: of an index, 0 where there is
    none. `held`: its ids (n,) int64, ascending; None where they are far. `place`: see `OpenIndex`."""

    snapshot: Transaction
    criterion: Criterion
    kind: Kind
    total: int = 0
    held: Int64 | None = None
    place: Hashable | None = None
    selection: Selection = field(init=False)

    def __post_init__(self) -> None:
        self.selection = Selection(self.snapshot)

    @cached_property
    def ids(self) -> Int64:
        """(m,) int64: all of them."""
        return self.selection.ids(self.criterion, self.kind)

    @cached_property
    def _plan(self) -> Plan | None:
        """How they are looked up; None where the index is small, and all of them are."""
        if self.total <= SMALL:
            return None
        sample = None if self.held is None else self.held[:: self.total // SAMPLE]
        return self.selection.plan(self.criterion, self.kind, sample)

    @cached_property
    def condition(self) -> Selected | None:
        """For an index that asks it itself, and gives nothing else; None where ids or candidates are asked about."""
        if self.place is None or self._plan is None or not self._plan.share:
            return None
        statement = self.selection.shared(self.criterion, self.kind)
        if statement is None or statement.place != self.place:
            return None
        return Selected(self._plan.share, lambda: self.ids, statement)

    def among(self, ids: Int64) -> Int64:
        """(m,) int64: those of `ids` that are selected, in their order."""
        return self.selection.among(self.criterion, self.kind, ids)

    def fetch(self, wanted: int) -> int:
        """How many candidates to ask an index for, so that about `wanted` are left; 0: all are to be looked up."""
        plan = self._plan
        if plan is None or not plan.share:
            return 0
        count = math.ceil(SPARE * wanted / plan.share)
        cheaper = plan.share >= BROAD or count < plan.cost  # a candidate is a row of the table, too
        return count if cheaper and count <= MOST else 0

    def fetch_more(self, wanted: int, fetched: int, left: int) -> int:
        """The same after `fetched` candidates of which too few were `left`: what is near goes against the filter."""
        if self.held is not None or self._plan is None or self._plan.share * self.total <= MOST:
            return 0
        count = max(2 * fetched, math.ceil(SPARE * wanted * fetched / max(1, left)))
        return count if count <= MOST else 0

    def within(self, parameters: SearchParameters) -> SearchParameters:
        """With these alone as what may be returned."""
        only = self.ids if parameters.only is None else np.intersect1d(self.ids, parameters.only)
        return replace(parameters, only=only)


def eligible_of(snapshot: Transaction, where: Resolved | None, kind: Kind, opened: OpenIndex | None) -> Eligible | None:
    """What conditions leave of the items of a kind; None where there are none."""
    if where is None:
        return None
    if opened is None:
        return Eligible(snapshot, where.criterion, kind)
    held = None if opened.is_far else opened.index.ids
    return Eligible(snapshot, where.criterion, kind, len(opened.index), held, opened.place)
