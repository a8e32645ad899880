"""The directions in which a ground truth can be searched: texts for images, images for texts, texts for texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from indexer.metrics import InnerProducts, Relevance
from indexer.types import Float32, Int64, Kind
from search.ground_truth.extra_positives import transposed, with_extra_positives
from search.ground_truth.ground_truth import GroundTruth

DirectionName = Literal["text-to-image", "image-to-text", "text-to-text"]


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
        return "image" if self.name == "text-to-image" else "text"

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


def among_texts(there: Direction) -> Direction | None:
    """Text to text, from the direction text to image: the first text about each photograph asks for the others that are
    right for the same photographs. None where no photograph has two."""
    _, firsts = np.unique(there.clusters, return_index=True)  # (q,)
    others = np.setdiff1d(np.arange(len(there.queries)), firsts)  # (n,)
    groups = there.clusters[others]
    given = np.isin(there.clusters[firsts], groups)
    asking = firsts[given]  # those that have others
    if not len(asking):
        return None

    def right(relevance: Relevance) -> Relevance:
        found = [np.flatnonzero(np.isin(groups, relevance.of(int(text)))) for text in asking]
        queries = np.repeat(np.arange(len(asking)), [len(one) for one in found])
        return Relevance.of_pairs(queries, np.concatenate(found), len(asking))

    return Direction(
        "text-to-text",
        "text",
        there.queries[asking],
        there.queries[others],
        right(there.given),
        right(there.relevance),
        there.clusters[asking],
        groups,
    )
