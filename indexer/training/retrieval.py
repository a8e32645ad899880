"""Ranking numbers of one similarity matrix; plain numpy, ties counted against the method."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from indexer.types import Float32, Int64

CUTS = (1, 5, 10)


def ranks(scores: Float32, relevant: npt.NDArray[np.bool_]) -> Int64:
    """The rank (1 is first) of each query's best relevant item; an equal score of another item goes before it.

    `scores`, `relevant`: (queries, items). Returns (queries,). A query without a relevant item is an error.
    """
    if not relevant.any(axis=1).all():
        raise ValueError("A query has no relevant item.")
    best = np.where(relevant, scores, -np.inf).max(axis=1, keepdims=True)  # (queries, 1)
    before: Int64 = ((scores >= best) & ~relevant).sum(axis=1, dtype=np.int64)  # (queries,)
    return before + 1


def recalls(found: Int64, cuts: Sequence[int] = CUTS) -> tuple[float, ...]:
    """Percent of queries whose best relevant item is among the first k, for each k."""
    return tuple(float(100 * (found <= k).mean()) for k in cuts)


def caption_recalls(images: Float32, texts: Float32) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The Flickr8k protocol: `images` (n, d), `texts` (n, c, d), the captions of image i in row i.

    Returns recalls at 1, 5 and 10 in percent: text-to-image over all n * c captions, and image-to-text, where any
    of the image's captions counts.
    """
    n, c, d = texts.shape
    scores = images @ texts.reshape(n * c, d).T  # (n, n * c)
    relevant = np.repeat(np.eye(n, dtype=bool), c, axis=1)  # (n, n * c)
    return recalls(ranks(scores.T, relevant.T)), recalls(ranks(scores, relevant))


def average_precisions(scores: Float32, relevant: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Average precision of each query: the mean, over its relevant items, of the precision at their rank.

    `scores`, `relevant`: (queries, items). Equal scores keep the items' order.
    """
    order = np.argsort(-scores, axis=1, kind="stable")  # (queries, items)
    hits = np.take_along_axis(relevant, order, axis=1)  # (queries, items)
    precision = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
    result: npt.NDArray[np.float64] = (precision * hits).sum(axis=1) / hits.sum(axis=1)
    return result
