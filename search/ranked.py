"""Items in the order in which they answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from indexer.types import Float32, Int64


@dataclass(frozen=True, slots=True)
class Ranked:
    """Items of one kind, by (-score, id).

    `ids` (n,) int64, `scores` (n,) float32, `similarities` (n,) float32: cosines of query and item, which are the
    scores as long as no second stage has given others.
    """

    ids: Int64
    scores: Float32
    similarities: Float32

    def __len__(self) -> int:
        return len(self.ids)


def rank(ids: Int64, scores: Float32, similarities: Float32, k: int | None = None) -> Ranked:
    """The k best (all when None), by (-score, id). `ids` (n,) int64, `scores` and `similarities` (n,) float32."""
    order = np.lexsort((ids, -scores))[:k]
    return Ranked(ids[order], scores[order], similarities[order])
