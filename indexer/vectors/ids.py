"""Which id stands at which position of a FAISS index.

FAISS numbers what it holds 0, 1, 2 ... in the order of arrival. Keeping the ids outside has three gains over
searching through FAISS' own `IndexIDMap2`: a filter is one bit a position (or a short list) and stays on FAISS'
fast paths, removal is a mark that works on every kind, and no hash table of all ids is built when a file is opened.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from indexer.types import Int64
from indexer.vectors.base import SearchParameters

REMOVED: Final = -1
"""Stands at a position whose vector was taken out; the vector itself stays until the next build."""

#: From this many ids in a filter, a table of all ids is made once and kept: 4 bytes an id, and as much for each gap.
MANY: Final = 2_000
SPARSE: Final = 4

Mask = npt.NDArray[np.bool_]


class IdTable:
    """Ids by position, immutable: a change makes a new table, so that a search which has begun keeps its own.

    `by_position` (n,) int64, `REMOVED` where taken out; the other ids are not negative and do not repeat.
    Raises ValueError when they do.
    """

    __slots__ = ("_dense", "_positions", "by_position", "sorted_ids")

    def __init__(self, by_position: Int64) -> None:
        by_position = np.ascontiguousarray(by_position, dtype=np.int64)
        by_position.flags.writeable = False
        self.by_position: Int64 = by_position  # (n,)
        held = by_position
        positions: Int64 | None = None  # None: the id at place i of `sorted_ids` stands at position i
        if len(held) and held.min() < 0:
            if held.min() < REMOVED:
                raise ValueError("ids must not be negative")
            positions = np.flatnonzero(held != REMOVED)
            held = held[positions]
        if not bool((held[1:] > held[:-1]).all()):
            order = np.argsort(held, kind="stable")
            held = held[order]
            positions = order if positions is None else positions[order]
            if bool((held[1:] == held[:-1]).any()):
                raise ValueError("ids must not repeat")
        held.flags.writeable = False
        self.sorted_ids: Int64 = held  # (alive,) ascending
        self._positions = positions
        self._dense: npt.NDArray[np.int32] | None = None  # made when first wanted

    def __len__(self) -> int:
        """How many positions there are, removed ones included."""
        return len(self.by_position)

    def positions(self, ids: Int64) -> Int64:
        """The positions of those `ids` (m,) that are held, in the order of `ids`, repeats included."""
        ids = np.asarray(ids, dtype=np.int64).ravel()
        if not len(self.sorted_ids) or not len(ids):
            return np.empty(0, dtype=np.int64)
        if self._is_a_run():
            offsets: Int64 = ids - self.sorted_ids[0]
            if offsets.min() < 0 or offsets.max() >= len(self):
                offsets = offsets[(offsets >= 0) & (offsets < len(self))]
            return offsets
        dense = self._by_id() if len(ids) >= MANY else None
        if dense is not None:
            ids = ids - self.sorted_ids[0]
            found = dense[ids[(ids >= 0) & (ids < len(dense))]]
            return found[found >= 0].astype(np.int64)
        places = np.searchsorted(self.sorted_ids, ids)
        inside = places < len(self.sorted_ids)
        ids, places = ids[inside], places[inside]
        known: Int64 = places[self.sorted_ids[places] == ids]
        return known if self._positions is None else self._positions[known]

    def _is_a_run(self) -> bool:
        """Whether ids are consecutive and stand in their order, as in a collection that nothing was taken out of."""
        return self._positions is None and int(self.sorted_ids[-1]) - int(self.sorted_ids[0]) == len(self) - 1

    def _by_id(self) -> npt.NDArray[np.int32] | None:
        """Position by (id - smallest id), -1 where none: a look-up costs a tenth of a search. None for sparse ids."""
        if self._dense is None:
            first, last = int(self.sorted_ids[0]), int(self.sorted_ids[-1])
            if last - first >= SPARSE * len(self.sorted_ids) or len(self) > np.iinfo(np.int32).max:
                return None
            dense = np.full(last - first + 1, -1, dtype=np.int32)
            dense[self.sorted_ids - first] = self._held_positions()
            self._dense = dense
        return self._dense

    def _held_positions(self) -> Int64:
        """Positions (alive,) in the order of `sorted_ids`."""
        return np.arange(len(self.sorted_ids)) if self._positions is None else self._positions

    def without(self, ids: Int64) -> tuple[IdTable, int]:
        """A table without `ids`, and how many of them were there."""
        gone = np.unique(self.positions(ids))
        if not len(gone):
            return self, 0
        left = self.by_position.copy()
        left[gone] = REMOVED
        return IdTable(left), len(gone)

    def extended(self, ids: Int64) -> IdTable:
        """A table with `ids` at the next positions. Raises ValueError when one is held already."""
        return IdTable(np.concatenate([self.by_position, ids]))

    def allowed(self, parameters: SearchParameters) -> Mask | None:
        """Positions that a call may return, (n,) bool; None when that is every one."""
        exclude, only = parameters.exclude, parameters.only
        nothing_removed = len(self.sorted_ids) == len(self.by_position)
        if only is not None:
            mask = np.zeros(len(self), dtype=np.bool_)
            mask[self.positions(only)] = True
        elif nothing_removed:
            if exclude is None or not len(exclude):
                return None
            mask = np.ones(len(self), dtype=np.bool_)
        else:
            mask = self.by_position != REMOVED
        if exclude is not None:
            mask[self.positions(exclude)] = False
        return mask
