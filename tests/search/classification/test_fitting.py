"""The regression, the folds and the temperature."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from indexer.errors import UsageError
from indexer.progress import Silent
from search.classification import fitting
from search.classification.fitting import STRENGTHS, Chosen, choose, fit, temperature_of
from search.classification.folds import stratified
from search.classification.linear_probe import shares


def clouds(k: int, each: int, spread: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (n, 8) around k directions, and their labels."""
    generator = np.random.default_rng(seed)
    middles = np.random.default_rng(99).normal(size=(k, 8))
    labels = np.repeat(np.arange(k), each)
    vectors = middles[labels] + generator.normal(0, spread, (len(labels), 8))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(2, 6), st.integers(0, 99))
def test_each_class_has_its_share_in_each_part(labels: list[int], parts: int, seed: int) -> None:
    given_labels = np.array(labels)
    part = stratified(given_labels, parts, seed)
    for label in set(labels):
        own = part[given_labels == label]
        if len(own) == 1:
            assert own[0] == -1
        else:
            counts = np.bincount(own, minlength=parts)
            assert counts.max() - counts.min() <= 1
    assert (part == stratified(given_labels, parts, seed)).all()


@pytest.mark.parametrize("k", [2, 5])
def test_the_weights_are_those_of_scikit_learn(k: int) -> None:
    """On the vectors as they are: centring and scale are folded in."""
    vectors, labels = clouds(k, 30, 0.8)
    found = fit(vectors, labels, Chosen(0.1, 1.0, {}, calibrated=True), 0)
    spread = math.sqrt(vectors.var(axis=0).mean())
    inputs = (vectors - vectors.mean(axis=0)) / spread
    plain = LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000, tol=1e-8).fit(inputs, labels)
    assert np.abs(shares(found.logits(vectors)) - plain.predict_proba(inputs)).max() < 0.01


def test_what_can_be_told_apart_is() -> None:
    vectors, labels = clouds(6, 20, 0.2)
    chosen = choose(vectors, labels, 0, Silent())
    assert chosen.calibrated
    assert max(chosen.accuracy.values()) > 0.97
    assert chosen.accuracy[chosen.strength] == max(chosen.accuracy.values())
    others, their = clouds(6, 20, 0.2, seed=5)
    assert (fit(vectors, labels, chosen, 0).first(others, 1)[0][:, 0] == their).mean() > 0.97


def test_the_same_seed_gives_the_same_bits() -> None:
    vectors, labels = clouds(4, 15, 0.9)
    one, two = (choose(vectors, labels, 3, Silent()) for _ in range(2))
    assert one == two
    assert (fit(vectors, labels, one, 3).weights == fit(vectors, labels, two, 3).weights).all()


def test_noise_is_given_no_certainty() -> None:
    """Labels by chance: a fitted probability is near a third, whatever the weights say of what they were fitted to."""
    vectors, _ = clouds(3, 60, 3.0)
    labels = np.random.default_rng(4).integers(0, 3, len(vectors))
    chosen = choose(vectors, labels, 0, Silent())
    fresh, _ = clouds(3, 60, 3.0, seed=8)
    assert fit(vectors, labels, chosen, 0).first(fresh, 1)[1].mean() < 0.5


def test_a_class_of_one_is_trained_on() -> None:
    vectors, labels = clouds(3, 10, 0.2)
    vectors, labels = vectors[:21], labels[:21]  # of the third class one
    chosen = choose(vectors, labels, 0, Silent())
    assert fit(vectors, labels, chosen, 0).first(vectors[20:], 1)[0][0, 0] == 2


def test_of_single_photographs_nothing_is_calibrated() -> None:
    vectors, labels = clouds(3, 1, 0.2)
    assert choose(vectors, labels, 0, Silent()) == Chosen(fitting._USUAL, 1.0, {}, calibrated=False)


def test_many_examples_are_chosen_on_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "CHOSEN_ON", 50)
    vectors, labels = clouds(4, 60, 0.4)
    some = fitting._some(labels, 0)
    assert len(some) <= 60
    assert np.bincount(labels[some]).tolist() == [len(some) // 4] * 4
    assert choose(vectors, labels, 0, Silent()).strength in STRENGTHS


@settings(max_examples=25, deadline=None)
@given(st.floats(0.05, 20), st.integers(0, 99))
def test_the_temperature_undoes_a_scale(scale: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (2_000, 4))
    chances = shares(logits.astype(np.float32)).cumsum(axis=1)
    labels = np.minimum((generator.random((2_000, 1)) > chances).sum(axis=1), 3)
    assert temperature_of((logits * scale).astype(np.float32), labels) == pytest.approx(scale, rel=0.2)


def test_few_right_answers_make_nothing_certain() -> None:
    """36 of 36 right, by far: nearly as sure as 37 of 38, and no surer."""
    labels = np.arange(36) % 3
    logits = np.eye(3, dtype=np.float32)[labels] * 50
    said = shares(logits / np.float32(temperature_of(logits, labels))).max(axis=1)
    assert said == pytest.approx(37 / 38, abs=0.005)


def test_a_missing_package_is_a_sentence_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs scikit-learn.*`pip install 'scikit-learn"):
        fitting.check_installed()
