"""The plain numpy reference of a vector index, and the rules that every index shares.

`ExactIndex` is what the others are tested against, and what searches small collections.
"""

from __future__ import annotations

import numpy as np

from indexer.types import Float32, Int64
from indexer.vectors.base import SearchParameters

#: Two computations of one inner product of unit vectors differ by rounding, a few 1e-7 at the dimensions in use.
#: Whatever comes this near to the last place is scored again with one fixed kernel before it is ordered.
ROUNDING = 1e-5

#: Scores that one block of queries may hold at once: 64 MB of float32.
SCORES_AT_ONCE = 16_000_000

#: From this many queries a matrix product is faster than a row-wise one, in spite of its threads' start.
MATRIX_FROM = 4


def checked_rows(ids: Int64, vectors: Float32, dimension: int) -> tuple[Int64, Float32]:
    """The same rows as contiguous arrays: ids (n,) int64, vectors (n, d) float32.

    Raises ValueError on wrong shapes or types, negative or repeated ids, or vectors that are not finite.
    """
    ids, vectors = np.asarray(ids), np.asarray(vectors)
    if ids.size == 0:
        ids = ids.astype(np.int64)
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise ValueError(f"ids must be (n,) whole numbers, not {ids.shape} {ids.dtype}")
    if vectors.shape != (len(ids), dimension):
        raise ValueError(f"vectors must be ({len(ids)}, {dimension}), not {vectors.shape}")
    ids = np.ascontiguousarray(ids, dtype=np.int64)  # (n,)
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)  # (n, d) float32
    if len(ids) and ids.min() < 0:
        raise ValueError("ids must not be negative")  # -1 stands for "nothing found"
    if not bool((ids[1:] > ids[:-1]).all()) and len(np.unique(ids)) < len(ids):
        raise ValueError("ids must not repeat")
    if not bool(np.isfinite(vectors).all()):
        raise ValueError("vectors must be finite")
    return ids, vectors


def checked_queries(queries: Float32, k: int, dimension: int) -> Float32:
    """`queries` as contiguous (q, d) float32. Raises ValueError on k < 1, another d, or values not finite."""
    queries = np.ascontiguousarray(queries, dtype=np.float32)  # (q, d) float32
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    if queries.ndim != 2 or queries.shape[1] != dimension:
        raise ValueError(f"queries must be (q, {dimension}), not {queries.shape}")
    if not bool(np.isfinite(queries).all()):
        raise ValueError("queries must be finite")
    return queries


def nothing(q: int, k: int) -> tuple[Float32, Int64]:
    """Answers with every place empty: scores (q, k) of -inf and ids (q, k) of -1."""
    return np.full((q, k), -np.inf, dtype=np.float32), np.full((q, k), -1, dtype=np.int64)


def best(scores: Float32, ids: Int64, k: int) -> tuple[Float32, Int64]:
    """The first k of one query's `scores` (m,) and `ids` (m,), ordered by (-score, id)."""
    order = np.lexsort((ids, -scores))[:k]  # (min(m, k),)
    return scores[order], ids[order]


def row_scores(vectors: Float32, query: Float32) -> Float32:
    """Inner products (n,) float32 of `vectors` (n, d) with `query` (d,).

    One dot product a row: equal rows get equal scores wherever they stand (a blocked matrix product rounds its
    edges differently), and no thread is started, which costs more than it gains while other work runs.
    """
    scores: Float32 = np.vecdot(vectors, query)  # (n,) float32
    return scores


class ExactIndex:
    """Every vector compared with every query, in numpy. Implements `VectorIndex`."""

    def __init__(self, ids: Int64, vectors: Float32) -> None:
        """`ids` (n,) int64 ascending, and `vectors` (n, d) float32 that are finite; both are kept, not copied.

        Raises ValueError when ids are negative, repeated or in another order.
        """
        if len(ids) and (ids[0] < 0 or not bool((ids[1:] > ids[:-1]).all())):
            raise ValueError("its ids are not ascending")
        self._ids = ids
        self._vectors = vectors

    @property
    def dimension(self) -> int:
        return int(self._vectors.shape[1])

    @property
    def ids(self) -> Int64:
        return self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def search(
        self,
        queries: Float32,
        k: int,
        parameters: SearchParameters = SearchParameters(),  # noqa: B008 (frozen)
    ) -> tuple[Float32, Int64]:
        """See `VectorIndex.search`. Raises ValueError."""
        queries = checked_queries(queries, k, self.dimension)
        out_scores, out_ids = nothing(len(queries), k)
        ids, vectors = self._ids, self._vectors
        kept = self._kept(ids, parameters)
        if kept is not None:
            ids, vectors = ids[kept], vectors[kept]
        if not len(ids):
            return out_scores, out_ids

        block = max(1, SCORES_AT_ONCE // len(ids))
        for start in range(0, len(queries), block):
            some = queries[start : start + block]  # (b, d)
            if len(some) < MATRIX_FROM:
                scores = np.stack([row_scores(vectors, query) for query in some])  # (b, n)
            else:
                scores = some @ vectors.T  # (b, n)
            for row, (query, approximate) in enumerate(zip(some, scores, strict=True), start):
                near = _candidates(approximate, query, k)
                found, found_ids = best(row_scores(vectors[near], query), ids[near], k)
                out_scores[row, : len(found)], out_ids[row, : len(found)] = found, found_ids
        return out_scores, out_ids

    @staticmethod
    def _kept(ids: Int64, parameters: SearchParameters) -> np.ndarray[tuple[int], np.dtype[np.bool_]] | None:
        """Which of `ids` (n,) the call may return: (n,) bool, or None for all of them."""
        parameters = parameters.looked_up()
        if parameters.only is None and (parameters.exclude is None or not len(parameters.exclude)):
            return None
        kept = np.ones(len(ids), dtype=np.bool_)
        if parameters.only is not None:
            kept &= np.isin(ids, parameters.only)
        if parameters.exclude is not None:
            kept &= ~np.isin(ids, parameters.exclude)
        return kept


def _candidates(scores: Float32, query: Float32, k: int) -> Int64:
    """Positions of every score (n,) that may be among the first k once it is computed exactly, ties included."""
    if k >= len(scores):
        return np.arange(len(scores))
    last = np.partition(scores, len(scores) - k)[len(scores) - k]  # the k-th largest
    slack = ROUNDING * max(1.0, float(np.linalg.norm(query)))
    return np.flatnonzero(scores >= last - slack)
