"""The curve from a score to a probability: what must hold whatever comes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.calibration.curve import (
    FALLBACK,
    PRIOR_ITEMS,
    STANDING,
    Background,
    ProbabilityCurve,
    Slopes,
    TypicalBackground,
    describe,
    standing,
)
from search.results import STRONG, WEAK

FITTED = ProbabilityCurve(-2.0, Slopes(3.0, 0.0, 1.2, 0.9), TypicalBackground(0.1, 0.05))


finite = st.floats(allow_nan=False, allow_infinity=False)


cosines = st.floats(-1, 1)


curves = st.sampled_from(
    [FALLBACK, FITTED, ProbabilityCurve(0.0, Slopes(0.0, 0.0, 0.0, 0.0), TypicalBackground(0.0, 0.0))]
)


@settings(max_examples=300)
@given(
    curves, st.lists(finite | cosines, min_size=1, max_size=20), st.lists(cosines, max_size=30), st.integers(0, 10**9)
)
def test_a_probability_is_one_and_never_falls_as_the_score_grows(
    curve: ProbabilityCurve, scores: list[float], sample: list[float], items: int
) -> None:
    background = Background.of(np.array(sample, np.float32), items)
    chances = curve.probabilities(np.sort(np.array(scores)), background)
    assert np.isfinite(chances).all()
    assert ((chances >= 0) & (chances <= 1)).all()
    assert (np.diff(chances) >= 0).all()


@pytest.mark.parametrize("curve", [FALLBACK, STANDING, FITTED])
@pytest.mark.parametrize(
    "background",
    [
        Background.of(np.zeros(0, np.float32), 0),
        Background.of(np.array([0.3], np.float32), 1),
        Background(0.2, 0.0, 50, 50),
    ],
)
def test_one_item_none_and_no_spread_at_all(curve: ProbabilityCurve, background: Background) -> None:
    chances = curve.probabilities(np.array([-1.0, 0.3, 1.0, 1e300]), background)
    assert np.isfinite(chances).all()
    assert (np.diff(chances) >= 0).all()
    if curve is not FITTED:  # nothing to compare with, so nothing is claimed
        assert (chances < WEAK).all()


@pytest.mark.parametrize("curve", [FALLBACK, STANDING, FITTED])
def test_the_same_standing_among_more_items_is_less_probable(curve: ProbabilityCurve) -> None:
    few, many = (float(curve.probabilities(np.array([0.5]), Background(0.1, 0.1, 1_000, n))[0]) for n in (100, 10_000))
    assert 0 < many < few < 1
    odds = (few / (1 - few)) / (many / (1 - many))
    assert odds == pytest.approx(100**curve.slopes.items)


def test_a_small_sample_is_joined_with_typical_similarities() -> None:
    """As if PRIOR_ITEMS similarities of the typical mean and spread had been in the sample."""
    own = np.array([0.5, 0.1, 0.2])
    typical = TypicalBackground(0.15, 0.07)
    prior = np.array([0.15 - 0.07, 0.15 + 0.07] * (PRIOR_ITEMS // 2))
    together = np.concatenate([own, prior])
    features = describe(np.array([0.4]), Background.of(own, 3), typical)
    assert features[0].tolist() == pytest.approx(
        [0.4, 0.4 - together.mean(), (0.4 - together.mean()) / together.std(), -np.log(3)]
    )
    alone = describe(np.array([0.4]), Background.of(own, 3), None)
    assert alone[0, 2] == pytest.approx((0.4 - own.mean()) / own.std())


@pytest.mark.parametrize("items", [0, 1, 40, 100_000])
def test_an_estimate_of_the_order_becomes_that_of_words(items: int) -> None:
    """As if it had been made from the standard score in the first place; what is ruled out stays so."""
    background, scores = Background(0.1, 0.1, 40, items), np.array([0.9, 0.5, 0.3, 0.1, -0.4])
    found = standing(FALLBACK.probabilities(scores, background).tolist(), items)
    assert found == pytest.approx(STANDING.probabilities(scores, background).tolist(), rel=1e-6)
    assert standing([1.0, 0.5, 0.0], items)[2] == 0.0
    assert standing([1.0, 0.5, 0.0], items)[0] <= 1.0


def test_the_words_of_a_standard_score_hold_in_large_collections() -> None:
    """One that stands out by 5.3 spreads is strong among 1,000 and fair among 100,000; by 3.1 fair, and weak."""
    chances = [
        [float(STANDING.probabilities(np.array([z]), Background(0.0, 1.0, 1_000, items))[0]) for z in (5.3, 3.1)]
        for items in (1_000, 100_000)
    ]
    assert chances[0] == pytest.approx([1 / (1 + np.exp(-1.2535)), 1 / (1 + np.exp(2.8385))], rel=1e-3)
    assert chances[0][0] >= STRONG
    assert chances[0][1] >= WEAK
    assert STRONG > chances[1][0] >= WEAK > chances[1][1]


def test_what_all_items_have_alike_of_a_query_changes_nothing() -> None:
    """A text may be near to everything: what counts is how far a hit stands above that."""
    similarities = np.random.default_rng(0).normal(0.1, 0.05, 200)
    curve = ProbabilityCurve(-4.0, Slopes(0.0, 9.0, 0.5, 0.6), TypicalBackground(0.1, 0.05))
    scores = np.array([0.3, 0.2, 0.1])
    plain = curve.probabilities(scores, Background.of(similarities, 200))
    shifted = replace(curve, typical=TypicalBackground(0.25, 0.05))
    np.testing.assert_allclose(shifted.probabilities(scores + 0.15, Background.of(similarities + 0.15, 200)), plain)
