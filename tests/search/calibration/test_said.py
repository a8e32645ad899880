"""What words say of a picture changes its probability as it was measured; keywords never lower it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.calibration.probability import never_rising
from search.calibration.said import FULL, INTERCEPT, MEANING, SAID, with_words

SHARES = st.floats(0, 1)


def test_at_even_odds_by_meaning_the_rest_decides() -> None:
    assert with_words(0.5, FULL) == pytest.approx(0.6486, abs=1e-3)  # the logistic function of -3.234 + 0.75 * 5.129
    assert with_words(0.5, 0.1) == pytest.approx(0.0617, abs=1e-3)  # of -3.234 + 0.513
    assert with_words(0.5, 0.1, captioned=False) == 0.5
    assert (INTERCEPT < 0 < MEANING, SAID > 0) == (True, True)


def test_where_nothing_is_said_nothing_changes() -> None:
    assert [with_words(chance, 0.0) for chance in (0.0, 0.3, 1.0)] == [0.0, 0.3, 1.0]


@given(SHARES, SHARES, SHARES)
def test_more_said_and_more_meant_is_never_less_probable(chance: float, less: float, more: float) -> None:
    less, more = sorted((less, more))
    for captioned in (True, False):
        if less > 0 or not captioned:
            assert with_words(chance, less, captioned=captioned) <= with_words(chance, more, captioned=captioned) <= 1
        assert with_words(less, chance, captioned=captioned) <= with_words(more, chance, captioned=captioned)
    assert chance <= with_words(chance, more, captioned=False)


def test_down_a_list_it_never_rises() -> None:
    assert never_rising([with_words(0.1, 0.0), with_words(0.1, 1.0)]) == pytest.approx(
        [0.258, 0.258], abs=1e-3
    )  # the mean of 0.1 and 0.416
