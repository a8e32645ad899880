"""What subtracted terms take away: the more, the more an item stands out by what it was not to show.

A term's similarity s to an item is standardised against the collection, z = (s - m) / d, as for probabilities
(`search.calibration.curve`). The item then loses

    (weight / greatest added weight) * spread of the query * STRENGTH / 2 * ln(1 + exp(2 (z - START)))

which is nothing for what does not show the term and grows with how clearly it is shown: -ln(1 - p) for p a logistic
function of z, so that an item is ranked by "shows what is wanted, and does not show the other". Where a reranker looks
at candidates, z also gains MATCH_SHARE times how far the term's match stands out among them. Both were chosen on
Flickr8k `val`, among other ways: docs/decisions.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from indexer.catalog.vectors import Vectors
from indexer.metrics import Float64
from indexer.types import Float32
from search.calibration.curve import MIN_SPREAD
from search.rerank.answers import ask_scores
from search.rerank.base import Candidates, EncodedQuery, Reranker
from search.rerank.stage import Loss, TokenSource

#: How much an item loses that shows the term, in spreads of the query for a spread of the term.
STRENGTH: Final = 8.0
#: Where that begins, in spreads above the mean.
START: Final = 0.75
#: Spreads that a match counts which is one spread above those of the other candidates.
MATCH_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Unwanted:
    """A subtracted term against one kind of item. `mean` and `spread`: of its similarities where nothing matches;
    `amount`: what an item loses for a spread, in units of the query's similarities."""

    query: EncodedQuery
    mean: float
    spread: float
    amount: float

    def standard(self, similarities: Float64) -> Float64:
        """(n,): spreads above the mean; 0 where all items are alike."""
        if self.spread <= MIN_SPREAD:
            return np.full_like(similarities, -np.inf)
        found: Float64 = (similarities - self.mean) / self.spread
        return found

    def loss(self, standard: Float64) -> Float64:
        """(n,): what items lose that stand out so far, at least 0."""
        found: Float64 = self.amount * np.logaddexp(0.0, 2.0 * (standard - START)) / 2.0
        return found


@dataclass(frozen=True, slots=True)
class Penalty:
    """All that is subtracted from one query."""

    terms: Sequence[Unwanted]

    def of(self, vectors: Float32) -> Float64:
        """(n,): what items with these `vectors` (n, d) lose in the first stage."""
        wide = vectors.astype(np.float64)
        losses = (term.loss(term.standard(wide @ term.query.vector.astype(np.float64))) for term in self.terms)
        return sum(losses, np.zeros(len(wide)))

    def of_reranked(self, vectors: Float32, candidates: Candidates, reranker: Reranker) -> Float64:
        """(n,): how much more than that `candidates` with these `vectors` (n, d) lose when the reranker has looked at
        them. 0 where it cannot say."""
        wide = vectors.astype(np.float64)
        more = np.zeros(len(wide))
        for term in self.terms:
            if term.query.kind == "image":
                continue
            near = (wide @ term.query.vector.astype(np.float64)).astype(np.float32)  # (n,)
            seen = Candidates(near, candidates.tokens, candidates.paths, candidates.texts)
            matches = (ask_scores(reranker, term.query, seen) - near).astype(np.float64)
            known = ~np.isnan(matches)
            spread = float(matches[known].std()) if known.any() else 0.0
            if spread > MIN_SPREAD:
                standard = term.standard(near.astype(np.float64))
                above = (matches - matches[known].mean()) / spread
                further = standard + MATCH_SHARE * np.where(known, above, 0.0)
                more += term.loss(further) - term.loss(standard)
        return more


def loss_of(penalty: Penalty | None, reranker: Reranker, source: TokenSource) -> Loss | None:
    """What the second stage subtracts; `source`: where it reads. None where nothing was subtracted in words."""
    if penalty is None or all(term.query.kind == "image" for term in penalty.terms):
        return None
    dimension = len(penalty.terms[0].query.vector)

    def loss(ids: Sequence[int], candidates: Candidates) -> Float64:
        with source.lock:
            vectors = Vectors(source.snapshot).of_items(ids, source.encoder_row, dimension).vectors
        rows = np.array([vectors[number] for number in ids], np.float32)  # (n, d): the first stage has read them
        return penalty.of_reranked(rows, candidates, reranker)

    return loss
