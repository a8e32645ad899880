"""Percentile bootstrap intervals, resampled over clusters of queries.

The queries of one image (its five captions) share a photograph and are not independent, so whole images are drawn
with replacement (cluster bootstrap: Field and Welsh 2007; percentile interval: Efron and Tibshirani 1993, chapter 13;
over the queries of a retrieval experiment: Sakai 2006). Candidates stay as they are: the interval says how far
the figure would move with other queries against a collection of this size.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from indexer.metrics import Float64
from indexer.types import Int64

#: Numbers that one block of resamples may hold: 32 MB of float64.
_BLOCK = 4_000_000


class ClusterBootstrap:
    """Intervals of statistics of one set of queries. The same seed draws the same resamples."""

    def __init__(self, clusters: Int64, *, samples: int = 1_000, seed: int = 0, level: float = 0.95) -> None:
        """`clusters` (q,) int64: which cluster each query belongs to, 0 to C - 1, none of them empty."""
        self._clusters = clusters
        self._count = int(clusters.max()) + 1 if len(clusters) else 0
        self._samples, self._seed = samples, seed
        self._tails = ((1.0 - level) / 2.0, (1.0 + level) / 2.0)

    def means(self, values: Float64) -> Float64:
        """`values` (q, m) float64, one statistic a column. Returns (m, 2) float64: low and high end of each mean."""
        sizes = np.bincount(self._clusters, minlength=self._count).astype(np.float64)  # (C,)
        sums = np.stack(
            [np.bincount(self._clusters, column, minlength=self._count) for column in values.T], axis=1
        )  # (C, m)
        drawn = [(weights @ sums) / (weights @ sizes)[:, None] for weights in self._weights(self._count)]  # (b, m)
        return self._interval(np.concatenate(drawn))

    def median(self, values: Int64) -> Float64:
        """`values` (q,). Returns (2,) float64: low and high end of the median (the middle two averaged)."""
        order = np.argsort(values, kind="stable")  # (q,)
        ordered, clusters = values[order].astype(np.float64), self._clusters[order]
        medians = []
        for weights in self._weights(max(self._count, len(values))):
            for row in weights:
                until = np.cumsum(row[clusters])  # (q,): how many drawn queries stand up to here
                total = until[-1]
                places = np.array([(total - 1) // 2, total // 2])
                medians.append(ordered[np.searchsorted(until, places, side="right")].mean())
        interval: Float64 = self._interval(np.array(medians)[:, None])[0]
        return interval

    def _weights(self, width: int) -> Iterator[Float64]:
        """How often each cluster was drawn, (b, C) float64 a block; the same draws whatever the block."""
        rng = np.random.default_rng(self._seed)
        step = max(1, _BLOCK // max(1, width))
        for start in range(0, self._samples, step):
            rows = min(step, self._samples - start)
            drawn = rng.integers(0, self._count, size=(rows, self._count))  # (b, C)
            drawn += np.arange(rows)[:, None] * self._count
            yield np.bincount(drawn.ravel(), minlength=rows * self._count).reshape(rows, -1).astype(np.float64)

    def _interval(self, drawn: Float64) -> Float64:
        """(samples, m) -> (m, 2)."""
        ends: Float64 = np.quantile(drawn, self._tails, axis=0).T
        return ends
