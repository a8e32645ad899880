"""The fit of the logistic curve, against scikit-learn and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from indexer.metrics import Float64
from search.calibration.curve import (
    sigmoid,
)
from search.calibration.curve_fitting import Prior, cross_fitted, fit_logistic, fit_standardised


def drawn(seed: int, slopes: tuple[float, ...], rows: int = 400) -> tuple[Float64, Float64]:
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((rows, len(slopes)))
    labels = (rng.random(rows) < sigmoid(features @ np.array(slopes) - 0.5)).astype(np.float64)
    return features, labels


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("l2", [0.1, 1.0, 30.0])
def test_the_fit_is_that_of_scikit_learn(seed: int, l2: float) -> None:
    features, labels = drawn(seed, (1.5, 0.8, 0.4))
    theirs = LogisticRegression(C=1 / l2, tol=1e-10, max_iter=10_000).fit(features, labels)
    intercept, slopes = fit_logistic(features, labels, l2)
    assert (theirs.coef_ >= 0).all()  # else theirs is not the same problem
    np.testing.assert_allclose(slopes, theirs.coef_[0], atol=1e-4)
    assert intercept == pytest.approx(theirs.intercept_[0], abs=1e-4)


@pytest.mark.parametrize("seed", range(8))
def test_slopes_that_would_be_negative_are_zero_and_the_rest_is_best_without_them(seed: int) -> None:
    true = np.random.default_rng(seed + 100).uniform(-1.5, 1.5, 3)
    features, labels = drawn(seed, tuple(true))

    def loss(weights: Float64) -> float:
        logits = weights[0] + features @ weights[1:]
        return float(np.logaddexp(0, logits).sum() - labels @ logits + 0.5 * (weights[1:] ** 2).sum())

    bounds = [(None, None), (0, None), (0, None), (0, None)]
    theirs = minimize(loss, np.zeros(4), method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-9})
    intercept, slopes = fit_logistic(features, labels)
    assert (slopes >= 0).all()
    assert loss(np.array([intercept, *slopes])) <= theirs.fun + 1e-6
    np.testing.assert_allclose([intercept, *slopes], theirs.x, atol=2e-3)


def test_a_fit_on_scaled_features_is_the_same_curve() -> None:
    features, labels = drawn(3, (1.0, 0.5))
    stretched = features * [100.0, 0.001] + [5.0, -3.0]
    one, other = (fit_standardised(each, labels) for each in (features, stretched))
    expected = sigmoid(one[0] + features @ one[1])
    np.testing.assert_allclose(sigmoid(other[0] + stretched @ other[1]), expected, atol=1e-7)


@pytest.mark.parametrize("labels", [[0.0, 0.0, 1.0, 1.0], [0.0] * 4, [1.0] * 4])
def test_separable_and_one_sided_data_give_a_finite_curve(labels: list[float]) -> None:
    features = np.array([[-2.0, 7.0], [-1.0, 7.0], [1.0, 7.0], [2.0, 7.0]])
    intercept, slopes = fit_standardised(features, np.array(labels))
    assert np.isfinite([intercept, *slopes]).all()
    chances = sigmoid(intercept + features @ slopes)
    assert ((chances > 0.5) == (np.array(labels) > 0)).all()


def test_cross_fitting_predicts_each_cluster_from_the_others() -> None:
    """Labels that are known by the cluster alone: a fit that had seen a row's own cluster would know them."""
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(100), 5)
    labels = np.repeat((rng.random(100) < 0.5).astype(np.float64), 5)
    memory = np.zeros((500, 20))
    memory[np.arange(500), clusters % 20] = 1.0
    chances = cross_fitted(memory[:, :3], labels, clusters)
    order = np.random.default_rng(0).permutation(100) % 5
    for fold in range(5):
        held = order[clusters] == fold
        intercept, slopes = fit_standardised(memory[~held, :3], labels[~held])
        np.testing.assert_allclose(chances[held], sigmoid(intercept + memory[held, :3] @ slopes))


@pytest.mark.parametrize("seed", range(6))
def test_a_fit_that_is_held_near_a_curve_is_the_best_one_there(seed: int) -> None:
    rng = np.random.default_rng(seed)
    features, labels = drawn(seed, tuple(rng.uniform(-1, 1, 3)), rows=60)
    near, strengths = np.array([-1.0, *rng.uniform(0, 2, 3)]), np.array([3.0, 1.0, 30.0, 1e6])

    def loss(weights: Float64) -> float:
        logits = weights[0] + features @ weights[1:]
        apart = float((strengths * (weights - near) ** 2).sum())
        return float(np.logaddexp(0, logits).sum() - labels @ logits) + 0.5 * apart

    bounds = [(None, None), (0, None), (0, None), (0, None)]
    theirs = minimize(loss, near, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-15, "gtol": 1e-9})
    intercept, slopes = fit_logistic(features, labels, strengths, near)
    assert (slopes >= 0).all()
    assert loss(np.array([intercept, *slopes])) <= theirs.fun + 1e-6
    assert slopes[2] == pytest.approx(near[3], abs=1e-3)  # held as firmly as that it stays


def test_a_firm_prior_is_the_fit_on_any_scale() -> None:
    features, labels = drawn(1, (1.0, 0.5))
    stretched = features * [100.0, 0.001] + [5.0, -3.0]
    prior = Prior(0.7, np.array([0.02, 900.0]), np.full(3, 1e9))
    intercept, slopes = fit_standardised(stretched, labels, prior)
    np.testing.assert_allclose([intercept, *slopes], [0.7, 0.02, 900.0], rtol=1e-3)
    np.testing.assert_allclose(
        cross_fitted(stretched, labels, np.arange(len(labels)), prior=prior),
        sigmoid(0.7 + stretched @ prior.slopes),
        atol=1e-4,
    )
