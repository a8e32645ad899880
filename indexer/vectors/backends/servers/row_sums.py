"""A sum of the rows of an index, whatever their order: what shows that a server gives other rows than it was given.

A server keeps its own bytes, with sums of its own. This one finds what others did to the collection: a row that was
changed, deleted or added.
"""

from __future__ import annotations

import numpy as np

from indexer.types import Float32, Int64


class RowSums:
    """The sum of all rows so far, as `text`: their count and a number of 64 bits."""

    def __init__(self, dimension: int) -> None:
        factors = np.random.default_rng(7).integers(1, 2**63, dimension + 1, dtype=np.uint64)
        self._factors = factors | np.uint64(1)  # odd: each bit of a number counts
        self._count = 0
        self._sum = 0

    def see(self, ids: Int64, vectors: Float32) -> None:
        """`ids` (b,) int64 and `vectors` (b, d) float32."""
        bits = np.ascontiguousarray(vectors, np.float32).view(np.uint32)  # (b, d)
        sums = bits.astype(np.uint64) @ self._factors[1:]  # (b,), modulo 2 ** 64
        sums += ids.astype(np.uint64) * self._factors[0]
        sums = (sums ^ (sums >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)  # else rows could swap parts
        self._count += len(ids)
        self._sum = (self._sum + int((sums ^ (sums >> np.uint64(32))).sum(dtype=np.uint64))) % 2**64

    @property
    def text(self) -> str:
        return f"{self._count}-{self._sum:016x}"
