"""What a query's similarities to a collection look like when nothing matches: from a sample of its own items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from indexer import forking
from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors
from indexer.metrics import Float64
from indexer.types import Float32, Int64, Kind
from search.calibration.curve import Background, TypicalBackground
from search.median import median

#: Items that a background is taken from: its mean is then known to a thirtieth of the spread, the spread to a
#: fortieth, and a query pays a third of a millisecond.
SAMPLE_SIZE = 1_000
#: Spreads above the typical mean: of a thousand that do not match one is so near.
MATCHES_FROM = 3.0
#: Items whose vectors are so near each other are one scene: frames of a series, copies that were saved anew. Of 1,000
#: photographs of Flickr8k five have one so near, and of fifty frames of a moved camera nearly all pairs are.
ALIKE = 0.9
#: Spreads above the median from which items are compared with each other: few, and all that a series could shift.
STANDS_OUT = 3.0
#: Standard deviations in the median absolute deviation of a normal distribution.
_NORMAL = 1.4826


@dataclass(frozen=True, slots=True)
class Sample:
    """Vectors (n, d), unit norm, of n of the `items` items of a kind; float64, so that no query has to widen them.
    `left_out`: see `Transaction.left_out`."""

    vectors: Float64
    items: int
    left_out: frozenset[tuple[str, int]] = frozenset()

    def background(self, embedding: Float32, typical: TypicalBackground | None = None) -> Background:
        """Of the query with this vector (d,). A series of one scene counts once. `typical`: what stands out from it is
        a match, and left out: of ten captions eight may be."""
        similarities = self.vectors @ embedding.astype(np.float64)  # (n,)
        similarities = of_scenes(similarities, self.vectors)
        if typical is not None:
            similarities = similarities[similarities <= typical.mean + MATCHES_FROM * typical.spread]
        return Background.of(similarities, self.items)


class BackgroundSamples:
    """The sample of each kind, read again when the catalog has changed. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = forking.lock()
        self._held: dict[Kind, tuple[tuple[int, int], Sample]] = {}

    def of(self, snapshot: Transaction, kind: Kind, encoder_row: int, dimension: int) -> Sample:
        """The same sample for the same state of the catalog, whatever indexes there are."""
        key = (snapshot.generation, encoder_row)
        with self._lock:
            held = self._held.get(kind)
        if held is None or held[0] != key:
            stored = Vectors(snapshot)
            items, vectors = stored.sample(kind, encoder_row, dimension, SAMPLE_SIZE)
            held = key, Sample(vectors.astype(np.float64), items, frozenset(stored.left_out))
            with self._lock:
                self._held[kind] = held
        snapshot.left_out |= held[1].left_out
        return held[1]


def of_scenes(similarities: Float64, vectors: Float64, rows: Int64 | None = None) -> Float64:
    """(m,): of a query's similarities (n,) to items, those of different scenes. `vectors` (n, d) of the items, of unit
    norm; with `rows` (n,) those at these rows are.

    Fifty frames of what is asked for would be taken for the background, and each of them for nothing special. Only what
    stands out is looked at, from the median and the median deviation below it, which matches do not reach; of items
    that are alike the most similar one counts. In the order of the items.
    """
    if len(similarities) < 2:
        return similarities
    middle = median(similarities)
    spread = _NORMAL * median(middle - similarities[similarities <= middle])
    apart = np.flatnonzero(similarities > middle + STANDS_OUT * spread)  # (a,)
    if len(apart) < 2:
        return similarities
    apart = apart[np.argsort(-similarities[apart], kind="stable")]
    own = vectors[apart if rows is None else rows[apart]]  # (a, d)
    alike = own @ own.T >= ALIKE  # (a, a)
    left_out: list[int] = []
    seen = np.zeros(len(apart), bool)
    for place, row in enumerate(alike):
        if seen[place]:
            left_out.append(int(apart[place]))
        else:
            seen |= row
    return np.delete(similarities, left_out) if left_out else similarities
