"""What is summed over all vectors, a batch at a time: the memory is that of a batch, however many there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from indexer.types import Int64
from indexer.vectors.base import Batches

Float64 = npt.NDArray[np.float64]
#: The deviation with which t-SNE begins; so small that no pair is torn apart by it (Kobak and Berens 2019).
_BEGIN: Final = 1e-4


@dataclass(frozen=True, slots=True)
class Spread:
    """How vectors lie: `mean` (d,) and `covariance` (d, d), float64."""

    mean: Float64
    covariance: Float64

    def axes(self, count: int) -> Float64:
        """The `count` directions of most variance, (d, count), each turned so that its largest part is positive."""
        _, vectors = np.linalg.eigh(self.covariance)
        axes: Float64 = vectors[:, ::-1][:, :count]
        largest = axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]
        return axes * np.where(largest < 0, -1.0, 1.0)


def spread_of(ids: Int64, batches: Batches, dimension: int) -> Spread:
    """That of the vectors of `ids` (n,)."""
    total, squares, count = np.zeros(dimension), np.zeros((dimension, dimension)), 0
    for own, rows in batches():
        some = rows[np.isin(own, ids, assume_unique=True)].astype(np.float64)
        total += some.sum(axis=0)
        squares += some.T @ some
        count += len(some)
    mean = total / max(count, 1)
    return Spread(mean, squares / max(count, 1) - np.outer(mean, mean))


def principal_positions(ids: Int64, batches: Batches, spread: Spread) -> Float64:
    """Positions (n, 2) to begin with: the first two principal components, of a deviation of 0.0001."""
    axes = spread.axes(2)
    found = np.zeros((len(ids), 2))
    for own, rows in batches():
        at = np.minimum(np.searchsorted(ids, own), len(ids) - 1)
        wanted = ids[at] == own
        found[at[wanted], : axes.shape[1]] = (rows[wanted] - spread.mean) @ axes
    widest = float(found[:, 0].std())
    scaled: Float64 = found / widest * _BEGIN if widest > 0 else found
    return scaled


def means_by_label(ids: Int64, labels: npt.NDArray[Any], count: int, batches: Batches, dimension: int) -> Float64:
    """The mean vector (count, d) of each of `count` groups; `labels` (n,): which group each of `ids` is in."""
    sums, sizes = np.zeros((count, dimension)), np.bincount(labels, minlength=count)
    for own, rows in batches():
        at = np.minimum(np.searchsorted(ids, own), len(ids) - 1)
        wanted = ids[at] == own
        np.add.at(sums, labels[at[wanted]], rows[wanted])
    means: Float64 = sums / np.maximum(sizes, 1)[:, None]
    return means
