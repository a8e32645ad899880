"""Fitting the logistic curve: Newton's method in numpy, slopes that are not negative, errors by cross-fitting.

Few queries do not carry five numbers: then the fit is held near a curve that is known (a Gaussian prior around it, with
its maximum as the estimate).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from indexer.metrics import Float64
from indexer.types import Int64
from search.calibration.curve import sigmoid

#: Strength of the penalty on the slopes of standardised features: there only to keep a fit on data that a line
#: separates finite; on thousands of hits it changes nothing.
L2 = 1.0

#: Parts of cross-fitting.
FOLDS = 5

_STEPS = 100
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Prior:
    """A curve that a fit is held near: `intercept`, and `slopes` (f,), each at least 0, on the features' own scale.

    `strengths` (1 + f,): what a squared distance of 1 costs, twice as log loss (a sum over hits), for the intercept at
    the features' mean, and for each slope of features scaled to unit spread.
    """

    intercept: float
    slopes: Float64
    strengths: Float64


def fit_logistic(
    features: Float64, labels: Float64, l2: float | Float64 = L2, near: Float64 | None = None
) -> tuple[float, Float64]:
    """The intercept and the slopes (f,), all >= 0, that minimise log loss + l2 / 2 |slopes|^2 (the loss is a sum).

    `features` (m, f) float64, `labels` (m,) float64 of 0 and 1, m >= 1, f small; l2 > 0. `near` (1 + f,): intercept and
    slopes that the penalty counts from, instead of 0; it holds the intercept then, too, and `l2` may be one for each
    (1 + f,). The loss is convex: its minimum over slopes >= 0 is the unconstrained minimum over those features that
    keep a positive slope, so the best of the subsets whose slopes come out positive is the answer.
    """
    count = features.shape[1]
    strengths = np.broadcast_to(np.asarray(l2, np.float64), 1 + count)  # (1 + f,)
    best: tuple[float, float, Float64] | None = None
    for size in range(count, -1, -1):
        for subset in combinations(range(count), size):
            chosen = list(subset)
            kept = [0, *(1 + one for one in chosen)]
            held = None if near is None else near[kept]
            loss, intercept, slopes = _newton(features[:, chosen], labels, strengths[kept], held)
            if near is not None:  # the others are 0, and not where they are held
                loss += 0.5 * float(np.delete(strengths * near**2, kept).sum())
            if bool((slopes >= 0).all()) and (best is None or loss < best[0]):
                spread = np.zeros(count)
                spread[chosen] = slopes
                best = (loss, intercept, spread)
        if best is not None and size == count:
            break  # the unconstrained minimum is allowed: nothing is below it
    assert best is not None  # the empty subset has no slope that could be negative
    return best[1], best[2]


def fit_standardised(features: Float64, labels: Float64, prior: Prior | None = None) -> tuple[float, Float64]:
    """As `fit_logistic`, penalising slopes of features scaled to unit spread; the slopes are on their own scale."""
    mean, spread = features.mean(axis=0), features.std(axis=0)  # (f,)
    spread = np.where(spread > 1e-12, spread, 1.0)
    scaled = (features - mean) / spread
    if prior is None:
        intercept, slopes = fit_logistic(scaled, labels)
    else:
        centre = prior.intercept + float(prior.slopes @ mean)
        intercept, slopes = fit_logistic(
            scaled, labels, prior.strengths, np.concatenate([[centre], prior.slopes * spread])
        )
    slopes = slopes / spread
    return intercept - float(slopes @ mean), slopes


def cross_fitted(
    features: Float64,
    labels: Float64,
    clusters: Int64,
    others: Int64 | None = None,
    *,
    prior: Prior | None = None,
    seed: int = 0,
    folds: int = FOLDS,
) -> Float64:
    """Probabilities (m,) of every row from a fit that has not seen its cluster, nor what else it belongs to.

    `clusters` (m,) int64: rows that belong together (the queries about one photograph), at least `folds` different;
    `others` (m,) int64: the same of another kind (the photographs that queries have found). `prior`: of each fit.
    """
    fold = _folds(clusters, seed, folds)  # (m,)
    other = np.zeros(len(labels), np.int64) if others is None else _folds(others, seed + 1, folds)  # (m,)
    out = np.empty(len(labels), np.float64)
    for number in range(folds):
        for beside in np.unique(other).tolist():
            held = (fold == number) & (other == beside)
            seen = (fold != number) if others is None else (fold != number) & (other != beside)
            intercept, slopes = fit_standardised(features[seen], labels[seen], prior)
            out[held] = sigmoid(intercept + features[held] @ slopes)
    return out


def _folds(clusters: Int64, seed: int, folds: int) -> Int64:
    """(m,): which part each row is in."""
    _, numbered = np.unique(clusters, return_inverse=True)  # (m,)
    fold_of = np.random.default_rng(seed).permutation(int(numbered.max()) + 1) % folds  # (clusters,)
    found: Int64 = fold_of[numbered]
    return found


def _newton(
    features: Float64, labels: Float64, l2: Float64, near: Float64 | None = None
) -> tuple[float, float, Float64]:
    """Loss, intercept and slopes (f,) of the unconstrained minimum: iteratively reweighted least squares.

    Steps that do not lower the loss are halved, so that it also ends well far from the quadratic region. Labels of one
    kind alone would send the intercept to infinity: the penalty holds it too, a millionth as strongly (fully where
    there is something to be `near`, (1 + f,)).
    """
    design = np.concatenate([np.ones((len(features), 1)), features], axis=1)  # (m, 1 + f)
    penalty = l2.copy()  # (1 + f,)
    if near is None:
        penalty[0] *= 1e-6
    centre = np.zeros(design.shape[1]) if near is None else near
    weights = centre
    loss = _loss(design, labels, weights, penalty, centre)
    for _ in range(_STEPS):
        chance = sigmoid(design @ weights)  # (m,)
        gradient = design.T @ (chance - labels) + penalty * (weights - centre)
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        scale = 1.0
        while scale > 1e-10:
            tried = weights - scale * step
            tried_loss = _loss(design, labels, tried, penalty, centre)
            if tried_loss <= loss:
                break
            scale /= 2
        else:
            break
        weights, before, loss = tried, loss, tried_loss
        if float(np.abs(scale * step).max()) < _TOLERANCE or before - loss < _TOLERANCE * 1e-3:
            break
    return loss, float(weights[0]), weights[1:]


def _loss(design: Float64, labels: Float64, weights: Float64, penalty: Float64, centre: Float64) -> float:
    logits = design @ weights  # (m,)
    fit = np.logaddexp(0.0, logits).sum() - float(labels @ logits)
    return float(fit + 0.5 * (penalty * (weights - centre) ** 2).sum())
