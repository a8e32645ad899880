"""Fitting the logistic curve: Newton's method in numpy, slopes that are not negative, errors by cross-fitting."""

from __future__ import annotations

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


def fit_logistic(features: Float64, labels: Float64, l2: float = L2) -> tuple[float, Float64]:
    """The intercept and the slopes (f,), all >= 0, that minimise log loss + l2 / 2 |slopes|^2 (the loss is a sum).

    `features` (m, f) float64, `labels` (m,) float64 of 0 and 1, m >= 1, f small; l2 > 0. The loss is convex: its
    minimum over slopes >= 0 is the unconstrained minimum over those features that keep a positive slope, so the best of
    the subsets whose slopes come out positive is the answer.
    """
    count = features.shape[1]
    best: tuple[float, float, Float64] | None = None
    for size in range(count, -1, -1):
        for subset in combinations(range(count), size):
            chosen = list(subset)
            loss, intercept, slopes = _newton(features[:, chosen], labels, l2)
            if bool((slopes >= 0).all()) and (best is None or loss < best[0]):
                spread = np.zeros(count)
                spread[chosen] = slopes
                best = (loss, intercept, spread)
        if best is not None and size == count:
            break  # the unconstrained minimum is allowed: nothing is below it
    assert best is not None  # the empty subset has no slope that could be negative
    return best[1], best[2]


def fit_standardised(features: Float64, labels: Float64, l2: float = L2) -> tuple[float, Float64]:
    """As `fit_logistic`, penalising slopes of features scaled to unit spread; the slopes are on their own scale."""
    mean, spread = features.mean(axis=0), features.std(axis=0)  # (f,)
    spread = np.where(spread > 1e-12, spread, 1.0)
    intercept, slopes = fit_logistic((features - mean) / spread, labels, l2)
    slopes = slopes / spread
    return intercept - float(slopes @ mean), slopes


def cross_fitted(
    features: Float64,
    labels: Float64,
    clusters: Int64,
    others: Int64 | None = None,
    *,
    seed: int = 0,
    folds: int = FOLDS,
) -> Float64:
    """Probabilities (m,) of every row from a fit that has not seen its cluster, nor what else it belongs to.

    `clusters` (m,) int64: rows that belong together (the queries about one photograph), at least `folds` different;
    `others` (m,) int64: the same of another kind (the photographs that queries have found).
    """
    fold = _folds(clusters, seed, folds)  # (m,)
    other = np.zeros(len(labels), np.int64) if others is None else _folds(others, seed + 1, folds)  # (m,)
    out = np.empty(len(labels), np.float64)
    for number in range(folds):
        for beside in np.unique(other).tolist():
            held = (fold == number) & (other == beside)
            seen = (fold != number) if others is None else (fold != number) & (other != beside)
            intercept, slopes = fit_standardised(features[seen], labels[seen])
            out[held] = sigmoid(intercept + features[held] @ slopes)
    return out


def _folds(clusters: Int64, seed: int, folds: int) -> Int64:
    """(m,): which part each row is in."""
    _, numbered = np.unique(clusters, return_inverse=True)  # (m,)
    fold_of = np.random.default_rng(seed).permutation(int(numbered.max()) + 1) % folds  # (clusters,)
    found: Int64 = fold_of[numbered]
    return found


def _newton(features: Float64, labels: Float64, l2: float) -> tuple[float, float, Float64]:
    """Loss, intercept and slopes (f,) of the unconstrained minimum: iteratively reweighted least squares.

    Steps that do not lower the loss are halved, so that it also ends well far from the quadratic region. Labels of one
    kind alone would send the intercept to infinity: the penalty holds it too, a millionth as strongly.
    """
    design = np.concatenate([np.ones((len(features), 1)), features], axis=1)  # (m, 1 + f)
    penalty = np.full(design.shape[1], l2)
    penalty[0] = 1e-6 * l2
    weights = np.zeros(design.shape[1])
    loss = _loss(design, labels, weights, penalty)
    for _ in range(_STEPS):
        chance = sigmoid(design @ weights)  # (m,)
        gradient = design.T @ (chance - labels) + penalty * weights
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        scale = 1.0
        while scale > 1e-10:
            tried = weights - scale * step
            tried_loss = _loss(design, labels, tried, penalty)
            if tried_loss <= loss:
                break
            scale /= 2
        else:
            break
        weights, before, loss = tried, loss, tried_loss
        if float(np.abs(scale * step).max()) < _TOLERANCE or before - loss < _TOLERANCE * 1e-3:
            break
    return loss, float(weights[0]), weights[1:]


def _loss(design: Float64, labels: Float64, weights: Float64, penalty: Float64) -> float:
    logits = design @ weights  # (m,)
    fit = np.logaddexp(0.0, logits).sum() - float(labels @ logits)
    return float(fit + 0.5 * (penalty * weights * weights).sum())
