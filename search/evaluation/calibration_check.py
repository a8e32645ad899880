"""Whether the probabilities of a stage's hits mean what they say, over the queries of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from indexer.metrics import Float64, InnerProducts, Relevance, Scorer
from indexer.types import Float32, Int64, Kind
from search.calibration.calibration_file import Calibration
from search.calibration.curve import describe
from search.calibration.examples import SHOWN, Examples, Listing, collect, list_first
from search.calibration.extra_positives import described, turned
from search.calibration.reliability import reliability
from search.evaluation.results import Direction, Judgement
from search.ground_truth.ground_truth import Gold


@dataclass(frozen=True, slots=True)
class Way:
    """One direction of an evaluation. `queries` (q, d) and `candidates` (n, d) float32, unit norm.

    `given`: the pairs; `relevance`: they, and what is described as well (`search.calibration.extra_positives`).
    `clusters` (q,) int64: the photograph that a query is about, or the label itself; `groups` (n,) int64 the same of
    the candidates.
    """

    direction: Direction
    asks: Kind
    queries: Float32
    candidates: Float32
    given: Relevance
    relevance: Relevance
    clusters: Int64
    groups: Int64


def ways(gold: Gold, texts: Float32) -> tuple[Way, Way]:
    """Text to image, and image to text. `texts` (t, d) float32, unit norm: the texts' vectors."""
    given = gold.images_of_texts()
    right = described(gold, texts)
    photographs = np.arange(len(gold.images))
    about = given.items[given.offsets[:-1]] if gold.kind == "captions" else np.arange(len(gold.texts))  # (t,)
    there, back = (turned(one, len(gold.images)) for one in (given, right))
    return (
        Way("text-to-image", "text", texts, gold.vectors, given, right, about, photographs),
        Way("image-to-text", "image", gold.vectors, texts, there, back, photographs, about),
    )


def judge_stage(
    both: tuple[Way, Way], scorers: tuple[Scorer, Scorer], calibration: Calibration, reranker: str | None
) -> tuple[Judgement, ...]:
    """Both directions of one stage, whose `scorers` are in the order of `both`. `reranker`: key of the one behind
    them, None for the first stage."""
    found = []
    for way, scorer in zip(both, scorers, strict=True):
        finds: Kind = "image" if way.asks == "text" else "text"
        curve = calibration.curve(way.asks, finds, reranker)
        listing = list_first(scorer, len(way.queries), SHOWN + int(np.diff(way.relevance.offsets).max()))
        if reranker is not None and not curve.fitted:  # the engine's rule: `search.calibration.probability`
            curve = calibration.curve(way.asks, finds, None)
            listing = _by_similarity(listing, way)
        examples = collect(listing, way.queries, way.candidates, way.relevance, way.groups, parts=(1,))
        chances = curve.of_features(describe(examples.scores, examples.backgrounds, curve.typical))  # (m,)
        first = examples.places == 0
        found.append(
            Judgement(
                way.direction,
                curve.fitted,
                reliability(chances, examples.right),
                reliability(chances[first], examples.right[first]),
                reliability(chances, _paired(examples, way)),
            )
        )
    return tuple(found)


def _paired(examples: Examples, way: Way) -> Float64:
    """(m,) float64: 1 where a hit is one of the given pairs."""
    count = len(way.candidates)
    queries = np.repeat(np.arange(len(way.given)), np.diff(way.given.offsets))  # (p,)
    pairs = np.isin(examples.queries * count + examples.found, queries * count + way.given.items)
    return (pairs & (examples.right > 0)).astype(np.float64)


def _by_similarity(listing: Listing, way: Way) -> Listing:
    """The same hits in the same order, with their similarities for scores."""
    products = InnerProducts(way.queries, way.candidates)
    rows = [
        products.scores(query, query + 1)[0][positions] for query, positions in enumerate(listing.positions)
    ]  # q of (m,)
    return Listing(listing.positions, np.array(rows, np.float64))
