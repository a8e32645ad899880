"""Which id stands at which position of a FAISS index.

FAISS numbers what it holds 0, 1, 2 ... in the order of arrival. Keeping the ids outside has two gains over
searching through FAISS' own `IndexIDMap2`: a filter is one bit a position (or a short list) and stays on FAISS'
fast paths, and no hash table of all ids is built when a file is opened.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from indexer.types import Int64
from indexer.vectors.base import SearchParameters

#: From this many ids in a filter, and this share, a table of all ids is made once and kept: 4 bytes an id. Marking
#: costs the same for any number of them, looking them up for each.
MANY: Final = 2_000
MANY_SHARE: Final = 1 / 40
#: Ids so many times as wide as they are many are looked up all the same.
SPARSE: Final = 4

Mask = npt.NDArray[np.bool_]


class IdTable:
    """Ids by position, immutable. `by_position` (n,) int64: not negative, without repeats. Raises ValueError else."""

    __slots__ = ("_offsets", "_positions", "by_position", "sorted_ids")

    def __init__(self, by_position: Int64) -> None:
        by_position = np.ascontiguousarray(by_position, dtype=np.int64)
        by_position.flags.writeable = False
        self.by_position: Int64 = by_position  # (n,)
        held = by_position
        positions: Int64 | None = None  # None: the id at place i of `sorted_ids` stands at position i
        if len(held) and held.min() < 0:
            raise ValueError("ids must not be negative")
        if not bool((held[1:] > held[:-1]).all()):
            positions = np.argsort(held, kind="stable")
            held = held[positions]
            if bool((held[1:] == held[:-1]).any()):
                raise ValueError("ids must not repeat")
        held.flags.writeable = False
        self.sorted_ids: Int64 = held  # (n,) ascending
        self._positions = positions
        self._offsets: npt.NDArray[np.int32] | None = None  # made when first wanted

    def __len__(self) -> int:
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
        places = np.searchsorted(self.sorted_ids, ids)
        inside = places < len(self.sorted_ids)
        ids, places = ids[inside], places[inside]
        known: Int64 = places[self.sorted_ids[places] == ids]
        return known if self._positions is None else self._positions[known]

    def _is_a_run(self) -> bool:
        """Whether ids are consecutive and stand in their order, as in a collection that nothing went from."""
        return self._positions is None and int(self.sorted_ids[-1]) - int(self.sorted_ids[0]) == len(self) - 1

    def _holds(self, ids: Int64) -> Mask:
        """Which positions hold one of `ids` (m,): (n,) bool."""
        ids = np.asarray(ids, dtype=np.int64).ravel()
        offsets = self._offsets_by_position() if len(ids) >= max(MANY, MANY_SHARE * len(self)) else None
        if offsets is None:
            mask = np.zeros(len(self), dtype=np.bool_)
            mask[self.positions(ids)] = True
            return mask
        first, last = int(self.sorted_ids[0]), int(self.sorted_ids[-1])
        if ids.min() < first or ids.max() > last:
            ids = ids[(ids >= first) & (ids <= last)]
        listed = np.zeros(last - first + 1, dtype=np.bool_)
        listed[ids - first] = True
        return listed[offsets]

    def _offsets_by_position(self) -> npt.NDArray[np.int32] | None:
        """(id - smallest id) by position, (n,): a filter's ids are marked by these, a fifth of the time of looking each
        up. None for sparse ids, and for a run, where they are positions."""
        if self._offsets is None:
            if not len(self.sorted_ids) or self._is_a_run():
                return None
            first, last = int(self.sorted_ids[0]), int(self.sorted_ids[-1])
            if last - first >= SPARSE * len(self.sorted_ids) or last - first >= np.iinfo(np.int32).max:
                return None
            self._offsets = (self.by_position - first).astype(np.int32)
        return self._offsets

    def allowed(self, parameters: SearchParameters) -> Mask | None:
        """Positions that a call may return, (n,) bool; None when that is every one."""
        parameters = parameters.looked_up()
        exclude, only = parameters.exclude, parameters.only
        if only is None:
            return None if exclude is None or not len(exclude) else ~self._holds(exclude)
        mask = self._holds(only)
        return mask if exclude is None else mask & ~self._holds(exclude)
