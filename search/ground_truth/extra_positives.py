"""Which hits a query describes, beyond the pairs that are given: captions that could as well be another photograph's.

"A dog runs through snow" is written for one photograph of a collection and true of ten. Were only that one right, a
perfect engine would be wrong nine times of ten, and all its probabilities small (Chun et al. 2022 count eight times
the right images of COCO's captions). So a photograph is right for a text as well if one of its own captions is as
near to the text as captions of one photograph mostly are to each other: at least as near as a quarter of the texts
are to the nearest other caption of their photograph. The encoder's own text vectors say how near; the image is not
asked. Where captions of all photographs are alike, no more than a few in a thousand others count.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from indexer.metrics import Relevance, blocks
from indexer.types import Float32, Int64
from search.ground_truth.ground_truth import GroundTruth

#: Share of texts that are further from their own photograph's other captions than the threshold.
OWN_SHARE: Final = 0.25
#: Share of the other photographs that may be right for a text, on average. Flickr8k's captions come to 0.002.
MOST_OTHERS: Final = 0.005
#: Texts whose nearness to other photographs sets the limit.
_SAMPLE: Final = 500


def with_extra_positives(truth: GroundTruth, texts: Float32) -> Relevance:
    """The photographs that each text is right for, given ones included. `texts` (t, d) float32, unit norm.

    Labels, and captions that stand alone with their photographs, tell nothing more: the given pairs are all.
    """
    given = truth.images_of_texts()
    if truth.kind == "labels" or len(truth.images) < 2:
        return given
    own = _own(truth, texts, given)  # (o,)
    if len(own) < len(truth.texts) / 2:
        return given
    threshold = max(float(np.quantile(own, OWN_SHARE)), _limit(truth, texts, given))
    queries, images = [truth.pair_texts], [truth.pair_images]
    for start, near in _nearness(truth, texts, np.arange(len(truth.texts))):
        rows, columns = np.nonzero(near >= threshold)
        queries.append(rows + start)
        images.append(columns)
    return Relevance.of_pairs(np.concatenate(queries), np.concatenate(images), len(truth.texts))


def transposed(relevance: Relevance, candidates: int) -> Relevance:
    """The queries that each of the candidates is right for; every candidate has one."""
    queries = np.repeat(np.arange(len(relevance)), np.diff(relevance.offsets))  # (m,)
    return Relevance.of_pairs(relevance.items, queries, candidates)


def _nearness(truth: GroundTruth, texts: Float32, chosen: Int64) -> Iterator[tuple[int, Float32]]:
    """Cosines of the `chosen` texts (c,) with each photograph's nearest caption that is another text, (b, n) float32 in
    blocks, each with its start in `chosen`; -1 where a photograph has no other."""
    order = np.argsort(truth.pair_images, kind="stable")  # (p,)
    captions = truth.pair_texts[order]  # (p,): the captions of the first photograph, of the second, ...
    starts = np.searchsorted(truth.pair_images[order], np.arange(len(truth.images)))  # (n,)
    for start, stop in blocks(len(chosen), len(captions)):
        some = chosen[start:stop]
        cosines = texts[some] @ texts[captions].T  # (b, p) float32
        cosines[captions[None, :] == some[:, None]] = -1.0
        yield start, np.maximum.reduceat(cosines, starts, axis=1)  # (b, n)


def _own(truth: GroundTruth, texts: Float32, given: Relevance) -> Float32:
    """How near each text is to the nearest other caption of its photographs; texts that stand alone are left out."""
    found = []
    for start, near in _nearness(truth, texts, np.arange(len(truth.texts))):
        found += [row[given.of(start + at)].max() for at, row in enumerate(near)]
    own = np.array(found, np.float32)  # (t,)
    return own[own > -1.0]


def _limit(truth: GroundTruth, texts: Float32, given: Relevance) -> float:
    """The nearness that MOST_OTHERS of a text's other photographs reach, over a sample of texts."""
    count = len(truth.texts)
    chosen = np.unique(np.arange(min(count, _SAMPLE)) * count // min(count, _SAMPLE))
    others = []
    for start, near in _nearness(truth, texts, chosen):
        for at, row in enumerate(near):
            others.append(np.delete(row, given.of(int(chosen[start + at]))))
    together = np.concatenate(others)
    return float(np.quantile(together, 1.0 - MOST_OTHERS)) if len(together) else 1.0
