"""Whether an adapted encoder is truly better than its base, on held-out images that chose nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from indexer.metrics import Float64
from indexer.training.retrieval import Direction, Retrieval
from search.ground_truth.bootstrap import ClusterBootstrap
from search.rerank.validation import LEVEL, SAMPLES, Gain, ReciprocalRanks

BEFORE: Final = "base"
AFTER: Final = "adapted"


@dataclass(frozen=True, slots=True)
class EncoderGains:
    """Both directions and, in `gain`, the mean of their gains in MRR with its 90 % interval (paired bootstrap over the
    `images` that judge)."""

    images: int
    to_images: Gain
    to_texts: Gain
    gain: float
    low: float
    high: float

    @property
    def helps(self) -> bool:
        """Whether it was shown to be better, and in no direction shown to be worse: one encoder serves both."""
        return self.low > 0 and min(self.to_images.high, self.to_texts.high) >= 0

    def to_json(self) -> dict[str, Any]:
        """As `adapted.json` keeps it."""
        return {
            "images": self.images,
            "text-to-image": self.to_images.to_json(BEFORE, AFTER),
            "image-to-text": self.to_texts.to_json(BEFORE, AFTER),
            "gain in MRR": {"value": self.gain, "low": self.low, "high": self.high},
            "helps": self.helps,
        }


def gains_of(before: Retrieval, after: Retrieval, seed: int) -> EncoderGains:
    """Of the same held-out images, with the base and adapted."""
    to_images, to_texts = (
        _gain(old, new, seed) for old, new in ((before.to_images, after.to_images), (before.to_texts, after.to_texts))
    )
    both = (_differences(before.to_images, after.to_images) + _differences(before.to_texts, after.to_texts)) / 2
    low, high = _interval(both, seed)
    return EncoderGains(len(both), to_images, to_texts, float(both.mean()), low, high)


def clearly_beats(one: Retrieval, other: Retrieval) -> bool:
    """Whether the MRR is higher by more than one standard error of the difference."""
    return _ranks(one).clearly_beats(_ranks(other))


def _ranks(found: Retrieval) -> ReciprocalRanks:
    return ReciprocalRanks(found.to_images.by_image, found.to_texts.by_image)


def _gain(old: Direction, new: Direction, seed: int) -> Gain:
    differences = _differences(old, new)
    return Gain(old.recalls, new.recalls, float(differences.mean()), *_interval(differences, seed))


def _differences(old: Direction, new: Direction) -> Float64:
    return new.by_image - old.by_image


def _interval(differences: Float64, seed: int) -> tuple[float, float]:
    bootstrap = ClusterBootstrap(np.arange(len(differences)), samples=SAMPLES, seed=seed, level=LEVEL)
    low, high = bootstrap.means(differences[:, None])[0]
    return float(low), float(high)
