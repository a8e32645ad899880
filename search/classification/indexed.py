"""The photographs of a store, classified page by page from the vectors that it has: no file is read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from indexer.catalog.catalog import Catalog
from indexer.catalog.items import Items
from indexer.catalog.selection import Selection
from indexer.catalog.vector_pages import VectorPages
from indexer.catalog.vectors import Vectors
from indexer.progress import Progress
from indexer.types import Float32, Int64
from search.classification.linear_probe import LinearClassifier
from search.query.filter import Filter
from search.query.resolve import resolve


class IndexedPhotographs:
    """Those of a catalog under the encoder `row`, of `dimension`. `where`: only what fits."""

    def __init__(self, catalog: Catalog, row: int, dimension: int, where: Filter | None) -> None:
        self._catalog = catalog
        self._row = row
        self._vectors = VectorPages(catalog, row, dimension)
        resolved = None if where is None else resolve(where)
        self.notes = () if resolved is None else resolved.notes
        self._criterion = None if resolved is None else resolved.criterion

    def classified(
        self, classifier: LinearClassifier, top: int, progress: Progress
    ) -> tuple[Int64, list[str], Int64, Float32]:
        """Ids (n,) int64, ascending, paths, and `LinearClassifier.first` of all. Raises StoreError, UsageError, and
        what `progress` raises."""
        progress.phase("Classifying")
        ids, paths = [np.empty(0, np.int64)], list[str]()
        order, shares = [np.empty((0, top), np.int64)], [np.empty((0, top), np.float32)]
        for own, vectors, of_own in self._pages(progress):
            there = np.array([number in of_own for number in own.tolist()], bool)
            own, vectors = own[there], vectors[there]
            if not len(own):
                continue
            ids.append(own)
            paths += [of_own[number] for number in own.tolist()]
            found, share = classifier.first(vectors, top)
            order.append(found)
            shares.append(share)
        return np.concatenate(ids), paths, np.concatenate(order), np.concatenate(shares)

    def _pages(self, progress: Progress) -> Iterator[tuple[Int64, Float32, dict[int, str]]]:
        """Ids (b,), their vectors (b, d), and the paths of those that are still there."""
        if self._criterion is None:
            with self._catalog.snapshot() as snapshot:
                progress.total(Vectors(snapshot).count("image", self._row))
            pages = self._vectors.batches()
        else:
            with self._catalog.snapshot() as snapshot:
                selected = np.sort(Selection(snapshot).ids(self._criterion, "image"))
            progress.total(len(selected))
            pages = self._vectors.vectors_of(selected)
        for ids, vectors in pages:
            with self._catalog.snapshot() as snapshot:
                paths = Items(snapshot).paths(ids)
            yield ids, vectors, paths
            progress.advance(len(ids))
