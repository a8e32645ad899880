"""The two directions in which a ground truth can be searched: texts for images, and images for texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from indexer.metrics import InnerProducts, Relevance
from indexer.types import Float32, Int64, Kind
from search.ground_truth.extra_positives import transposed, with_extra_positives
from search.ground_truth.ground_truth import GroundTruth

DirectionName = Literal["text-to-image", "image-to-text"]


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction. `queries` (q, d) and `candidates` (n, d) float32, unit norm.

    `given`: the pairs; `relevance`: they, and the extra positives (`search.ground_truth.extra_positives`). `clusters`
    (q,) int64: the photograph that a query is about, or the label itself; `groups` (n,) int64 the same of the
    candidates.
    """

    name: DirectionName
    asks: Kind
    queries: Float32
    candidates: Float32
    given: Relevance
    relevance: Relevance
    clusters: Int64
    groups: Int64

    @property
    def finds(self) -> Kind:
        """What the candidates are."""
        return "image" if self.asks == "text" else "text"

    @property
    def first_stage(self) -> InnerProducts:
        """The similarities of all queries and candidates."""
        return InnerProducts(self.queries, self.candidates)


Directions = tuple[Direction, Direction]


def directions(truth: GroundTruth, texts: Float32) -> Directions:
    """Text to image, and image to text. `texts` (t, d) float32, unit norm: the texts' vectors."""
    given = truth.images_of_texts()
    right = with_extra_positives(truth, texts)
    photographs = np.arange(len(truth.images))
    about = given.items[given.offsets[:-1]] if truth.kind == "captions" else np.arange(len(truth.texts))  # (t,)
    there, back = (transposed(one, len(truth.images)) for one in (given, right))
    return (
        Direction("text-to-image", "text", texts, truth.vectors, given, right, about, photographs),
        Direction("image-to-text", "image", truth.vectors, texts, there, back, photographs, about),
    )
