"""Logistic regression on vectors (scikit-learn's, multinomial, L2): its strength is chosen by cross-validation, and its
temperature fitted on what each fold had not seen."""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from indexer.errors import UsageError
from indexer.progress import Progress
from indexer.types import Float32, Int64
from search.classification.folds import stratified
from search.classification.linear_probe import LinearClassifier

#: What installs it.
PACKAGE: Final = "scikit-learn>=1.5"
#: Strengths that are tried: C of scikit-learn, the weight of the examples beside that of the L2 norm, for centred
#: vectors whose numbers have a variance of 1 in the mean. Ascending: the first of equal ones is the simplest.
STRENGTHS: Final = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
#: Strengths without a better one, after which no greater is tried.
_PATIENCE: Final = 2
FOLDS: Final = 5
#: Where there is too little for a choice.
_USUAL: Final = 0.1
#: Examples that the choice is made on; the weights are fitted to all.
CHOSEN_ON: Final = 20_000
_STEPS: Final = 500
_TOLERANCE: Final = 1e-3
_SHARPEST: Final = 100.0


@dataclass(frozen=True, slots=True)
class Chosen:
    """`strength`: C; `temperature`; `accuracy`: the mean of the classes' accuracies in the folds, by strength;
    `calibrated`: there were photographs to fit the temperature on."""

    strength: float
    temperature: float
    accuracy: dict[float, float]
    calibrated: bool


def check_installed() -> None:
    """Raises UsageError where the extra is missing."""
    if importlib.util.find_spec("sklearn") is None:
        raise UsageError(
            f"Training a probe needs scikit-learn, which is not here; `pip install '{PACKAGE}'` installs it."
        )


def choose(vectors: Float32, labels: Int64, seed: int, progress: Progress) -> Chosen:
    """What to fit `vectors` (n, d) and `labels` (n,) with, by stratified cross-validation. Raises what `progress`
    raises."""
    if len(labels) > CHOSEN_ON:
        some = _some(labels, seed)
        vectors, labels = vectors[some], labels[some]
    sizes = np.bincount(labels)
    parts = min(FOLDS, int(sizes.max()))
    if parts < 2:
        return Chosen(_USUAL, 1.0, {}, calibrated=False)
    fold = stratified(labels, parts, seed)
    folds = [part for part in range(parts) if len(np.unique(labels[fold != part])) > 1 and (fold == part).any()]
    progress.phase("Choosing the strength")
    progress.total(len(STRENGTHS) * len(folds))
    regressions = [_Regression(vectors, labels, fold != part, seed) for part in folds]
    accuracy: dict[float, float] = {}
    best, behind = STRENGTHS[0], 0
    seen = fold >= 0
    kept = np.empty((0, 0), np.float32)
    for at, strength in enumerate(STRENGTHS):
        logits = np.zeros((len(labels), len(sizes)), np.float32)  # (n, k)
        for part, regression in zip(folds, regressions, strict=True):
            logits[fold == part] = regression.fit(strength).logits(vectors[fold == part])
            progress.advance(1)
        accuracy[strength] = _mean_accuracy(logits[seen], labels[seen])
        if accuracy[strength] > accuracy[best] or not at:
            best, behind, kept = strength, 0, logits[seen]
        else:
            behind += 1
        if behind == _PATIENCE:
            progress.advance(len(folds) * (len(STRENGTHS) - 1 - at))
            break
    return Chosen(best, temperature_of(kept, labels[seen]), accuracy, calibrated=True)


def fit(vectors: Float32, labels: Int64, chosen: Chosen, seed: int) -> LinearClassifier:
    """The classifier of all of `vectors` (n, d); `labels` (n,) are 0 to k - 1, each there."""
    found = _Regression(vectors, labels, np.ones(len(labels), bool), seed).fit(chosen.strength)
    return LinearClassifier(found.weights, found.bias, chosen.temperature, chosen.calibrated)


class _Regression:
    """Fits of one part of the examples, each beginning where the one before ended. `chosen` (n,) bool."""

    def __init__(self, vectors: Float32, labels: Int64, chosen: np.ndarray, seed: int) -> None:
        from sklearn.linear_model import LogisticRegression

        own = vectors[chosen]
        self._middle = own.mean(axis=0)  # (d,)
        spread = float(np.sqrt(own.var(axis=0).mean()))
        self._scale = spread if spread > 1e-6 else 1.0
        self._inputs = (own - self._middle) / np.float32(self._scale)  # (m, d)
        self._labels = labels[chosen]
        self._classes = int(labels.max()) + 1
        self._model: Any = LogisticRegression(
            max_iter=_STEPS, tol=_TOLERANCE, warm_start=True, random_state=seed, class_weight="balanced"
        )

    def fit(self, strength: float) -> LinearClassifier:
        """Of vectors as they are: the centring and the scale are in the weights. A class that is not in this part is
        never the answer."""
        self._model.set_params(C=strength)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a fit that ends at its last step serves; others are of its versions
            self._model.fit(self._inputs, self._labels)
        known = self._model.classes_
        rows, ends = self._model.coef_.astype(np.float32), self._model.intercept_.astype(np.float32)
        if len(known) == 2:  # one row, for the second class
            rows, ends = np.concatenate([-rows, rows]) / 2, np.concatenate([-ends, ends]) / 2
        weights = np.zeros((self._classes, rows.shape[1]), np.float32)
        bias = np.full(self._classes, np.float32(-1e4), np.float32)
        weights[known] = rows / np.float32(self._scale)
        bias[known] = ends - weights[known] @ self._middle
        return LinearClassifier(weights, bias, 1.0, calibrated=False)


def temperature_of(logits: Float32, labels: Int64) -> float:
    """What divides `logits` (n, k) so that their softmax is as probable as it can be made (Guo et al. 2017).

    Of n right answers none is certain: each label is believed by 1 - 1 / (n + 2) (Platt 1999), as otherwise few
    photographs without a mistake would make every percentage that of certainty.
    """
    doubt = 1 / (len(labels) + 2)
    others = doubt / (logits.shape[1] - 1)

    def loss(log_temperature: float) -> float:
        scaled = logits.astype(np.float64) / math.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        right = scaled[np.arange(len(labels)), labels]  # (n,)
        believed = (1 - doubt - others) * right + others * scaled.sum(axis=1)
        return float((np.log(np.exp(scaled).sum(axis=1)) - believed).mean())

    return math.exp(_least(loss, -math.log(_SHARPEST), math.log(_SHARPEST)))


def _least(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one valley is least, by golden sections; the loss has one over 1 / temperature, in which it
    is convex."""
    ratio = (math.sqrt(5) - 1) / 2
    inner = [high - ratio * (high - low), low + ratio * (high - low)]
    values = [function(each) for each in inner]
    while high - low > 1e-3:
        if values[0] <= values[1]:
            high, inner[1], values[1] = inner[1], inner[0], values[0]
            inner[0] = high - ratio * (high - low)
            values[0] = function(inner[0])
        else:
            low, inner[0], values[0] = inner[0], inner[1], values[1]
            inner[1] = low + ratio * (high - low)
            values[1] = function(inner[1])
    return (low + high) / 2


def _mean_accuracy(logits: Float32, labels: Int64) -> float:
    right = logits.argmax(axis=1) == labels
    sizes = np.bincount(labels)
    there = sizes > 0
    return float((np.bincount(labels, weights=right)[there] / sizes[there]).mean())


def _some(labels: Int64, seed: int) -> Sequence[int]:
    """Positions of about CHOSEN_ON, of each class its share, of small classes two at least."""
    parts = math.ceil(len(labels) / CHOSEN_ON)
    part = stratified(labels, parts, seed)
    sizes = np.bincount(labels)
    return np.flatnonzero((part <= 0) | (sizes[labels] < 2 * parts)).tolist()
