"""What one search may return: ids that go to a server with the call, or a condition that it asks itself."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from indexer.id_sets import are_among, distinct
from indexer.types import Int64
from indexer.vectors.base import SearchParameters, Selected


@dataclass(frozen=True, slots=True)
class Allowed:
    """`only` (m,) or `exclude` (m,) int64, ascending, each once; one of them or none. `total`: rows of the index.
    `selected`, a condition that the server asks; never with `only`.

    Which of these ids the index holds only the server knows, so that how many may be returned is known to be between
    `least` and `most`.
    """

    only: Int64 | None
    exclude: Int64 | None
    total: int
    selected: Selected | None = None

    @classmethod
    def of(cls, parameters: SearchParameters, total: int, place: Hashable | None = None) -> Allowed:
        """`place`: the database whose conditions the server can ask. What it cannot ask is looked up."""
        selected = parameters.selected
        statement = None if selected is None else selected.statement
        if parameters.only is not None or statement is None or statement.place != place:
            parameters, selected = parameters.looked_up(), None
        only, exclude = parameters.only, parameters.exclude
        if only is not None:
            only = distinct(only)
            if exclude is not None:
                only = only[~are_among(only, exclude)]
            return cls(only, None, total)
        return cls(None, distinct(exclude) if exclude is not None and len(exclude) else None, total, selected)

    @property
    def most(self) -> int:
        return self.total if self.only is None else min(self.total, len(self.only))

    @property
    def least(self) -> int:
        """About; no less than one."""
        held = self.most if self.selected is None else round(self.selected.share * self.total)
        return max(1, held - (0 if self.exclude is None else len(self.exclude)))

    @property
    def share(self) -> float:
        """Of the rows, 0 < share <= 1."""
        return self.least / max(1, self.total)

    def is_few(self, count: int, share: float) -> bool:
        """Whether a filter leaves no more than so many, and not most of all, or no more than this share: to compare
        each is quicker then than to look for them, and misses nothing. (To find all that a condition selects, a server
        may have to look at everything; beside a graph it asks it of what is near.)"""
        if self.selected is not None:
            return self.share <= share
        if self.only is None and self.exclude is None:
            return False
        return self.share <= share or (self.least <= count and self.share < 0.5)
