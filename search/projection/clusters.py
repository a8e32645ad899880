"""Groups of points on a map, coarse and fine: k-means over the positions."""

from __future__ import annotations

from typing import Final

import numpy as np

from indexer.types import Float32, Int64

#: How many groups there are at each level, and how many photographs each has on average at least.
GROUPS: Final = (9, 30, 90)
_SMALLEST: Final = (8, 6, 5)
#: The middles are found from so many points, taken evenly; more would not move them.
_FITTED: Final = 20_000


def grouped(positions: Float32) -> list[Int64]:
    """Which group each point is in, (n,) a level, the coarse one first; the same for the same points. Levels that few
    points leave no groups for are left out."""
    from sklearn.cluster import KMeans

    levels: list[Int64] = []
    for most, smallest in zip(GROUPS, _SMALLEST, strict=True):
        count = min(most, len(positions) // smallest)
        if count < 2 or (levels and count <= levels[-1].max() + 1):
            continue
        sample = positions[:: max(1, len(positions) // _FITTED)]
        count = min(count, len(np.unique(sample, axis=0)))
        fitted = KMeans(count, n_init=2, random_state=0).fit(sample.astype(np.float64))
        labels = fitted.predict(positions.astype(np.float64)).astype(np.int64)
        levels.append(np.unique(labels, return_inverse=True)[1].astype(np.int64))
    return levels


def middles(positions: Float32, labels: Int64) -> Float32:
    """Of each group the point (2,) nearest to its median, where photographs are; (g, 2) float32."""
    found = np.empty((int(labels.max()) + 1, 2), np.float32)
    for group in range(len(found)):
        own = positions[labels == group]
        median = np.median(own, axis=0)
        found[group] = own[((own - median) ** 2).sum(axis=1).argmin()]
    return found
