"""What subtracted terms take away: the more, the more clearly an item shows what it was not to show.

Similarities are standardised against the collection, z = (s - m) / d, as for probabilities
(`search.calibration.curve`): x for what is wanted, y for a subtracted term. Pictures of cars look a little like
trucks, so what x says of y is taken off first: r is the correlation of both over the collection, and

    e = y - r x - START - max(0, b - USUAL_BEST)

is how clearly the term is shown, b being the y of those items that show it best: a thing that is rare stands out
further where it is there. With e the item loses, in spreads of what is wanted and times the term's weight,

    STRENGTH / 2 * ln(1 + exp(2 e))

which is nothing for what does not show the term: -ln(1 - p) for p a logistic function of e. What goes beyond x - FULL
counts by a share (BEYOND), a small one in small collections: what shows the wanted stays before most that does not.
Where a reranker looks at candidates, e is at most how far the term's match stands out among them: both have to see it.
All was chosen on photographs of Flickr8k `val` and COCO; strength, start and FULL anew for version 4 of the bundled
encoder: docs/decisions.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from indexer.catalog.vectors import Vectors
from indexer.metrics import Float64
from indexer.types import Float32, Kind
from search.calibration.background import Sample
from search.calibration.curve import MIN_SPREAD, PRIOR_ITEMS
from search.rerank.answers import ask_scores
from search.rerank.base import Candidates, EncodedQuery, Reranker
from search.rerank.stage import Loss, TokenSource, crosses

Bools = npt.NDArray[np.bool_]

#: How much an item loses that shows the term, in spreads of what is wanted for a spread of the term.
STRENGTH: Final = 6.0
#: Where that begins, in spreads above what the wanted says.
START: Final = -0.3
#: Spreads by which the best items of a frequent thing stand out; where they stand out further, the loss begins later.
USUAL_BEST: Final = 3.0
#: The share of a collection that shows a term best.
BEST: Final = 0.01
#: So many spreads above the mean of the collection a loss that counts whole brings an item down to.
FULL: Final = 1.0
#: How much counts of a loss beyond that; of one of MANY items half as much, and of fewer less, down to a share: there
#: little shows the wanted, and nothing better could take its place.
BEYOND: Final = 0.5
MANY: Final = 500
FEW: Final = 0.2
#: Above it an item clearly shows the term: so do 57 % of the photographs of which two captions say the wanted and two
#: the term, and 12 % of those of which none says the term (111 pairs of everyday words, Flickr8k `val`).
CLEAR: Final = 1.0
#: Where a reranker looks, the similarity may stand out by so many spreads less, and the match has to by so many.
SIMILAR_LESS: Final = 0.5
MATCH_START: Final = 0.1


@dataclass(frozen=True, slots=True)
class Standard:
    """A vector (d,) float32 that items are compared with; `mean` and `spread` of its similarities where nothing
    matches."""

    vector: Float32
    mean: float
    spread: float

    def of(self, vectors: Float64) -> Float64:
        """(n,): by how many spreads items with these `vectors` (n, d) lie above the mean; 0 where all are alike."""
        if self.spread <= MIN_SPREAD:
            return np.zeros(len(vectors))
        found: Float64 = (vectors @ self.vector.astype(np.float64) - self.mean) / self.spread
        return found


@dataclass(frozen=True, slots=True)
class Unwanted:
    """A subtracted term against one kind of item. `explained`: spreads of it that come with one of what is wanted, 0
    to 1; `best`: by how many stand out those that show it best; `weight`: against the greatest that is added."""

    query: EncodedQuery
    standard: Standard
    explained: float
    best: float
    weight: float

    @classmethod
    def of(cls, query: EncodedQuery, weight: float, standard: Standard, wanted: Standard, sample: Sample) -> Unwanted:
        """`sample`: of the items; a few of them say little about what comes together."""
        if not len(sample.vectors):
            return cls(query, standard, 0.0, USUAL_BEST, weight)
        x, y = wanted.of(sample.vectors), standard.of(sample.vectors)
        known = len(y) / (len(y) + PRIOR_ITEMS)
        together = known * float(np.mean((x - x.mean()) * (y - y.mean())))
        best = float(np.sort(y)[-max(1, round(BEST * len(y))) :].mean())
        return cls(query, standard, min(max(together, 0.0), 1.0), best, weight)

    def shown(self, vectors: Float64, wanted: Float64) -> Float64:
        """(n,): how clearly items with these `vectors` (n, d) show the term that show what is wanted by `wanted` (n,)
        spreads."""
        if self.standard.spread <= MIN_SPREAD:
            return np.full(len(vectors), -np.inf)
        begins = START + max(0.0, self.best - USUAL_BEST)
        found: Float64 = self.standard.of(vectors) - self.explained * wanted - begins
        return found

    def loss(self, shown: Float64) -> Float64:
        """(n,): what items lose that show it so clearly, in spreads of what is wanted, at least 0."""
        found: Float64 = self.weight * STRENGTH * np.logaddexp(0.0, 2.0 * shown) / 2.0
        return found


@dataclass(frozen=True, slots=True)
class Penalty:
    """All that is subtracted from one query for what is `wanted`, among so many `items`."""

    wanted: Standard
    terms: Sequence[Unwanted]
    items: int

    def of(self, vectors: Float32) -> Float64:
        """(n,): what the similarities of items with these `vectors` (n, d) lose in the first stage."""
        wide = vectors.astype(np.float64)
        x = self.wanted.of(wide)
        return self._bounded(x, [term.loss(term.shown(wide, x)) for term in self.terms])

    def clearly_shown(self, vectors: Float32) -> Bools:
        """(n,): which items with these `vectors` (n, d) clearly show something that is subtracted."""
        wide = vectors.astype(np.float64)
        x = self.wanted.of(wide)
        found: Bools = np.any([term.shown(wide, x) > CLEAR for term in self.terms], axis=0)
        return found

    def of_reranked(self, vectors: Float32, candidates: Candidates, reranker: Reranker, kind: Kind) -> Float64:
        """(n,): how much more than that (or less, below 0) `candidates` of a `kind` with these `vectors` (n, d) lose
        when the reranker has looked at them. 0 where it cannot say."""
        wide = vectors.astype(np.float64)
        x = self.wanted.of(wide)
        before, after = [], []
        for term in self.terms:
            shown = term.shown(wide, x)
            before.append(term.loss(shown))
            if crosses(term.query.kind, kind):
                above = _matches(term.query, candidates, wide, reranker) - MATCH_START
                shown = np.where(np.isnan(above), shown, np.minimum(shown + SIMILAR_LESS, above))
            after.append(term.loss(shown))
        return self._bounded(x, after) - self._bounded(x, before)

    def _bounded(self, x: Float64, losses: Sequence[Float64]) -> Float64:
        """(n,): what is lost by all terms together, in units of similarities."""
        lost = np.sum(losses, axis=0)
        full = np.minimum(lost, np.maximum(x - FULL, 0.0))
        beyond = BEYOND * max(FEW, self.items / (self.items + MANY))
        found: Float64 = self.wanted.spread * (full + beyond * (lost - full))
        return found


def _matches(query: EncodedQuery, candidates: Candidates, vectors: Float64, reranker: Reranker) -> Float64:
    """(n,): by how many spreads the match of each candidate stands out among all of them; NaN where that is unknown.

    `vectors` (n, d): theirs.
    """
    near = (vectors @ query.vector.astype(np.float64)).astype(np.float32)  # (n,)
    seen = Candidates(near, candidates.tokens, candidates.paths, candidates.texts)
    matches = (ask_scores(reranker, query, seen) - near).astype(np.float64)
    known = ~np.isnan(matches)
    spread = float(matches[known].std()) if known.any() else 0.0
    if spread <= MIN_SPREAD:
        return np.full(len(matches), np.nan)
    found: Float64 = (matches - matches[known].mean()) / spread
    return found


def loss_of(penalty: Penalty | None, reranker: Reranker, source: TokenSource, kind: Kind) -> Loss | None:
    """What the second stage subtracts from items of a `kind`; `source`: where it reads. None where a reranker knows
    nothing of what was subtracted."""
    if penalty is None or not any(crosses(term.query.kind, kind) for term in penalty.terms):
        return None
    dimension = len(penalty.wanted.vector)

    def loss(ids: Sequence[int], candidates: Candidates) -> Float64:
        with source.lock:
            vectors = Vectors(source.snapshot).of_items(ids, source.encoder_row, dimension).vectors
        rows = np.array([vectors[number] for number in ids], np.float32)  # (n, d): the first stage has read them
        return penalty.of_reranked(rows, candidates, reranker, kind)

    return loss
