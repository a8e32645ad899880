"""What a map is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from indexer.id_sets import are_among
from indexer.types import Float32, Int64


@dataclass(frozen=True, slots=True)
class Cluster:
    """A group of points. `level`: 0 for the coarse ones; `name`: a word for it, which no other one has; `x`, `y`: its
    middle; `count` of its photographs when the map was made."""

    level: int
    name: str
    x: float
    y: float
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class PhotoMap:
    """Photographs as points. `ids` (n,) int64, ascending; `positions` (n, 2) float32, from -1 to 1, y upwards.

    `generation` of the catalog that it shows; `placed`: how many were not there when it was made, and lie where those
    are that they are like.
    """

    ids: Int64
    positions: Float32
    clusters: tuple[Cluster, ...]
    generation: int
    placed: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    def without_others(self, there: Int64) -> PhotoMap:
        """Only the points of the ids `there` (m,)."""
        kept = are_among(self.ids, there)
        return PhotoMap(self.ids[kept], self.positions[kept], self.clusters, self.generation, self.placed)


def empty(generation: int) -> PhotoMap:
    """That of no photograph."""
    return PhotoMap(np.empty(0, np.int64), np.empty((0, 2), np.float32), (), generation)
