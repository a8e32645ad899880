"""Curves that are fitted to what captions say, where they leave out what is true."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.errors import UsageError
from indexer.metrics import Float64
from search.calibration.curve import Backgrounds, ProbabilityCurve, Slopes, TypicalBackground, describe, sigmoid
from search.calibration.curve_fitting import cross_fitted, fit_standardised
from search.calibration.evidence import Evidence, Key
from search.calibration.examples import Examples
from search.calibration.fit import Known, completed, fit
from search.calibration.reliability import reliability

KEY = Key("text", "image", "short", None)


def hits(count: int, missed: float, seed: int = 0) -> tuple[Float64, Float64, Float64]:
    """Scores (m,), whether hits are right (m,), and whether that is said (m,): of the right ones all but `missed`."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0.3, 0.2, count)
    right = (rng.random(count) < sigmoid(10 * scores - 3)).astype(np.float64)
    return scores, right, right * (rng.random(count) >= missed)


def test_what_captions_leave_out_is_counted_where_it_is_known_how_much() -> None:
    scores, right, said = hits(3_000, 0.3)
    features, all_there = scores[:, None], np.ones(len(scores), bool)
    labels = completed(features, said, np.full(len(scores), 0.3), all_there)
    assert labels.mean() == pytest.approx(right.mean(), abs=0.03)
    intercept, slopes = fit_standardised(features, labels)
    assert (intercept, slopes[0]) == (pytest.approx(-3, abs=0.3), pytest.approx(10, abs=1.2))
    assert fit_standardised(features, said)[1][0] < 8  # plainly fitted it would be too low
    np.testing.assert_array_equal(completed(features, said, np.zeros(len(scores)), all_there), said)


def test_where_what_is_said_was_taken_away_the_rest_is_as_true_as_it_was() -> None:
    scores, right, said = hits(3_000, 0.3)
    left = said == 0
    features = np.concatenate([scores, scores[left]])[:, None]
    labels = completed(
        features,
        np.concatenate([said, np.zeros(left.sum())]),
        np.full(len(features), 0.3),
        np.arange(len(features)) < len(scores),
    )
    assert labels[len(scores) :].mean() == pytest.approx(right[left].mean(), abs=0.03)
    assert right[left].mean() > 0.15


def evidence(seed: int, key: Key = KEY, missed: float = 0.0) -> Evidence:
    scores, _, said = hits(3_000, missed, seed)
    rng, count = np.random.default_rng(seed), len(scores)
    ones, places = np.ones(count), np.tile(np.arange(10), count // 10)
    backgrounds = Backgrounds(0 * ones, 0.1 * ones, np.full(count, 500), rng.integers(100, 900, count))
    queries, found = np.repeat(np.arange(count // 10), 10), rng.integers(0, 400, count)
    examples = Examples(scores, backgrounds, said, queries, places, found, ones > 0, scores)
    return Evidence(key, examples, queries, found, count // 10, 400, missed)


def test_evidence_of_several_sources_is_one_curve_that_means_what_it_says() -> None:
    found = fit([evidence(1), evidence(2, missed=0.3)], 0)
    assert found.entry.form == "short"
    assert (found.entry.fitted_on["queries"], found.entry.fitted_on["hits"]) == (600, 6_000)
    assert found.hits.ece < 0.03
    assert found.first.hits == 600
    unseen = evidence(3)
    chances = found.entry.curve.of_features(
        describe(unseen.examples.scores, unseen.examples.backgrounds, found.entry.curve.typical)
    )
    assert reliability(chances, unseen.examples.right).ece < 0.05


def test_too_few_right_hits_are_refused() -> None:
    one = evidence(1)
    none = Evidence(KEY, Examples(*(getattr(one.examples, name) if name != "right" else 0 * one.examples.right
                                    for name in Examples.__slots__)), one.clusters, one.others, 1, 1)  # fmt: skip
    with pytest.raises(UsageError, match="only 0 are right"):
        fit([none], 0)


def test_cross_fitting_has_seen_neither_the_query_nor_the_photograph() -> None:
    rng = np.random.default_rng(0)
    queries, photographs = rng.integers(0, 20, 2_000), rng.integers(0, 4, 2_000)
    labels = np.where(photographs < 2, 1.0, 0.0)
    told = np.eye(4)[photographs][:, :2]  # what is right tells itself, each photograph in its own way
    alone = cross_fitted(told, labels, queries)
    both = cross_fitted(told, labels, queries, photographs, folds=4)
    right = labels == 1
    assert alone[right].min() > 0.9
    assert both[right].max() < 0.9  # nobody has told of this one


TRUE = ProbabilityCurve(-3.0, Slopes(10.0, 0.0, 0.0, 0.0), TypicalBackground(0.0, 0.1))


@pytest.mark.parametrize("missed", [0.0, 0.3])
def test_a_curve_takes_the_place_of_a_wrong_one_and_not_of_the_right_one(missed: float) -> None:
    wrong = ProbabilityCurve(0.0, Slopes(4.0, 0.0, 0.0, 0.0), TRUE.typical)
    given = [evidence(1, missed=missed)]
    assert not fit(given, 0, Known(TRUE, 1_000.0, TRUE)).better
    assert fit(given, 0, Known(TRUE, 1_000.0, wrong)).better
    assert fit(given, 0).better  # nothing was there


def test_few_hits_leave_a_curve_where_it_is_held_and_the_slope_on_items_stays() -> None:
    near = ProbabilityCurve(-1.0, Slopes(6.0, 0.0, 0.0, 0.3), TRUE.typical)
    given = [evidence(1)]
    found = [fit(given, 0, Known(near, strength, near)).entry.curve for strength in (1e6, 1e3, 1.0)]
    away = [abs(curve.slopes.score + curve.slopes.above - near.slopes.score) for curve in found]
    assert away[0] < 0.1 < away[1] < away[2]
    assert all(curve.slopes.items == pytest.approx(0.3, abs=1e-3) for curve in found)
    assert all(curve.typical == TRUE.typical for curve in found)


def test_where_a_reranker_was_not_fitted_what_is_in_place_reads_similarities() -> None:
    one = evidence(1)
    shuffled = np.random.default_rng(0).permutation(one.examples.scores)
    examples = Examples(*(shuffled if name == "similarities" else getattr(one.examples, name)
                          for name in Examples.__slots__))  # fmt: skip
    given = [Evidence(KEY, examples, one.clusters, one.others, one.queries, one.candidates)]
    assert not fit(given, 0, Known(TRUE, 1_000.0, TRUE)).better
    assert fit(given, 0, Known(TRUE, 1_000.0, TRUE, similarities=True)).better
