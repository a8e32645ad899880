"""How a map is made, from the vectors of a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from indexer.id_sets import are_among
from indexer.progress import Progress
from indexer.types import Float32, Int64
from indexer.vectors.base import Batches, VectorIndex
from search.projection import clusters, layout
from search.projection.naming import named, standing_out
from search.projection.neighbours import index_over, nearest
from search.projection.photo_map import Cluster, PhotoMap, empty
from search.projection.placing import positions_beside
from search.projection.streamed import Spread, means_by_label, principal_positions, spread_of

#: Photographs that are laid out; of more, so many are taken evenly, and the others are placed beside them. It bounds
#: the memory (about 500 MB) and the time (some minutes).
LAID_OUT: Final = 100_000


@dataclass(frozen=True, slots=True)
class Material:
    """What a map is made of. `ids` (n,) int64, ascending; `batches`: their vectors, of `dimension`; `index`: the
    store's own, None where there is none; `generation` of the catalog; `words`: what groups may be called, and
    `word_vectors` (w, d) float32."""

    ids: Int64
    batches: Batches
    dimension: int
    index: VectorIndex | None
    generation: int
    words: Sequence[str]
    word_vectors: Float32


def make_map(material: Material, progress: Progress, laid_out: int = LAID_OUT) -> PhotoMap:
    """Lay the photographs out, group them, and name the groups. The same material gives the same map.

    Raises what `progress` raises.
    """
    ids, batches, dimension = material.ids, material.batches, material.dimension
    if not len(ids):
        return empty(material.generation)
    chosen = ids if len(ids) <= laid_out else ids[np.linspace(0, len(ids) - 1, laid_out).astype(np.int64)]
    spread = spread_of(chosen, batches, dimension)
    begin = principal_positions(chosen, batches, spread)
    k = layout.neighbours_for(len(chosen))
    if k:
        progress.phase("Finding neighbours")
        progress.total(len(chosen))
        index = index_over(chosen, material.index, batches, dimension)
        near, distances = nearest(index, chosen, chosen, batches, k, progress)
    else:
        near, distances = np.empty((len(chosen), 0), np.int64), np.empty((len(chosen), 0), np.float32)
    progress.phase("Arranging the photographs")
    progress.total(layout.STEPS)
    positions = layout.lay_out(near, distances, begin, progress)
    if len(chosen) < len(ids):
        positions = _with_others(material, chosen, positions)
    progress.phase("Naming the groups")
    return PhotoMap(ids, positions, tuple(_clusters(material, positions, spread)), material.generation)


def _with_others(material: Material, chosen: Int64, laid: Float32) -> Float32:
    """Positions (n, 2) of all, from those of the `chosen` (m,)."""
    is_chosen = are_among(material.ids, chosen)
    others = material.ids[~is_chosen]
    positions = np.empty((len(material.ids), 2), np.float32)
    positions[is_chosen] = laid
    positions[~is_chosen] = positions_beside(chosen, laid, others, material.index, material.batches, material.dimension)
    return positions


def _clusters(material: Material, positions: Float32, spread: Spread) -> list[Cluster]:
    """Groups with their names; those of the coarse level choose first."""
    found: list[Cluster] = []
    taken: set[str] = set()
    levels = clusters.grouped(positions)
    if not levels:
        return found
    for level, labels in enumerate(levels):
        middles = clusters.middles(positions, labels)
        means = means_by_label(material.ids, labels, len(middles), material.batches, material.dimension)
        names = named(standing_out(means, material.word_vectors, spread), material.words, taken)
        sizes = np.bincount(labels)
        found += [
            Cluster(level, name, float(x), float(y), int(size))
            for name, (x, y), size in zip(names, middles, sizes, strict=True)
            if name
        ]
    return found
