"""The numbers that encoders are compared by: recalls of captions and images, ranks of labelled images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from indexer.metrics import InnerProducts, Ranks, Relevance, hits, rank_all
from indexer.types import Float32, Int64

CUTS = (1, 5, 10)


def recalls(ranks: Ranks, cuts: Sequence[int] = CUTS) -> tuple[float, ...]:
    """Percent of queries with a right answer among the first k, for each k."""
    return tuple(float(100 * hits(ranks, k).mean()) for k in cuts)


def pair_recalls(images: Float32, texts: Float32, owners: Int64) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The Flickr8k protocol: `images` (n, d), `texts` (m, d), `owners` (m,) their images.

    Returns recalls at 1, 5 and 10 in percent: text-to-image over all texts, and image-to-text, where any of the
    image's texts counts.
    """
    captions = np.arange(len(texts))
    forward = rank_all(InnerProducts(texts, images), Relevance.of_pairs(captions, owners, len(texts)))
    back = rank_all(InnerProducts(images, texts), Relevance.of_pairs(owners, captions, len(images)))
    return recalls(forward), recalls(back)


def label_ranks(names: Float32, images: Float32, labels: Int64) -> Ranks:
    """Ranks of each name's images: `names` (k, d), `images` (n, d), `labels` (n,) the index of each image's name."""
    relevance = Relevance.of_pairs(labels, np.arange(len(images)), len(names))
    return rank_all(InnerProducts(names, images), relevance)
