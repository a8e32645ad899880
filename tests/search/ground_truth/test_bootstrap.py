"""Bootstrap intervals against a plain resampling, and how often they cover the truth."""

from __future__ import annotations

import statistics

import numpy as np

from search.ground_truth.bootstrap import ClusterBootstrap


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    clusters = np.repeat(np.arange(40), 5)
    values = np.random.default_rng(0).random((200, 2))
    ends = [ClusterBootstrap(clusters, samples=200, seed=seed).means(values) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(ends[0], ends[1])
    assert (ends[0] != ends[2]).any()


def test_means_and_medians_against_a_plain_bootstrap() -> None:
    rng = np.random.default_rng(1)
    clusters = np.sort(np.concatenate([np.arange(12), rng.integers(0, 12, 30)]))
    ranks = rng.integers(1, 50, len(clusters))
    samples = 400
    drawn = np.random.default_rng(9).integers(0, 12, size=(samples, 12))
    means, medians = [], []
    for row in drawn:
        queries = [int(rank) for cluster in row for rank in ranks[clusters == cluster]]
        means.append(statistics.mean(queries))
        medians.append(statistics.median(queries))
    bootstrap = ClusterBootstrap(clusters, samples=samples, seed=9)
    np.testing.assert_allclose(
        bootstrap.means(ranks[:, None].astype(np.float64))[0], np.quantile(means, [0.025, 0.975])
    )
    np.testing.assert_allclose(bootstrap.median(ranks), np.quantile(medians, [0.025, 0.975]))


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """Sixty clusters of four equal queries: treating those as independent would cover far less."""
    rng = np.random.default_rng(2)
    covered = naive = 0
    for trial in range(200):
        values = np.repeat((rng.random(60) < 0.3).astype(np.float64), 4)[:, None]
        low, high = ClusterBootstrap(np.repeat(np.arange(60), 4), samples=300, seed=trial).means(values)[0]
        covered += low <= 0.3 <= high
        low, high = ClusterBootstrap(np.arange(240), samples=300, seed=trial).means(values)[0]
        naive += low <= 0.3 <= high
    assert 0.88 <= covered / 200 <= 0.99
    assert naive / 200 < 0.8


def test_an_interval_of_one_cluster_is_its_value() -> None:
    bootstrap = ClusterBootstrap(np.zeros(3, np.int64), samples=10)
    np.testing.assert_allclose(bootstrap.means(np.array([[1.0], [0.0], [0.5]])), [[0.5, 0.5]])
