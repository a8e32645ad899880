"""Whether probabilities mean what they say: bins of a reliability diagram, and the expected calibration error.

Naeini, Cooper and Hauskrecht 2015; the bins hold equally many hits (adaptive: Nguyen and O'Connor 2015), because most
hits of a search have small probabilities and bins of equal width would hold nearly all of them in one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from indexer.metrics import Float64

BINS = 15


@dataclass(frozen=True, slots=True)
class Bin:
    """Hits of similar probability: from `low` to `high`; `said` their mean probability, `right` how many were right
    as a share, `count` how many there are."""

    low: float
    high: float
    said: float
    right: float
    count: int


@dataclass(frozen=True, slots=True)
class Reliability:
    """Bins by probability, and the expected calibration error: the mean over hits of |said - right| of their bin."""

    bins: tuple[Bin, ...]
    ece: float

    @property
    def hits(self) -> int:
        """How many hits there are."""
        return sum(one.count for one in self.bins)

    def to_json(self) -> dict[str, Any]:
        """`hits`, `ece`, and `bins` with the fields of `Bin`."""
        names = ("low", "high", "said", "right")
        bins = [{**{name: round(getattr(one, name), 6) for name in names}, "count": one.count} for one in self.bins]
        return {"hits": self.hits, "ece": round(self.ece, 6), "bins": bins}


def reliability(probabilities: Float64, labels: Float64, bins: int = BINS) -> Reliability:
    """Of `probabilities` (m,) and `labels` (m,), 1 for right, m >= 1. Equal probabilities are always in one bin, so
    that the result does not depend on the order of the hits; there may be fewer bins for it."""
    order = np.argsort(probabilities, kind="stable")  # (m,)
    said, right = probabilities[order], labels[order].astype(np.float64)
    wanted = np.arange(1, bins) * len(said) // bins  # where bins would end
    wanted = wanted[wanted > 0]
    ends = np.unique([*np.searchsorted(said, said[wanted - 1], side="right"), len(said)])
    found = []
    start = 0
    for end in ends.tolist():
        found.append(
            Bin(
                float(said[start]),
                float(said[end - 1]),
                float(said[start:end].mean()),
                float(right[start:end].mean()),
                end - start,
            )
        )
        start = end
    error = sum(one.count * abs(one.said - one.right) for one in found) / len(said)
    return Reliability(tuple(found), float(error))
