"""Whether the probabilities of a stage's hits mean what they say, over the queries of an evaluation."""

from __future__ import annotations

import numpy as np

from indexer.metrics import Float64, Scorer
from search.calibration.calibration_file import Calibration
from search.calibration.curve import describe
from search.calibration.examples import SHOWN, Examples, Listing, collect, list_first
from search.calibration.reliability import reliability
from search.evaluation.results import DirectionReliability
from search.ground_truth.directions import Direction, Directions
from search.ground_truth.ground_truth import GroundTruth
from search.query.query_form import QueryForm, form_of


def check_reliability(
    truth: GroundTruth,
    both: Directions,
    scorers: tuple[Scorer, Scorer],
    calibration: Calibration,
    reranker: str | None = None,
) -> tuple[DirectionReliability, ...]:
    """Both directions of one stage of a `truth`, whose `scorers` are in the order of `both`. `reranker`: key of the one
    behind them, None for the first stage."""
    found = []
    for direction, scorer in zip(both, scorers, strict=True):
        form = None if direction.name != "text-to-image" else _form(truth)
        curve = calibration.curve(direction.asks, direction.finds, reranker, form)
        listing = list_first(scorer, len(direction.queries), SHOWN + int(np.diff(direction.relevance.offsets).max()))
        if reranker is not None and not curve.fitted:  # the engine's rule: `search.calibration.probability`
            curve = calibration.curve(direction.asks, direction.finds, None, form)
            listing = _by_similarity(listing, direction)
        examples = collect(
            listing, direction.queries, direction.candidates, direction.relevance, direction.groups, parts=(1,)
        )
        chances = curve.of_features(describe(examples.scores, examples.backgrounds, curve.typical))  # (m,)
        first = examples.places == 0
        found.append(
            DirectionReliability(
                direction.name,
                curve.fitted,
                reliability(chances, examples.right),
                reliability(chances[first], examples.right[first]),
                reliability(chances, _paired(examples, direction)),
            )
        )
    return tuple(found)


def _form(truth: GroundTruth) -> QueryForm:
    """What most of its texts are."""
    short = sum(form_of(text) == "short" for text in truth.texts)
    return "short" if 2 * short > len(truth.texts) else "sentence"


def _paired(examples: Examples, direction: Direction) -> Float64:
    """(m,) float64: 1 where a hit is one of the given pairs."""
    count = len(direction.candidates)
    queries = np.repeat(np.arange(len(direction.given)), np.diff(direction.given.offsets))  # (p,)
    pairs = np.isin(examples.queries * count + examples.found, queries * count + direction.given.items)
    return (pairs & (examples.right > 0)).astype(np.float64)


def _by_similarity(listing: Listing, direction: Direction) -> Listing:
    """The same hits in the same order, with their similarities for scores."""
    products = direction.first_stage
    rows = [
        products.scores(query, query + 1)[0][positions] for query, positions in enumerate(listing.positions)
    ]  # q of (m,)
    return Listing(listing.positions, np.array(rows, np.float64))
