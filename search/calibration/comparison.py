"""Whether a new curve is better than the one in place, on hits that it has not seen: by log loss, and not by chance.

What nothing says of a photograph may be true all the same. If a share c of what is true is said, a hit with probability
p is said to be right with probability c p, and this is what is compared: no estimate of what is unsaid stands in it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from indexer.metrics import Float64
from indexer.types import Int64

#: Standard errors by which the mean gain has to lie above 0: one of twenty that is no better passes.
SURE: Final = 1.645

_LEAST: Final = 1e-9


def said_loss(chances: Float64, right: Float64, missed: Float64) -> Float64:
    """(m,): the log loss of probabilities `chances` (m,) where `right` (m,), 0 to 1, is what is said, of what is true
    all but a share `missed` (m,), below 1."""
    said = (1.0 - missed) * np.clip(chances, _LEAST, 1.0 - _LEAST)
    loss: Float64 = -(right * np.log(said) + (1.0 - right) * np.log1p(-said))
    return loss


def shown_better(gains: Float64, *clusters: Int64) -> bool:
    """Whether the mean of `gains` (m,) is above 0 by SURE standard errors, with hits that belong together, in each of
    the ways of `clusters` (m,), counted as one. Of fewer than two clusters nothing is shown."""
    return len(gains) > 0 and all(_stands(gains, one) for one in clusters)


def _stands(gains: Float64, clusters: Int64) -> bool:
    _, numbered = np.unique(clusters, return_inverse=True)
    count = int(numbered.max()) + 1
    if count < 2:
        return False
    mean = float(gains.mean())
    apart = np.bincount(numbered, gains - mean, count)  # (c,): of each cluster, how far its sum is from expected
    error = float(np.sqrt((apart**2).sum() * count / (count - 1))) / len(gains)
    return mean > SURE * error
