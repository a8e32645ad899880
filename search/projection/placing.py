"""Photographs that came after a map was made: each in the middle of those on the map that it is like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import numpy as np

from indexer.id_sets import are_among
from indexer.progress import Silent
from indexer.types import Float32, Int64
from indexer.vectors.base import Batches, VectorIndex
from search.projection.neighbours import index_over, nearest
from search.projection.photo_map import PhotoMap

#: Photographs whose middle it is. Of many, it would lie between all groups.
_LIKE: Final = 5
#: A map of which more than this share is new is made anew.
NEW_SHARE: Final = 0.1


def is_current(found: PhotoMap, there: Int64) -> bool:
    """Whether a map can still show the photographs `there` (m,): at most a tenth of them is not on it."""
    new = len(there) - int(are_among(there, found.ids).sum())
    return new <= NEW_SHARE * len(there) and (len(found) > 0 or not len(there))


def brought_up(
    found: PhotoMap,
    there: Int64,
    index: VectorIndex | None,
    batches: Batches,
    vectors_of: Callable[[Int64], Iterator[tuple[Int64, Float32]]],
    dimension: int,
    generation: int,
) -> PhotoMap:
    """The map with the photographs `there` (m,), ascending, and no others. `batches` gives the vectors of all, which
    are read where the index has too few; `vectors_of` those of some ids, as batches of ids and vectors."""
    kept = found.without_others(there)
    new = there[~are_among(there, kept.ids)]
    if not len(new) or not len(kept):
        return PhotoMap(kept.ids, kept.positions, kept.clusters, generation, kept.placed)
    ids, positions = [kept.ids], [kept.positions]
    among = index_over(kept.ids, index, batches, dimension)
    for own, rows in vectors_of(new):
        ids.append(own)
        positions.append(_beside(kept.ids, kept.positions, own, among, partial(iter, [(own, rows)])))
    all_ids = np.concatenate(ids)
    order = np.argsort(all_ids)
    placed = kept.placed + len(all_ids) - len(kept)
    return PhotoMap(all_ids[order], np.concatenate(positions)[order], kept.clusters, generation, placed)


def positions_beside(
    ids: Int64, positions: Float32, new: Int64, index: VectorIndex | None, batches: Batches, dimension: int
) -> Float32:
    """Positions (m, 2) float32 for `new` (m,): the mean of those of the nearest of `ids` (n,), which have `positions`
    (n, 2). All ids ascending. `batches` gives the vectors of all."""
    return _beside(ids, positions, new, index_over(ids, index, batches, dimension), batches)


def _beside(ids: Int64, positions: Float32, new: Int64, among: VectorIndex, batches: Batches) -> Float32:
    near, _ = nearest(among, new, ids, batches, min(_LIKE, len(ids)), Silent())
    beside: Float32 = positions[near].mean(axis=1, dtype=np.float32)
    return beside
