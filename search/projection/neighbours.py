"""Who is near whom: asked of the store's own vector index, a batch of vectors at a time."""

from __future__ import annotations

from typing import Final

import numpy as np

from indexer.progress import Progress
from indexer.types import Float32, Int64
from indexer.vectors.base import Batches, SearchParameters, VectorIndex
from indexer.vectors.exact import ExactIndex

#: An index that holds less than this share of what is asked about gives way to a comparison with everything.
_COVERED: Final = 0.9


def index_over(ids: Int64, index: VectorIndex | None, batches: Batches, dimension: int) -> VectorIndex:
    """What finds neighbours among `ids` (n,), ascending: `index` where it holds nearly all of them, else one in memory,
    of the vectors that `batches` gives."""
    if index is not None and np.isin(ids, index.ids, assume_unique=True).sum() >= _COVERED * len(ids):
        return index
    vectors = np.zeros((len(ids), dimension), np.float32)  # near nothing, where one went since the ids were read
    for own, rows in batches():
        wanted, places = _places(own, ids)
        vectors[places] = rows[wanted]
    return ExactIndex(ids, vectors)


def nearest(
    index: VectorIndex, ids: Int64, among: Int64, batches: Batches, k: int, progress: Progress
) -> tuple[Int64, Float32]:
    """Of each of `ids` (n,) the k nearest of `among` (m,), itself left out; both ascending, m > k.

    Returns their places in `among` (n, k) int64 and their distances (n, k) float32, of unit vectors, from 0 to 2.
    Where an index finds fewer, the last one stands for the rest.
    """
    found = np.zeros((len(ids), k), np.int64)
    distances = np.full((len(ids), k), 2.0, np.float32)
    whole = np.isin(index.ids, among, assume_unique=True).all()
    parameters = SearchParameters() if whole else SearchParameters(only=among)
    for own, rows in batches():
        wanted, places = _places(own, ids)
        if not len(places):
            continue
        scores, others = index.search(rows[wanted], k + 1, parameters)
        for row, place in enumerate(places):
            kept = (others[row] >= 0) & (others[row] != ids[place])
            count = min(int(kept.sum()), k)
            if not count:
                continue
            found[place, :count] = np.searchsorted(among, others[row][kept][:k])
            found[place, count:] = found[place, count - 1]
            near = np.sqrt(np.maximum(0, 2 - 2 * scores[row][kept][:k]))
            distances[place, :count], distances[place, count:] = near, near[-1]
        progress.advance(len(places))
    return found, distances


def _places(own: Int64, ids: Int64) -> tuple[Int64, Int64]:
    """Which rows of `own` (b,) are among `ids` (n,), ascending, and where these stand there."""
    at = np.minimum(np.searchsorted(ids, own), max(len(ids) - 1, 0))
    wanted = np.flatnonzero(ids[at] == own) if len(ids) else np.empty(0, np.int64)
    return wanted.astype(np.int64), at[wanted].astype(np.int64)
