"""Whether one curve is shown to be better than another."""

from __future__ import annotations

import numpy as np
import pytest

from search.calibration.comparison import said_loss, shown_better


def test_the_loss_is_least_at_what_is_true_though_a_part_of_it_is_not_said() -> None:
    rng = np.random.default_rng(0)
    true = rng.uniform(0.1, 0.9, 50_000)
    said = ((rng.random(50_000) < true) & (rng.random(50_000) >= 0.3)).astype(np.float64)
    missed = np.full(50_000, 0.3)
    best = said_loss(true, said, missed).mean()
    for wrong in (0.7 * true, np.minimum(1.0, 1.2 * true), true**2):
        assert said_loss(wrong, said, missed).mean() > best
    assert np.isfinite(said_loss(np.array([0.0, 1.0]), np.array([1.0, 0.0]), np.zeros(2))).all()


def test_a_gain_is_shown_only_above_chance() -> None:
    rng = np.random.default_rng(1)
    alone = np.arange(2_000)
    assert shown_better(0.1 + rng.standard_normal(2_000), alone)
    assert not shown_better(-0.1 + rng.standard_normal(2_000), alone)
    assert not shown_better(np.zeros(2_000), alone)
    assert not shown_better(np.empty(0), np.empty(0, np.int64))
    assert not shown_better(np.ones(3), np.zeros(3, np.int64))  # one query says nothing of others


@pytest.mark.parametrize("clusters", [20, 400])
def test_of_curves_that_are_as_good_one_of_twenty_passes(clusters: int) -> None:
    """Hits that belong together err together: taken for independent ones, a third would pass."""
    rng, passed, blind = np.random.default_rng(2), 0, 0
    belongs = np.repeat(np.arange(clusters), 10)
    for _ in range(400):
        gains = rng.standard_normal(clusters)[belongs] + 0.2 * rng.standard_normal(10 * clusters)
        passed += shown_better(gains, belongs)
        blind += shown_better(gains, np.arange(len(gains)))
    assert 5 <= passed <= 40
    assert blind > 80


def test_it_has_to_be_shown_of_queries_and_of_photographs() -> None:
    rng = np.random.default_rng(3)
    photographs = np.tile(np.arange(5), 200)
    gains = np.array([3.0, -1.0, 0.5, -1.0, -0.5])[photographs] + 0.1 * rng.standard_normal(1_000)
    assert shown_better(gains, np.arange(1_000))
    assert not shown_better(gains, np.arange(1_000), photographs)
