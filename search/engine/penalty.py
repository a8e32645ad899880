"""What subtracted terms take away: the more, the more an item stands out by what it was not to show.

A term's similarity s to an item is standardised against the collection, z = (s - m) / d, as for probabilities
(`search.calibration.curve`). The item then loses

    (weight / greatest added weight) * spread of the query * STRENGTH / 2 * ln(1 + exp(2 (z - START)))

which is nothing for what does not show the term and grows with how clearly it is shown: -ln(1 - p) for p the logistic
function of z, so that with its first stage an item is ranked by "shows what is wanted, and does not show the other".
Chosen on Flickr8k `val`, among others: docs/decisions.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors
from indexer.metrics import Float64
from indexer.types import Float32
from search.calibration.curve import MIN_SPREAD
from search.rerank.answers import ask_scores
from search.rerank.base import Candidates, EncodedQuery, Reranker
from search.rerank.stage import Loss

#: How much an item loses that shows the term, in spreads of the query for a spread of the term.
STRENGTH: Final = 5.0
#: Where that begins, in spreads above the mean.
START: Final = -0.25


@dataclass(frozen=True, slots=True)
class Unwanted:
    """A subtracted term against one kind of item. `mean` and `spread`: of its similarities where nothing matches;
    `amount`: what an item loses for a spread, in units of the query's similarities."""

    query: EncodedQuery
    mean: float
    spread: float
    amount: float

    def loss(self, similarities: Float64) -> Float64:
        """(n,): what items with these `similarities` (n,) to the term lose, at least 0."""
        if self.spread <= MIN_SPREAD:
            return np.zeros_like(similarities)
        standard = (similarities - self.mean) / self.spread
        found: Float64 = self.amount * np.logaddexp(0.0, 2.0 * (standard - START)) / 2.0
        return found


@dataclass(frozen=True, slots=True)
class Penalty:
    """All that is subtracted from one query."""

    terms: Sequence[Unwanted]

    def of(self, vectors: Float32) -> Float64:
        """(n,): what items with these `vectors` (n, d) lose in the first stage."""
        wide = vectors.astype(np.float64)
        return sum((term.loss(wide @ term.query.vector.astype(np.float64)) for term in self.terms), np.zeros(len(wide)))

    def of_reranked(self, vectors: Float32, candidates: Candidates, reranker: Reranker) -> Float64:
        """(n,): how much more than that `candidates` with these `vectors` (n, d) lose when the reranker has looked at
        them; a term is scored as a query of its own is. 0 where it cannot say."""
        wide = vectors.astype(np.float64)
        more = np.zeros(len(wide))
        for term in self.terms:
            if term.query.kind == "image":
                continue
            near = wide @ term.query.vector.astype(np.float64)  # (n,)
            seen = Candidates(near.astype(np.float32), candidates.tokens, candidates.paths, candidates.texts)
            scores = ask_scores(reranker, term.query, seen).astype(np.float64)
            more += np.where(np.isnan(scores), 0.0, term.loss(scores) - term.loss(near))
        return more


def loss_of(penalty: Penalty | None, reranker: Reranker, snapshot: Transaction, encoder_row: int) -> Loss | None:
    """What the second stage subtracts; None where nothing was subtracted in words."""
    if penalty is None or all(term.query.kind == "image" for term in penalty.terms):
        return None
    dimension = len(penalty.terms[0].query.vector)

    def loss(ids: Sequence[int], candidates: Candidates) -> Float64:
        vectors = Vectors(snapshot).of_items(ids, encoder_row, dimension).vectors
        rows = np.array([vectors[number] for number in ids], np.float32)  # (n, d): the first stage has read them
        return penalty.of_reranked(rows, candidates, reranker)

    return loss
