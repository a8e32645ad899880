"""How good a match score is beside the first stage: recalls on held-out pairs, the weight that suits, and whether it
truly helps.

Half of the held-out images chooses (the pass to keep, the weight), the other half judges: chosen and judged on the same
images, even a match score that is noise would seem to help.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from indexer.ranking import Relevance
from indexer.types import Float32, Int64
from search.evaluation.bootstrap import ClusterBootstrap
from search.rerank.training_data import TokenPairs

CUTOFFS: Final = (1, 5, 10)
#: A right answer that is not among the candidates.
_NOWHERE: Final = np.iinfo(np.int64).max
#: The interval of the gain: 90 %, so that its low end is a one-sided test at 5 %.
_LEVEL: Final = 0.9
_SAMPLES: Final = 2_000
#: Weights that are tried, times the ratio of the spreads of similarities and matches, from the match score counting
#: for little to the first stage counting for little.
_RATIOS: Final = (0.0, *np.geomspace(1 / 16, 16, 25).tolist())

Float64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Queries:
    """q queries with the first c candidates that the first stage gives each.

    `numbers` (q,): the text or image that asks; `candidates` (q, c): positions of images or texts, best first;
    `similarities` (q, c); `right` (q, c); `owners` (q,): the image that a query belongs to, 0 to n - 1, for resampling
    and for folds.
    """

    numbers: Int64
    candidates: Int64
    similarities: Float32
    right: Bools
    owners: Int64

    def some(self, most: int) -> Queries:
        """At most so many of them, spread evenly."""
        if len(self.numbers) <= most:
            return self
        return self.where(np.linspace(0, len(self.numbers) - 1, most).round().astype(np.int64))

    def where(self, rows: Int64 | Bools) -> Queries:
        """Those at some positions, or where a mask is True."""
        return Queries(
            self.numbers[rows], self.candidates[rows], self.similarities[rows], self.right[rows], self.owners[rows]
        )

    def ranks(self, joined: Float32) -> Int64:
        """(q,) rank of the best right candidate by the joined scores (q, c); ties count against it."""
        best = np.where(self.right, joined, -np.inf).max(axis=1)  # (q,)
        wrong = (~self.right & (joined >= best[:, None])).sum(axis=1)  # (q,)
        return np.where(self.right.any(axis=1), 1 + wrong, _NOWHERE)


@dataclass(frozen=True, slots=True)
class Matches:
    """Scores of the candidates of both directions: `texts` (q, c) times its trust already, `images` (p, c)."""

    texts: Float32
    images: Float32


@dataclass(frozen=True, slots=True)
class Validation:
    """The held-out pairs as queries of both directions, `texts` for images and `images` for texts; n images."""

    texts: Queries
    images: Queries
    count: int

    def choosing(self, texts: int, images: int) -> Validation:
        """The half that chooses, with at most so many queries of each direction."""
        return Validation(
            self.texts.where(self.texts.owners % 2 == 0).some(texts),
            self.images.where(self.images.owners % 2 == 0).some(images),
            self.count,
        )

    def weights(self, matches: Matches) -> list[float]:
        """Weights worth trying, ascending from 0."""
        spread = float(np.median(matches.texts.std(axis=1)))
        ratio = float(np.median(self.texts.similarities.std(axis=1))) / max(spread, 1e-9)
        return [each * ratio for each in _RATIOS]

    def ranks(self, matches: Matches, weight: float) -> tuple[Int64, Int64]:
        """Of both directions, with the match score at this weight."""
        factor = np.float32(weight)
        return (
            self.texts.ranks(self.texts.similarities + factor * matches.texts),
            self.images.ranks(self.images.similarities + factor * matches.images),
        )

    def best_weight(self, matches: Matches) -> tuple[float, float]:
        """The weight with the highest mean reciprocal rank of both directions, and that MRR; of equals the smallest.

        MRR and not R@1: it uses the whole rank, so that its noise is about half of what R@1's is beside the gain.
        """
        return self._best(matches, np.ones(len(self.texts.numbers), bool), np.ones(len(self.images.numbers), bool))

    def _best(self, matches: Matches, texts: Bools, images: Bools) -> tuple[float, float]:
        found: tuple[float, float] | None = None
        for weight in self.weights(matches):
            by_text, by_image = self.ranks(matches, weight)
            value = mean_reciprocal_rank(by_text[texts], by_image[images])
            if found is None or value > found[0]:
                found = value, weight
        assert found is not None
        return found[1], found[0]

    def judge(self, matches: Matches, *, seed: int = 0) -> Judgement:
        """What the match score brings to the half that judges, at the weight that the other half chooses."""
        texts, images = self.texts.owners % 2 == 1, self.images.owners % 2 == 1
        weight, _ = self._best(matches, ~texts, ~images)
        owners = self.texts.owners[texts] // 2, self.images.owners[images] // 2
        before = tuple(ranks[half] for ranks, half in zip(self.ranks(matches, 0.0), (texts, images), strict=True))
        after = tuple(ranks[half] for ranks, half in zip(self.ranks(matches, weight), (texts, images), strict=True))
        count = self.count // 2
        gains = np.zeros(count)  # (n,): what each image adds to the gain in MRR
        for owner, old, new in zip(owners, before, after, strict=True):
            change = 1 / new - 1 / old
            gains += np.bincount(owner, change, minlength=count) * (count / len(old)) / 2
        bootstrap = ClusterBootstrap(np.arange(count), samples=_SAMPLES, seed=seed, level=_LEVEL)
        low, high = bootstrap.means(gains[:, None])[0]
        return Judgement(
            count,
            _recalls(before[0]),
            _recalls(after[0]),
            _recalls(before[1]),
            _recalls(after[1]),
            float(gains.mean()),
            float(low),
            float(high),
        )


@dataclass(frozen=True, slots=True)
class Judgement:
    """R@1, R@5 and R@10 (0 to 1) of the first stage (`before`) and reranked (`after`) on the `images` that judge, and
    the gain in the mean reciprocal rank of both directions with its 90 % interval (paired bootstrap over images)."""

    images: int
    texts_before: tuple[float, ...]
    texts_after: tuple[float, ...]
    images_before: tuple[float, ...]
    images_after: tuple[float, ...]
    gain: float
    low: float
    high: float

    @property
    def helps(self) -> bool:
        """Whether it was shown to beat the first stage, and not at the cost of the first place."""
        before, after = self.texts_before[0] + self.images_before[0], self.texts_after[0] + self.images_after[0]
        return self.low > 0 and after >= before

    def to_json(self) -> dict[str, Any]:
        """For the description and for `--json`."""
        names = [f"R@{k}" for k in CUTOFFS]

        def side(before: Sequence[float], after: Sequence[float]) -> dict[str, Any]:
            return {
                "first stage": dict(zip(names, before, strict=True)),
                "reranked": dict(zip(names, after, strict=True)),
            }

        return {
            "images": self.images,
            "text-to-image": side(self.texts_before, self.texts_after),
            "image-to-text": side(self.images_before, self.images_after),
            "gain in MRR": {"value": self.gain, "low": self.low, "high": self.high},
        }


def validation_of(pairs: TokenPairs, candidates: int) -> Validation:
    """Queries over the images that are held out, and their texts, each with its first `candidates`."""
    images = np.flatnonzero(pairs.validation)  # (n,)
    held = pairs.validation[pairs.pair_images]  # (p,)
    texts, text_at = np.unique(pairs.pair_texts[held], return_inverse=True)  # (t,), (p,)
    image_at = np.searchsorted(images, pairs.pair_images[held])  # (p,)
    owners = np.full(len(texts), len(images), np.int64)
    np.minimum.at(owners, text_at, image_at)
    similarity = pairs.text_vectors[texts] @ pairs.image_vectors[images].T  # (t, n)
    to_images = Relevance.of_pairs(text_at.astype(np.int64), image_at.astype(np.int64), len(texts))
    to_texts = Relevance.of_pairs(image_at.astype(np.int64), text_at.astype(np.int64), len(images))
    return Validation(
        _queries(similarity, texts, images, to_images, owners, candidates),
        _queries(np.ascontiguousarray(similarity.T), images, texts, to_texts, np.arange(len(images)), candidates),
        len(images),
    )


def _queries(
    similarity: Float32, asking: Int64, answering: Int64, relevance: Relevance, owners: Int64, most: int
) -> Queries:
    """`similarity` (q, n) of every query with every answer."""
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :most]  # (q, c)
    right = np.stack([np.isin(row, relevance.of(query)) for query, row in enumerate(order)])  # (q, c)
    return Queries(asking, answering[order], np.take_along_axis(similarity, order, axis=1), right, owners)


def _recalls(ranks: Int64) -> tuple[float, ...]:
    return tuple(float((ranks <= k).mean()) for k in CUTOFFS)


def mean_reciprocal_rank(by_text: Int64, by_image: Int64) -> float:
    """The mean of both directions' mean reciprocal ranks."""
    return float((1 / by_text).mean() + (1 / by_image).mean()) / 2
