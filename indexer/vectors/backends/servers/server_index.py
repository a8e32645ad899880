"""An index that a server keeps and searches: what is common to all servers.

The server gives what it takes to be nearest, by its own scores; here it is decided how widely it looks, more is fetched
while the last place is tied, and each row is ordered by (-score, id). Where it finds less than may be returned, it
compares with everything.
"""

from __future__ import annotations

import copy
from collections.abc import Hashable
from typing import Final, Protocol

import numpy as np

from indexer import forking
from indexer.types import Float32, Int64
from indexer.vectors.backends.servers.allowed import Allowed
from indexer.vectors.base import SearchParameters
from indexer.vectors.exact import ROUNDING, best, checked_queries, nothing
from indexer.vectors.probing import probes

#: Fetched beyond k, so that equal scores at the last place are ordered by id; up to so many, if they are still tied.
SPARE: Final = 16
SPARE_MOST: Final = 4096
#: From a quarter of what may be returned, to compare with everything is no slower.
PART_MOST: Final = 4


class Engine(Protocol):
    """One collection of a server. Both searches give scores (q, k) float32 and ids (q, k) int64, -inf and -1 where
    nothing was found. Both raise StoreError where the server is lost, StoreDamagedError where the collection is."""

    @property
    def place(self) -> Hashable | None:
        """The database in which it lies, where it asks conditions of a catalog in it; None: nowhere."""
        ...

    @property
    def fetch_most(self) -> int:
        """The most that `nearest` can be asked for."""
        ...

    @property
    def scan_count(self) -> int:
        """So few that are left by a filter cost less to compare than to look for."""
        ...

    @property
    def scan_share(self) -> float:
        """The same as a share of all."""
        ...

    def nearest(self, queries: Float32, count: int, width: int, allowed: Allowed) -> tuple[Float32, Int64]:
        """The first `count` by the index, in any order."""
        ...

    def compared(self, queries: Float32, count: int, allowed: Allowed) -> tuple[Float32, Int64]:
        """The first `count` after comparing with all that may be returned, ordered by (-score, id)."""
        ...

    def ids(self) -> Int64:
        """(n,) int64, ascending."""
        ...


class ServerIndex:
    """Implements `TunableIndex` over an `Engine`. `structure`: "flat" where the engine has no index. `width`,
    `width_most`: 0 there."""

    def __init__(
        self, engine: Engine, count: int, dimension: int, structure: str, *, width: int = 0, width_most: int = 0
    ) -> None:
        self.structure = structure
        self.dimension = dimension
        self.width = width
        self.width_most = width_most
        self._engine = engine
        self._count = count
        self._ids: Int64 | None = None  # until somebody wants them
        self._lock = forking.lock()

    @property
    def ids(self) -> Int64:
        """See `VectorIndex.ids`; fetched when it is first asked for. Raises StoreError."""
        with self._lock:
            if self._ids is None:
                self._ids = self._engine.ids()
            return self._ids

    def __len__(self) -> int:
        return self._count

    def with_width(self, width: int) -> ServerIndex:
        """See `TunableIndex.with_width`."""
        other = copy.copy(self)
        other.width = min(width, self.width_most)
        return other

    def search(
        self,
        queries: Float32,
        k: int,
        parameters: SearchParameters = SearchParameters(),  # noqa: B008 (frozen)
    ) -> tuple[Float32, Int64]:
        """See `VectorIndex.search`. Raises ValueError, StoreError."""
        queries = checked_queries(queries, k, self.dimension)
        out_scores, out_ids = nothing(len(queries), k)
        allowed = Allowed.of(parameters, self._count, self._engine.place)
        wanted = min(k, allowed.most)
        if not wanted or not len(queries):
            return out_scores, out_ids
        scores, ids = self._found(queries, wanted, parameters.effort, allowed)  # (q, m)
        for row in range(len(queries)):
            there = ids[row] >= 0
            first, first_ids = best(scores[row][there], ids[row][there], k)
            out_scores[row, : len(first)], out_ids[row, : len(first)] = first, first_ids
        return out_scores, out_ids

    def _found(self, queries: Float32, wanted: int, effort: float, allowed: Allowed) -> tuple[Float32, Int64]:
        """`wanted` or more of each of `queries`, (q, m) each; all there is where that is less."""
        engine = self._engine
        if (
            not self.width_most
            or self._is_few(allowed)
            or (self.structure == "hnsw" and wanted * PART_MOST > allowed.least)
        ):
            return engine.compared(queries, wanted, allowed)
        slack = ROUNDING * max(1.0, float(np.linalg.norm(queries, axis=1).max()))
        most = min(allowed.most, engine.fetch_most)
        spare = SPARE
        while wanted <= most:
            fetch = min(most, wanted + spare)
            scores, ids = engine.nearest(queries, fetch, self._width(effort, fetch, allowed), allowed)  # (q, fetch)
            order = np.argsort(-scores, axis=1, kind="stable")
            scores, ids = np.take_along_axis(scores, order, axis=1), np.take_along_axis(ids, order, axis=1)
            # A graph may leave parts unreached, and of the ids of a filter not all may be held.
            lacking = (ids >= 0).sum(axis=1) < wanted  # (q,)
            full = scores[~lacking]
            tied = bool((full[:, wanted - 1] - full[:, -1] <= slack).any())
            if fetch == most or not tied or spare >= SPARE_MOST:
                if lacking.any():
                    scores[lacking], ids[lacking] = -np.inf, -1
                    scores[lacking, :wanted], ids[lacking, :wanted] = engine.compared(queries[lacking], wanted, allowed)
                return scores, ids
            spare *= 4
        return engine.compared(queries, wanted, allowed)

    def _is_few(self, allowed: Allowed) -> bool:
        return allowed.is_few(self._engine.scan_count, self._engine.scan_share)

    def _width(self, effort: float, fetch: int, allowed: Allowed) -> int:
        """How widely the server looks for one call."""
        if self.structure == "hnsw":
            return int(max(1, min(self.width_most, max(fetch, round(self.width * effort / allowed.share)))))
        return probes(self.width * effort, self.width_most, allowed.least, allowed.share, fetch)
