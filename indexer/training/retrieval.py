"""How well vectors find each other on held-out pairs, in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from indexer.metrics import InnerProducts, Ranks, hits, rank_all, reciprocal_ranks
from indexer.training.training_pairs import HeldOut
from indexer.types import Float32

CUTOFFS: Final = (1, 5, 10)

Float64 = npt.NDArray[np.float64]


class Direction(NamedTuple):
    """`recalls`: R@1, R@5, R@10, 0 to 1. `by_image` (n,) float64: what each image's queries add to the MRR, which is
    their mean."""

    recalls: tuple[float, ...]
    by_image: Float64

    @property
    def mrr(self) -> float:
        """Mean reciprocal rank."""
        return float(self.by_image.mean())


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Texts that ask for images, and images that ask for texts."""

    to_images: Direction
    to_texts: Direction

    @property
    def mrr(self) -> float:
        """The mean of both directions."""
        return (self.to_images.mrr + self.to_texts.mrr) / 2

    def to_json(self) -> dict[str, Any]:
        """A line of a curve."""
        return {
            "MRR": self.mrr,
            "text-to-image": dict(zip([f"R@{k}" for k in CUTOFFS], self.to_images.recalls, strict=True)),
            "image-to-text": dict(zip([f"R@{k}" for k in CUTOFFS], self.to_texts.recalls, strict=True)),
        }


def retrieval(images: Float32, texts: Float32, held_out: HeldOut) -> Retrieval:
    """`images` (n, d), `texts` (t, d), unit norm, in the order of `held_out`. Ties count against the vectors."""
    ranks = rank_all(InnerProducts(texts, images), held_out.images_of_texts())
    back = rank_all(InnerProducts(images, texts), held_out.texts_of_images())
    owners = held_out.owners()
    sums: Float64 = np.bincount(owners, weights=reciprocal_ranks(ranks), minlength=len(images)).astype(np.float64)
    return Retrieval(
        Direction(_recalls(ranks), sums * (len(images) / len(texts))), Direction(_recalls(back), reciprocal_ranks(back))
    )


def _recalls(ranks: Ranks) -> tuple[float, ...]:
    return tuple(float(hits(ranks, k).mean()) for k in CUTOFFS)
