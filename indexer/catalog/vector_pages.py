"""The vectors of all photographs, page by page, as often as they are asked for.

Each page is a look at the catalog of its own: a snapshot that is kept for long keeps SQLite from folding its log into
the database, and what others write meanwhile piles up there. What comes or goes between two pages is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from indexer.catalog.catalog import Catalog
from indexer.catalog.vectors import Vectors
from indexer.types import Float32, Int64

#: Vectors that are read at once.
_AT_ONCE: Final = 8_192


class VectorPages:
    """Those of a catalog under the encoder `row`, of `dimension`."""

    def __init__(self, catalog: Catalog, row: int, dimension: int) -> None:
        self._catalog = catalog
        self._row = row
        self._dimension = dimension

    def batches(self) -> Iterator[tuple[Int64, Float32]]:
        """Ids (b,) int64, ascending, and vectors (b, d) float32."""
        after = -1
        while True:
            with self._catalog.snapshot() as snapshot:
                page = next(Vectors(snapshot).pages("image", self._row, self._dimension, _AT_ONCE, after), None)
            if page is None:
                return
            after = int(page[0][-1])
            yield page

    def vectors_of(self, ids: Int64) -> Iterator[tuple[Int64, Float32]]:
        """As `batches`, of some ids (n,), ascending; without those that have none."""
        for start in range(0, len(ids), _AT_ONCE):
            with self._catalog.snapshot() as snapshot:
                some = ids[start : start + _AT_ONCE].tolist()
                found = Vectors(snapshot).of_items(some, self._row, self._dimension).vectors
            if found:
                own = sorted(found)
                yield np.array(own, np.int64), np.stack([found[number] for number in own])

    def ids(self) -> Int64:
        """Those of all, (n,) int64, ascending."""
        return np.concatenate([np.empty(0, np.int64), *(ids for ids, _ in self.batches())])
