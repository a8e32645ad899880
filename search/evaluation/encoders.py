"""Two encoders of one store beside each other, on the captions that the store itself holds: nothing is encoded for it.

A change of encoder has encoded every photograph and every text of the store, and what the former encoder made is kept:
both are asked from the catalog's vectors alone.
"""

from __future__ import annotations

import numpy as np

from indexer.catalog.captioned import Captioned
from indexer.catalog.encoders import Encoders
from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors, spread
from indexer.store import Store
from indexer.types import EncoderComparison, Float32, Int64

#: Captions that are asked: the share of a thousand is known to 3 of 100.
MOST_CAPTIONS = 1_000
#: Fewer captions tell nothing.
FEWEST_CAPTIONS = 20
#: Photographs whose vectors are in memory at a time.
_CHUNK = 8_192


def compare_encoders(store: Store) -> EncoderComparison | None:
    """The active encoder of `store` and the one before it; None without captions to tell by, or without a former one.

    Each caption of a table or file beside the photographs asks for its photograph among all; copies of one content are
    one photograph. Raises StoreError.
    """
    with store.catalog.snapshot() as snapshot:
        active, former = Encoders(snapshot).active(), Encoders(snapshot).former()
        if active is None or former is None:
            return None
        pairs = Captioned(snapshot).pairs()
        pairs = pairs[spread(len(pairs), MOST_CAPTIONS) - 1]
        if len(pairs) < FEWEST_CAPTIONS:
            return None
        texts, wanted = pairs[:, 0], pairs[:, 1]
        images = Captioned(snapshot).photographs()
        both = [_ranks(snapshot, row, identity.dimension, texts, wanted, images) for row, identity in (active, former)]
    asked = (both[0] >= 0) & (both[1] >= 0)  # what either lacks, after damage, tells of neither
    if asked.sum() < FEWEST_CAPTIONS:
        return None
    now, before = (ranks[asked] for ranks in both)
    shares = [float((ranks < k).mean()) for ranks in (now, before) for k in (1, 10)]
    return EncoderComparison(int(asked.sum()), len(images), *shares)


def _ranks(snapshot: Transaction, row: int, dimension: int, texts: Int64, wanted: Int64, images: Int64) -> Int64:
    """How many photographs are nearer to each caption than its own is, (n,); -1 where something has no vector."""
    asking = _matrix(Vectors(snapshot).of_contents(texts.tolist(), row, dimension), texts, dimension)  # (n, d)
    own = _matrix(Vectors(snapshot).of_contents(wanted.tolist(), row, dimension), wanted, dimension)  # (n, d)
    similarity = np.einsum("nd,nd->n", asking, own)  # (n,)
    ranks = np.zeros(len(texts), np.int64)
    for start in range(0, len(images), _CHUNK):
        part = images[start : start + _CHUNK]
        vectors = _matrix(Vectors(snapshot).of_contents(part.tolist(), row, dimension), part, dimension)  # (m, d)
        nearer = asking @ vectors.T > similarity[:, None] + 1e-6  # (n, m); its own, in another sum, is not nearer
        ranks += nearer.sum(axis=1)
    ranks[np.isnan(similarity)] = -1
    return ranks


def _matrix(vectors: dict[int, Float32], contents: Int64, dimension: int) -> Float32:
    """(n, d) float32; NaN where a content has no vector, which compares as nearer to nothing."""
    missing = np.full(dimension, np.nan, np.float32)
    found = [vectors.get(int(content), missing) for content in contents]
    return np.stack(found) if found else np.empty((0, dimension), np.float32)
