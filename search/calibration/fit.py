"""One curve, from evidence of several sources: fitted, and judged on what it has not seen.

Where captions leave out what a picture shows, a right hit is taken for a wrong one. If a share c of what is true is
said, a hit with probability p of which nothing is said is right with (1 - c) p / (1 - c p) all the same; with these in
the place of 0 the fit is made again until it stays (expectation maximisation, as Elkan and Noto 2008 learn from
positive and unlabelled data). That p is learned where what is said was there; where it was taken away, all that is
left to be right is unsaid.

Where pairs are few a curve is held near one that is known for the encoder, or near what standing out means in general;
and it takes the place of the one that is there only if it is shown to be better (`search.calibration.comparison`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from indexer.errors import UsageError
from indexer.metrics import Float64
from indexer.types import Int64
from search.calibration.calibration_file import Entry
from search.calibration.comparison import said_loss, shown_better
from search.calibration.curve import (
    FEATURES,
    Backgrounds,
    ProbabilityCurve,
    Slopes,
    TypicalBackground,
    describe,
    sigmoid,
)
from search.calibration.curve_fitting import FOLDS, Prior, cross_fitted, fit_standardised
from search.calibration.evidence import Evidence
from search.calibration.examples import Bool
from search.calibration.reliability import Reliability, reliability

#: About twenty right hits are wanted for each coefficient (Peduzzi et al. 1996 ask for ten).
MIN_RIGHT: Final = 40
#: Rounds of expectation maximisation; in the last the mean probability changes by less than a thousandth.
ROUNDS: Final = 30

#: So many times as strongly the slope on the number of items is held: it stays.
_FIRMLY: Final = 1e6


@dataclass(frozen=True, slots=True)
class Known:
    """What is there before a fit. `near`: a curve that it is held near, by `strength` (`Prior`), and has its slope on
    the number of items from, as a part of a store tells little of how odds fall up to all of it. `in_place`: the curve
    that gives probabilities now, which reads `similarities` where it knows nothing of the reranker's scores."""

    near: ProbabilityCurve
    strength: float
    in_place: ProbabilityCurve
    similarities: bool = False

    @property
    def prior(self) -> Prior:
        """For the features of `describe`."""
        strengths = np.array([self.strength] * len(FEATURES) + [_FIRMLY * self.strength])
        return Prior(self.near.intercept, np.array(self.near.slopes), strengths)


@dataclass(frozen=True, slots=True)
class Fitted:
    """One curve, and how far its probabilities are off on queries that it has not seen: over the first ten hits, and
    over the first hit alone. `better`: there it is shown to be better than the curve in place, or none is."""

    entry: Entry
    hits: Reliability
    first: Reliability
    better: bool = True


def fit(parts: Sequence[Evidence], seed: int, known: Known | None = None) -> Fitted:
    """The curve of evidence that has one key. Raises UsageError where too few hits are right."""
    key = parts[0].key
    right = np.concatenate([part.examples.right for part in parts])  # (m,)
    missed = np.concatenate([np.full(len(part.examples), part.missed) for part in parts])  # (m,)
    if right.sum() < MIN_RIGHT:
        raise UsageError(
            f"Of the hits of these captions only {int(right.sum()):,} are right, and probabilities need {MIN_RIGHT} to "
            f"be fitted ({key.asks}-to-{key.finds}); give more pairs, or check with `evaluate()` that images and "
            "captions belong together."
        )
    typical = _typical(parts) if known is None or known.near.typical is None else known.near.typical
    prior = None if known is None else known.prior
    features = np.concatenate([describe(part.examples.scores, part.examples.backgrounds, typical) for part in parts])
    whole = np.concatenate([part.examples.whole for part in parts])  # (m,)
    labels = completed(features, right, missed, whole, prior)
    intercept, slopes = fit_standardised(features, labels, prior)
    clusters, others = _numbered([part.clusters for part in parts]), _numbered([part.others for part in parts])
    apart = others if key.form == "short" else None
    unseen = cross_fitted(features, labels, clusters, apart, prior=prior, seed=seed)  # (m,)
    first = np.concatenate([part.examples.places == 0 for part in parts])
    hits = reliability(unseen, labels)
    fitted_on = {
        "queries": sum(part.queries for part in parts),
        "candidates": sum(part.candidates for part in parts),
        "hits": len(right),
        "right": round(float(labels.sum())),
        "folds": FOLDS,
        "seed": seed,
    }
    curve = ProbabilityCurve(intercept, Slopes(*(float(slope) for slope in slopes)), typical)
    entry = Entry(key.asks, key.finds, key.reranker, curve, fitted_on, round(hits.ece, 6), key.form)
    better = known is None or _better(parts, unseen, known, clusters, others)
    return Fitted(entry, hits, reliability(unseen[first], labels[first]), better)


def _better(parts: Sequence[Evidence], unseen: Float64, known: Known, clusters: Int64, others: Int64) -> bool:
    """Of hits in the collection as it is, uncut: whether `unseen` (m,) means more than what is in place. Those that are
    left when what is said to be right is gone tell nothing where more is right than is said."""
    before, right, missed, counts = [], [], [], []
    for part in parts:
        found = part.examples
        scores = found.similarities if known.similarities else found.scores
        before.append(known.in_place.of_features(describe(scores, found.backgrounds, known.in_place.typical)))
        right.append(found.right)
        missed.append(np.full(len(found), part.missed))
        counts.append((2 * found.backgrounds.items > part.candidates) & (found.whole | (part.missed == 0)))
    said, share, chosen = np.concatenate(right), np.concatenate(missed), np.concatenate(counts)
    gains = said_loss(np.concatenate(before), said, share) - said_loss(unseen, said, share)  # (m,)
    return shown_better(gains[chosen], clusters[chosen], others[chosen])


def completed(features: Float64, right: Float64, missed: Float64, whole: Bool, prior: Prior | None = None) -> Float64:
    """`right` (m,), how true hits are by what is said of them, with what is probable of those of which nothing is said.
    `features` (m, f); `missed` (m,): the share of what is true that nothing says, below 1; `whole` (m,): those that are
    said to be right were there; `prior`: of each fit."""
    labels, unsaid = right, (right == 0) & (missed > 0)
    learned = whole & (missed > 0)
    if not learned.any():
        return labels
    for _ in range(ROUNDS):
        intercept, slopes = fit_standardised(features[learned], labels[learned], prior)
        chance = sigmoid(intercept + features @ slopes)  # (m,)
        labels = np.where(unsaid, missed * chance / (1 - (1 - missed) * chance), right)
    return labels


def _typical(parts: Sequence[Evidence]) -> TypicalBackground:
    """The mean background of the queries of all hits."""
    columns = [[getattr(part.examples.backgrounds, name) for part in parts] for name in Backgrounds.__slots__]
    joined = Backgrounds(*(np.concatenate(column) for column in columns))
    mean = float(joined.mean.mean())
    return TypicalBackground(mean, float(np.sqrt((joined.spread**2 + (joined.mean - mean) ** 2).mean())))


def _numbered(parts: Sequence[Int64]) -> Int64:
    """(m,): numbers that are different in different parts."""
    found, start = [], 0
    for part in parts:
        found.append(part + start)
        start += int(part.max()) + 1
    return np.concatenate(found)
