"""The calibration error against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.calibration.reliability import reliability


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]) | st.floats(0, 1), st.booleans()), min_size=1)
)
def test_the_calibration_error_is_that_of_a_loop(rows: list[tuple[float, bool]]) -> None:
    said = np.array([row[0] for row in rows])
    right = np.array([float(row[1]) for row in rows])
    found = reliability(said, right)
    total, left = 0.0, sorted(rows)
    for one in found.bins:  # each bin is the next run of the sorted hits, and takes all that are equal to its last
        mine, left = left[: one.count], left[one.count :]
        assert (one.low, one.high) == (mine[0][0], mine[-1][0])
        assert not left or left[0][0] > one.high
        gap = abs(sum(p for p, _ in mine) / one.count - sum(y for _, y in mine) / one.count)
        total += gap * one.count / len(rows)
    assert left == []
    assert found.ece == pytest.approx(total, abs=1e-12)
    assert found.hits == len(rows)
    shuffled = np.random.default_rng(0).permutation(len(rows))
    again = reliability(said[shuffled], right[shuffled])
    assert again.ece == pytest.approx(found.ece, abs=1e-12)
    assert [one.count for one in again.bins] == [one.count for one in found.bins]


def test_bins_hold_equally_many_hits() -> None:
    found = reliability(np.linspace(0, 1, 1_500), np.zeros(1_500))
    assert [one.count for one in found.bins] == [100] * 15
    assert found.ece == pytest.approx(0.5)


def test_probabilities_that_are_true_have_no_error() -> None:
    rng = np.random.default_rng(0)
    said = rng.random(200_000)
    assert reliability(said, (rng.random(200_000) < said).astype(np.float64)).ece < 0.01
