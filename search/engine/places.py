"""The places of an answer: how probable each candidate is, and the kinds merged into one list."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from indexer.types import Kind
from search.calibration.calibration_file import Calibration, reranker_key
from search.calibration.curve import Background
from search.calibration.probability import hit_probabilities
from search.ranked import Ranked
from search.rerank.base import Reranker


@dataclass(frozen=True, slots=True)
class Place:
    """What was found at one place of the answer; without numbers where filters alone were asked."""

    id: int
    kind: Kind
    score: float | None = None
    similarity: float | None = None
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """Best first. `fitted`: all probabilities come from pairs."""

    places: list[Place]
    fitted: bool


@dataclass(frozen=True, slots=True)
class Judge:
    """What gives the candidates of one query their probabilities.

    `asks`: what the query is. `backgrounds`: its similarities to each kind where none match. `scorers`: who gave the
    scores of a kind, where a reranker did. `familiar`: the query is of the kind that a curve was fitted on. `several`:
    it has several terms.
    """

    calibration: Calibration
    asks: Kind
    backgrounds: Mapping[Kind, Background]
    scorers: Mapping[Kind, Reranker]
    familiar: bool
    several: bool = False

    def best(self, ranked: Mapping[Kind, Ranked], k: int) -> Places:
        """The k best of all kinds.

        Scores of different kinds are not comparable, probabilities are; within a kind both have the same order.
        """
        lists: list[list[Place]] = []
        fitted = True
        for kind, one in ranked.items():
            key = reranker_key(self.scorers.get(kind))
            scores, near = one.scores[:k].tolist(), one.similarities[:k].tolist()
            found = hit_probabilities(
                self.calibration,
                self.asks,
                kind,
                key,
                scores,
                near,
                self.backgrounds[kind],
                familiar=self.familiar,
                several=self.several,
            )
            fitted &= found.fitted
            lists.append(list(_places(kind, one, found.probabilities)))
        merged = heapq.merge(*lists, key=lambda place: -(place.probability or 0.0))  # keeps the order within a kind
        return Places(list(islice(merged, k)), fitted)


def _places(kind: Kind, one: Ranked, probabilities: tuple[float, ...]) -> Iterator[Place]:
    rows = zip(one.ids.tolist(), one.scores.tolist(), one.similarities.tolist(), strict=True)
    for (number, score, similarity), probability in zip(islice(rows, len(probabilities)), probabilities, strict=True):
        yield Place(number, kind, score, similarity, probability)
