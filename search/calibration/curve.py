"""From a score to a probability: a logistic curve over what the score says by itself and against the collection.

A similarity means nothing by itself: of one query 0.2 is the best of a thousand unrelated photographs, of another it is
a sure match. So a hit is described by four numbers, and their weighted sum is turned into a probability (Platt 1999):

    score      s, what the hit is ordered by: the similarity, or after reranking the joined score
    above      s - m, where m is the mean of the query's similarities to a sample of the collection's own items: nearly
               all of them are no match, so that this is the query's background
    standard   z = (s - m) / d, where d is the spread of these
    items      -ln N: how many items there are

The last is the prior. Among N items that do not match, the number with a standard score above any z grows in
proportion to N, and the best of them for normal scores like sqrt(2 ln N) (extreme value theory: Fisher and Tippett
1928; Karlin and Altschul 1990 report E = N P(z) for the same reason); the number of right ones does not grow. So the
odds of a hit at z fall like 1 / N, which is a slope of 1 on -ln N. Where right answers grow with the collection the
odds stay, a slope of 0: the slope is fitted, between collections thinned to different sizes.

Every slope is at least 0, so that within one query a better score never has a lower probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from indexer.metrics import Float64
from indexer.types import Float32, Int64


class Slopes(NamedTuple):
    """Of each feature, at least 0."""

    score: float
    above: float
    standard: float
    items: float


FEATURES = Slopes._fields

#: Below this spread (of cosines) all items are equally near the query, and no hit stands out.
MIN_SPREAD = 1e-6

#: Items of a typical collection that a small one's own mean and spread are joined with: a handful of similarities,
#: the right one among them, says little about the rest of the world; a thousand say enough.
PRIOR_ITEMS = 10

#: Estimates are kept so far from 0 and 1 where their logits are taken.
_LEAST = 1e-12

#: Scores and logits are cut here, long after the probability is 0 or 1 in float64.
_LIMIT = 1e6


@dataclass(frozen=True, slots=True)
class Background:
    """Mean and spread (standard deviation) of one query's similarities to `sampled` of `items` items of a kind."""

    mean: float
    spread: float
    sampled: int
    items: int

    @classmethod
    def of(cls, similarities: Float32 | Float64, items: int) -> Background:
        """From the similarities (n,) of a sample; with n = 0 nothing is known, mean and spread are 0."""
        if not len(similarities):
            return cls(0.0, 0.0, 0, items)
        exact = similarities.astype(np.float64)
        return cls(float(exact.mean()), float(exact.std()), len(exact), items)


@dataclass(frozen=True, slots=True)
class Backgrounds:
    """The backgrounds of n hits, each (n,): fields as in `Background`."""

    mean: Float64
    spread: Float64
    sampled: Int64
    items: Int64


@dataclass(frozen=True, slots=True)
class TypicalBackground:
    """Mean and spread of similarities of which nearly all are no match: of the queries that a curve was fitted on, or
    of texts that say nothing of each other (`typical_texts`)."""

    mean: float
    spread: float


@dataclass(frozen=True, slots=True)
class ProbabilityCurve:
    """The logistic curve: `intercept` and a slope for each of FEATURES, on their own scales.

    `typical`: None where nothing is known, and the background has to say all. `fitted`: it comes from pairs.
    """

    intercept: float
    slopes: Slopes
    typical: TypicalBackground | None = None
    fitted: bool = True

    def probabilities(self, scores: Float32 | Float64, background: Background) -> Float64:
        """Of one query's hits with `scores` (n,), finite: (n,) float64, 0 to 1, never falling as the score grows."""
        return self.of_features(describe(np.asarray(scores, np.float64), background, self.typical))

    def of_features(self, features: Float64) -> Float64:
        """Of what `describe` made, (n, 4): (n,) float64."""
        return sigmoid(self.intercept + features @ np.array(self.slopes))


#: For encoders that nothing was fitted for, from the background alone: logit p = 2 z - ln N - 3.5, as of one right item
#: among N. Meaning and words are joined by it (`search.engine.fusion`).
FALLBACK = ProbabilityCurve(-3.5, Slopes(0.0, 0.0, 2.0, 1.0), fitted=False)

#: What words (strong, fair, weak) are made of there: logit p = 1.86 z - 0.71 ln N - 3.7, as right items grow with the
#: collection. Fitted to short queries with the bundled encoder, without its own curves, in collections of 13 to 1,446
#: photographs: 1.05 z - 0.40 ln N - 2.1. That is stretched, so that its 0.16 is 0.05 here: one first hit of twenty with
#: a right photograph lies below. Of larger collections nothing was measured. docs/decisions.md.
STANDING = ProbabilityCurve(-3.7, Slopes(0.0, 0.0, 1.86, 0.71), fitted=False)


def standing(estimates: Sequence[float], items: int) -> list[float]:
    """Those that FALLBACK gives, among so many `items`, as STANDING gives them: 0 to 1, in the same order."""
    given, size = np.array(estimates, np.float64), float(np.log(max(1, items)))
    near = np.clip(given, _LEAST, 1.0 - _LEAST)  # (n,)
    logits = np.log(near / (1.0 - near))
    spreads = (logits - FALLBACK.intercept + FALLBACK.slopes.items * size) / FALLBACK.slopes.standard  # (n,)
    found = sigmoid(STANDING.intercept + STANDING.slopes.standard * spreads - STANDING.slopes.items * size)
    result: list[float] = np.where(given > 0, found, 0.0).tolist()  # what words rule out stays ruled out
    return result


def describe(scores: Float64, background: Background | Backgrounds, typical: TypicalBackground | None) -> Float64:
    """The features (n, 4) float64 of hits with `scores` (n,), in the order of FEATURES: all of one query, or each with
    a background of its own. A typical background counts as PRIOR_ITEMS more similarities in the sample."""
    mean, spread = joined(background, typical)  # () or (n,)
    limited = np.clip(scores, -_LIMIT, _LIMIT)  # (n,)
    standard = np.where(spread > MIN_SPREAD, (limited - mean) / np.maximum(spread, MIN_SPREAD), 0.0)  # (n,)
    items = -np.log(np.maximum(1.0, np.asarray(background.items, np.float64)))  # () or (n,)
    return np.stack([limited, limited - mean, standard, np.broadcast_to(items, limited.shape)], axis=1)


def joined(background: Background | Backgrounds, typical: TypicalBackground | None) -> tuple[Float64, Float64]:
    """Mean and spread, each () or (n,), of a background together with what is typical."""
    mean, spread = np.asarray(background.mean, np.float64), np.asarray(background.spread, np.float64)
    if typical is None:
        return mean, spread
    own = background.sampled / (np.asarray(background.sampled, np.float64) + PRIOR_ITEMS)
    centre = own * mean + (1.0 - own) * typical.mean
    spread = np.sqrt(
        own * (spread**2 + (mean - centre) ** 2) + (1.0 - own) * (typical.spread**2 + (typical.mean - centre) ** 2)
    )
    return centre, spread


def sigmoid(logits: Float64) -> Float64:
    """1 / (1 + exp(-x)), without overflow."""
    limited = np.clip(logits, -_LIMIT, _LIMIT)
    small = np.exp(-np.abs(limited))  # 0 to 1
    result: Float64 = np.where(limited >= 0, 1.0, small) / (1.0 + small)
    return result
