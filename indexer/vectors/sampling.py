"""A sample of the rows that an index is built from, of bounded size and the same each time."""

from __future__ import annotations

import numpy as np

from indexer.types import Float32, Int64
from indexer.vectors.base import Batches
from indexer.vectors.exact import checked_rows


def draw(batches: Batches, count: int, size: int, dimension: int) -> tuple[Int64, Float32]:
    """`size` of the first `count` rows, ids (s,) and vectors (s, d) float32, by chance and the same each time.

    Fewer where fewer rows come. Raises ValueError on wrong rows.
    """
    size = min(size, count)
    picks = np.sort(np.random.default_rng(0).choice(count, size=size, replace=False)) if size else np.empty(0, np.int64)
    taken_ids, taken = np.empty(size, np.int64), np.empty((size, dimension), np.float32)  # (s,), (s, d)
    start = filled = 0
    for ids, vectors in batches() if size else ():
        ids, vectors = checked_rows(ids, vectors, dimension)
        first, filled = (int(place) for place in np.searchsorted(picks, (start, start + len(vectors))))
        rows = picks[first:filled] - start
        taken_ids[first:filled], taken[first:filled] = ids[rows], vectors[rows]
        start += len(vectors)
        if filled == size:
            break
    return taken_ids[:filled], taken[:filled]
