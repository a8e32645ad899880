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

Mask = npt.NDArray[np.bool_]


class IdTable:
    """Ids by position, immutable: a change makes a new table, so that a search which has begun keeps its own.

    `by_position` (n,) int64, `REMOVED` where taken out; the other ids are not negative and do not repeat.
    Raises ValueError when they do.
    """

    __slots__ = ("_positions", "by_position", "sorted_ids")

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

    def __len__(self) -> int:
        """How many positions there are, removed ones included."""
        return len(self.by_position)

    def positions(self, ids: Int64) -> Int64:
        """The positions (m,) of those `ids` that are held, each once, in ascending order of id."""
        ids = np.unique(np.asarray(ids, dtype=np.int64).ravel())
        places = np.searchsorted(self.sorted_ids, ids)
        inside = places < len(self.sorted_ids)
        ids, places = ids[inside], places[inside]
        found: Int64 = places[self.sorted_ids[places] == ids]
        return found if self._positions is None else self._positions[found]

    def without(self, ids: Int64) -> tuple[IdTable, int]:
        """A table without `ids`, and how many of them were there."""
        gone = self.positions(ids)
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
