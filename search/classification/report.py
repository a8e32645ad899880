"""What a classifier did on photographs whose classes are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from indexer.types import Float32, Int64
from search.classification.linear_probe import LinearClassifier, best, shares

#: Answers among which the right one counts for the second accuracy.
TOP: Final = 5
#: Of fewer photographs no calibration error is told: it would be chance.
FEWEST: Final = 100
#: Bins of equal width for the expected calibration error.
_BINS: Final = 15


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One class. `precision`: of what was called so, how much is; None where nothing was. `recall`: of what is so, how
    much was called so; it is this class's accuracy. `f1`: their harmonic mean. `support`: photographs of it."""

    name: str
    precision: float | None
    recall: float
    f1: float
    support: int

    def to_json(self) -> dict[str, Any]:
        """The object of the class."""
        numbers = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        rounded = {name: None if value is None else round(value, 6) for name, value in numbers.items()}
        return {"class": self.name, **rounded, "support": self.support}


@dataclass(frozen=True, slots=True, eq=False)
class ClassificationReport:
    """Figures of one classifier, 0 to 1, over photographs whose classes are known.

    `classes`: those that it knows (k); `figures`: of each of them that has photographs. `mean_accuracy`: the mean of
    the classes' accuracies, each class counting alike; `top_1`, `top_5`: of all photographs, how often the right class
    is the first, or among the first five, which is None of five classes or fewer. `confusion` (m, 3) int64: the cells
    of the confusion matrix that are not 0, each (what it is, what it was called, how often), by the positions of the
    classes; `matrix()` is the whole. `calibration_error`: the expected one of the probabilities (Guo et al. 2017), None
    where none were fitted, and of fewer than 100 photographs.
    """

    classes: tuple[str, ...]
    photographs: int
    figures: tuple[ClassFigures, ...]
    mean_accuracy: float
    top_1: float
    top_5: float | None
    confusion: Int64
    calibration_error: float | None

    def to_json(self) -> dict[str, Any]:
        """The documented JSON object. Of the confusion matrix the cells that are not 0."""
        error = self.calibration_error
        return {
            "photographs": self.photographs,
            "mean_accuracy": round(self.mean_accuracy, 6),
            "top_1": round(self.top_1, 6),
            "top_5": None if self.top_5 is None else round(self.top_5, 6),
            "calibration_error": None if error is None else round(error, 6),
            "classes": [each.to_json() for each in self.figures],
            "confusion": [
                {"class": self.classes[row], "called": self.classes[column], "count": count}
                for row, column, count in self.confusion.tolist()
            ],
        }

    def confused(self, most: int) -> list[tuple[str, str, int]]:
        """The `most` frequent mistakes: (what it is, what it was called, how often)."""
        wrong = self.confusion[self.confusion[:, 0] != self.confusion[:, 1]]
        order = np.argsort(-wrong[:, 2], kind="stable")[:most]
        return [(self.classes[row], self.classes[column], count) for row, column, count in wrong[order].tolist()]

    def matrix(self) -> Int64:
        """The confusion matrix (k, k) int64: row what it is, column what it was called. 800 MB for 10,000 classes."""
        found = np.zeros((len(self.classes), len(self.classes)), np.int64)
        found[self.confusion[:, 0], self.confusion[:, 1]] = self.confusion[:, 2]
        return found


def report_of(
    classifier: LinearClassifier, classes: Sequence[str], vectors: Float32, labels: Int64
) -> ClassificationReport:
    """Of photographs with `vectors` (n, d) float32 and `labels` (n,), positions in `classes`; n is 1 at least."""
    k = len(classes)
    called, found_5, said = [], [], []
    step = max(1, 4_000_000 // k)
    for start in range(0, len(vectors), step):
        logits = classifier.logits(vectors[start : start + step])  # (b, k)
        order = best(logits, min(TOP, k))  # (b, top)
        called.append(order[:, 0])
        found_5.append((order == labels[start : start + step, None]).any(axis=1))
        said.append(shares(logits).max(axis=1))
    answers = np.concatenate(called)
    right = answers == labels
    error = calibration_error(np.concatenate(said), right) if classifier.calibrated and len(labels) >= FEWEST else None
    cells, counts = np.unique(labels * k + answers, return_counts=True)
    confusion: Int64 = np.stack([cells // k, cells % k, counts], axis=1)  # (m, 3)
    hits = np.bincount(labels[right], minlength=k).tolist()
    support = np.bincount(labels, minlength=k).tolist()
    named = np.bincount(answers, minlength=k).tolist()
    figures = tuple(_figures(classes[row], hits[row], support[row], named[row]) for row in range(k) if support[row])
    mean = float(np.mean([each.recall for each in figures]))
    top_5 = float(np.concatenate(found_5).mean()) if k > TOP else None
    return ClassificationReport(
        tuple(classes), len(labels), figures, mean, float(right.mean()), top_5, confusion, error
    )


def _figures(name: str, hits: int, support: int, called: int) -> ClassFigures:
    return ClassFigures(name, hits / called if called else None, hits / support, 2 * hits / (support + called), support)


def calibration_error(said: Float32, right: np.ndarray) -> float:
    """The mean distance of what was said, (n,) 0 to 1, from the share that was `right` (n,), over bins of equal width
    and weighted by their counts (Naeini et al. 2015; Guo et al. 2017)."""
    bins = np.minimum((said * _BINS).astype(np.int64), _BINS - 1)
    gaps = np.bincount(bins, weights=said - right, minlength=_BINS)
    return float(np.abs(gaps).sum() / len(said))
