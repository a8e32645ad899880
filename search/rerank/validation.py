"""How good a match score is beside the first stage: recalls on held-out pairs, the weight that suits, and whether it
truly helps.

Half of the held-out images chooses (the pass to keep, the weight), the other half measures: chosen and measured on the
same images, even a match score that is noise would seem to help.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from indexer.metrics import Relevance
from indexer.types import Float32, Int64
from search.ground_truth.bootstrap import ClusterBootstrap
from search.rerank.token_pairs import Bools, TokenPairs

CUTOFFS: Final = (1, 5, 10)
#: A right answer that is not among the candidates.
_NOWHERE: Final = np.iinfo(np.int64).max
#: The interval of the gain: 90 %, so that its low end is a one-sided test at 5 %.
LEVEL: Final = 0.9
SAMPLES: Final = 2_000
#: Weights that are tried, times the ratio of the spreads of similarities and matches, from the match score counting
#: for little to the first stage counting for little.
_RATIOS: Final = (0.0, *np.geomspace(1 / 16, 16, 25).tolist())

Float64 = npt.NDArray[np.float64]


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

    def ranks(self, matches: Matches, weights: Weights) -> tuple[Int64, Int64]:
        """Of both directions, with the match score at these weights."""
        return (
            self.texts.ranks(self.texts.similarities + np.float32(weights.texts) * matches.texts),
            self.images.ranks(self.images.similarities + np.float32(weights.images) * matches.images),
        )

    def best_weights(self, matches: Matches) -> tuple[Weights, float]:
        """The weight that suits each direction, and the mean of their mean reciprocal ranks there.

        The smallest weight whose MRR is within one standard error of the highest (Breiman et al. 1984): the highest
        itself is too often a lucky one that trusts the match score too much. MRR and not R@1, because it uses the whole
        rank: its noise is about half of R@1's.
        """
        every = (np.ones(len(queries.numbers), bool) for queries in (self.texts, self.images))
        found = [self._best(matches, side, rows) for side, rows in enumerate(every)]
        return Weights(found[0][0], found[1][0]), (found[0][1] + found[1][1]) / 2

    def reciprocal_ranks(self, matches: Matches, weights: Weights) -> ReciprocalRanks:
        """What each image's queries add to the MRR of either direction, with the match score at these weights."""
        every = [np.ones(len(queries.numbers), bool) for queries in (self.texts, self.images)]
        return ReciprocalRanks(*(self._by_image(matches, side, weights[side], every[side]) for side in (0, 1)))

    def _best(self, matches: Matches, side: int, rows: Bools) -> tuple[float, float]:
        tried = [(weight, self._by_image(matches, side, weight, rows)) for weight in self.weights(matches)]
        highest = max((each for _, each in tried), key=lambda each: float(each.mean()))  # (n,)
        for weight, each in tried:
            missing = highest - each  # (n,)
            if missing.mean() <= missing.std() / math.sqrt(len(missing)):
                return weight, float(each.mean())
        raise AssertionError("the highest is within reach of itself")

    def _by_image(self, matches: Matches, side: int, weight: float, rows: Bools) -> Float64:
        """(n,): what each image's queries of one direction add to its MRR; the mean is that MRR."""
        owners = (self.texts, self.images)[side].owners[rows]
        ranks = self.ranks(matches, Weights(weight, weight))[side][rows]
        _, at = np.unique(owners, return_inverse=True)
        sums: Float64 = np.bincount(at, weights=1 / ranks).astype(np.float64)
        return sums * (len(sums) / len(ranks))

    def gains(self, matches: Matches, *, seed: int = 0) -> Gains:
        """What the match score brings to the half that measures, at the weights that the other half chooses."""
        found = []
        for side, queries in enumerate((self.texts, self.images)):
            measuring = queries.owners % 2 == 1
            weight, _ = self._best(matches, side, ~measuring)
            gains = self._by_image(matches, side, weight, measuring) - self._by_image(matches, side, 0.0, measuring)
            bootstrap = ClusterBootstrap(np.arange(len(gains)), samples=SAMPLES, seed=seed, level=LEVEL)
            low, high = bootstrap.means(gains[:, None])[0]
            before, after = (
                _recalls(self.ranks(matches, Weights(each, each))[side][measuring]) for each in (0.0, weight)
            )
            found.append(Gain(before, after, float(gains.mean()), float(low), float(high)))
        return Gains(self.count // 2, *found)


class ReciprocalRanks(NamedTuple):
    """Of the queries of each image, (n,) and (m,) for texts and images that ask; their means are the MRR."""

    texts: Float64
    images: Float64

    def clearly_beats(self, other: ReciprocalRanks) -> bool:
        """Whether the mean of both directions is higher by more than one standard error of the difference."""
        differences = [mine - theirs for mine, theirs in zip(self, other, strict=True)]
        gain = sum(float(each.mean()) for each in differences) / 2
        return gain > math.sqrt(sum(float(each.var()) / len(each) for each in differences)) / 2


class Weights(NamedTuple):
    """Of the match score, beside the similarity, where texts ask for images and where images ask for texts."""

    texts: float
    images: float


@dataclass(frozen=True, slots=True)
class Gain:
    """One direction: R@1, R@5 and R@10 (0 to 1) of the first stage and reranked, and the gain in mean reciprocal rank
    with its 90 % interval (paired bootstrap over images)."""

    before: tuple[float, ...]
    after: tuple[float, ...]
    gain: float
    low: float
    high: float

    @property
    def helps(self) -> bool:
        """Whether it was shown to beat the first stage, and not at the cost of the first place."""
        return self.low > 0 and self.after[0] >= self.before[0]

    def to_json(self, before: str = "first stage", after: str = "reranked") -> dict[str, Any]:
        """As `search train reranker --json` shows it; `before`, `after`: what the two are called."""
        names = [f"R@{k}" for k in CUTOFFS]
        return {
            before: dict(zip(names, self.before, strict=True)),
            after: dict(zip(names, self.after, strict=True)),
            "gain in MRR": {"value": self.gain, "low": self.low, "high": self.high},
            "helps": self.helps,
        }


@dataclass(frozen=True, slots=True)
class Gains:
    """Both directions, on the `images` that measure. A direction that is not shown to be helped is not reranked."""

    images: int
    to_images: Gain
    to_texts: Gain

    @property
    def helps(self) -> bool:
        """Whether any direction is helped."""
        return self.to_images.helps or self.to_texts.helps

    def allowed(self, weights: Weights) -> Weights:
        """`weights`, 0 for a direction that is not helped; all of them where none is, to look at."""
        if not self.helps:
            return weights
        return Weights(weights.texts if self.to_images.helps else 0.0, weights.images if self.to_texts.helps else 0.0)

    def to_json(self) -> dict[str, Any]:
        """As `reranker.json` keeps it."""
        return {
            "images": self.images,
            "text-to-image": self.to_images.to_json(),
            "image-to-text": self.to_texts.to_json(),
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
