"""What a query's similarities to a collection look like when nothing matches: from a sample of its own items."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors
from indexer.metrics import Float64
from indexer.types import Float32, Kind
from search.calibration.curve import Background

#: Items that a background is taken from: its mean is then known to a thirtieth of the spread, the spread to a
#: fortieth, and a query pays a third of a millisecond.
SAMPLE_SIZE = 1_000


@dataclass(frozen=True, slots=True)
class Sample:
    """Vectors (n, d), unit norm, of n of the `items` items of a kind; float64, so that no query has to widen them."""

    vectors: Float64
    items: int

    def background(self, embedding: Float32) -> Background:
        """Of the query with this vector (d,)."""
        return Background.of(self.vectors @ embedding.astype(np.float64), self.items)


class BackgroundSamples:
    """The sample of each kind, read again when the catalog has changed. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[Kind, tuple[tuple[int, int], Sample]] = {}

    def of(self, snapshot: Transaction, kind: Kind, encoder_row: int, dimension: int) -> Sample:
        """The same sample for the same state of the catalog, whatever indexes there are."""
        key = (snapshot.generation, encoder_row)
        with self._lock:
            held = self._held.get(kind)
        if held is None or held[0] != key:
            items, vectors = Vectors(snapshot).sample(kind, encoder_row, dimension, SAMPLE_SIZE)
            held = key, Sample(vectors.astype(np.float64), items)
            with self._lock:
                self._held[kind] = held
        return held[1]
