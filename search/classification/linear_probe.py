"""What classifies: a matrix over vectors, and how probable its first answer is.

Both roads end in one. Of a probe the rows are the weights of a logistic regression, and its softmax, at a temperature
that was fitted on photographs that the weights had not seen (Guo et al. 2017), is a probability: of the class among
these classes. Of class names the rows are the names' vectors, nothing was fitted, and words stand for percentages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from indexer.types import Float32, Int64
from search.results import STRONG, WEAK, Match

#: What cosines with class names are multiplied with before the softmax that words stand for. With CLIP's own 100
#: (Radford et al. 2021, section 2.5) six of ten "strong" answers of the bundled encoder are right among the 101 classes
#: of Caltech-101's `train`; with 30 nearly nine, and as many among any 10 or 3 of them.
COSINE_SCALE: Final = 30.0
#: Logits that are in memory at once: 32 MB, and copies.
_AT_ONCE: Final = 8_000_000


@dataclass(frozen=True, slots=True, eq=False)
class LinearClassifier:
    """`weights` (k, d) float32, `bias` (k,) float32, `temperature` that logits are divided by. `calibrated`: it was
    fitted, and the softmax is a probability."""

    weights: Float32
    bias: Float32
    temperature: float
    calibrated: bool

    def logits(self, vectors: Float32) -> Float32:
        """(n, k) float32, of vectors (n, d) float32, unit norm; the softmax of a row is what `shares` gives."""
        found: Float32 = (vectors @ self.weights.T + self.bias) / np.float32(self.temperature)
        return found

    def first(self, vectors: Float32, top: int) -> tuple[Int64, Float32]:
        """The `top` classes of each vector, best first, (n, top) int64, and their shares (n, top) float32. Equal ones
        in the order of the classes."""
        step = max(1, _AT_ONCE // len(self.weights))
        found = [self._first(vectors[start : start + step], top) for start in range(0, max(1, len(vectors)), step)]
        return np.concatenate([order for order, _ in found]), np.concatenate([share for _, share in found])

    def _first(self, vectors: Float32, top: int) -> tuple[Int64, Float32]:
        logits = self.logits(vectors)
        order = best(logits, top)
        return order, np.take_along_axis(shares(logits), order, axis=1)


def shares(logits: Float32) -> Float32:
    """The softmax of each row, (n, k) float32."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: Float32 = raised / raised.sum(axis=1, keepdims=True)
    return found


def best(scores: Float32, top: int) -> Int64:
    """Columns of the `top` greatest of each row, (n, top) int64, by (-score, column). `top`: at most k."""
    if top == 1:
        first: Int64 = scores.argmax(axis=1, keepdims=True)
        return first
    if top < scores.shape[1]:  # what is equal to the last one may come from anywhere: it is counted in
        least = -np.partition(-scores, top - 1, axis=1)[:, top - 1 : top]  # (n, 1)
        if int((scores >= least).sum(axis=1).max()) == top:
            columns = np.argsort(scores < least, axis=1, kind="stable")[:, :top]  # ascending by column
            own = np.take_along_axis(scores, columns, axis=1)
            found: Int64 = np.take_along_axis(columns, np.argsort(-own, axis=1, kind="stable"), axis=1)
            return found
    every: Int64 = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    return every


def word(share: float) -> Match:
    """What stands for a share that is no probability."""
    return "weak" if share < WEAK else "fair" if share < STRONG else "strong"
