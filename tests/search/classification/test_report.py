"""Figures of a classifier, against scikit-learn's and against what can be counted on the fingers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, precision_recall_fscore_support

from search.classification.few import about_few, wilson
from search.classification.linear_probe import LinearClassifier, best, shares
from search.classification.report import calibration_error, report_of


def identity(k: int, *, calibrated: bool = True) -> LinearClassifier:
    """Vectors are their own logits."""
    return LinearClassifier(np.eye(k, dtype=np.float32), np.zeros(k, np.float32), 1.0, calibrated)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 7), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_as_scikit_learn_has_it(k: int, n: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(n, k)).astype(np.float32)
    labels = generator.integers(0, k, n)
    names = [f"c{at}" for at in range(k)]
    found = report_of(identity(k), names, logits, labels)
    answers = logits.argmax(axis=1)
    assert (found.matrix() == confusion_matrix(labels, answers, labels=range(k))).all()
    present = np.unique(labels)
    precision, recall, f1, support = precision_recall_fscore_support(labels, answers, labels=present, zero_division=0)
    assert [each.name for each in found.figures] == [names[at] for at in present]
    assert np.allclose([each.precision or 0 for each in found.figures], precision)
    assert np.allclose([each.recall for each in found.figures], recall)
    assert np.allclose([each.f1 for each in found.figures], f1)
    assert [each.support for each in found.figures] == support.tolist()
    assert found.top_1 == pytest.approx((answers == labels).mean())
    assert found.mean_accuracy == pytest.approx(np.mean(recall))
    if len(present) == k:
        assert found.mean_accuracy == pytest.approx(balanced_accuracy_score(labels, answers))
    if k <= 5:
        assert found.top_5 is None
        return
    plain = [label in np.argsort(-row, kind="stable")[:5] for row, label in zip(logits, labels, strict=True)]
    assert found.top_5 == pytest.approx(np.mean(plain))


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 9), st.integers(1, 20), st.integers(1, 9), st.integers(0, 3), st.integers(0, 999))
def test_the_best_are_those_of_a_stable_sort(k: int, n: int, top: int, levels: int, seed: int) -> None:
    """Also where many are equal."""
    scores = np.random.default_rng(seed).integers(0, levels + 1, (n, k)).astype(np.float32)
    plain = np.argsort(-scores, axis=1, kind="stable")[:, : min(top, k)]
    assert (best(scores, min(top, k)) == plain).all()


def test_shares_are_a_softmax_whatever_the_size() -> None:
    found = shares(np.array([[1000.0, 1000.0], [-1000.0, 0.0]], np.float32))
    assert np.allclose(found, [[0.5, 0.5], [0, 1]])


def test_how_far_figures_of_few_may_be_off() -> None:
    assert wilson(10, 10) == pytest.approx((0.7225, 1), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)
    assert wilson(50, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)  # of the published tables
    eye = np.eye(2, dtype=np.float32)
    ten = report_of(identity(2), ["a", "b"], np.tile(eye, (5, 1)), np.tile(np.arange(2), 5))
    assert "10 photographs only, which fits an accuracy between 72 and 100 %" in about_few(ten)[0]
    many = np.repeat(np.arange(2), (60, 4))
    assert about_few(report_of(identity(2), ["a", "b"], eye[many], many)) == (
        "1 class measured on fewer than 5 photographs each, whose own figures say little: b.",
    )
    enough = np.repeat(np.arange(2), 30)
    assert about_few(report_of(identity(2), ["a", "b"], eye[enough], enough)) == about_few(None) == ()


def test_a_class_that_nothing_was_called_has_no_precision() -> None:
    logits = np.array([[1, 0], [1, 0]], np.float32)
    found = report_of(identity(2), ["a", "b"], logits, np.array([0, 1]))
    assert [each.precision for each in found.figures] == [0.5, None]
    assert found.confused(5) == [("b", "a", 1)]
    assert found.to_json()["confusion"] == [
        {"class": "a", "called": "a", "count": 1},
        {"class": "b", "called": "a", "count": 1},
    ]


def test_the_calibration_error() -> None:
    said = np.array([0.9, 0.9, 0.9, 0.9], np.float32)
    assert calibration_error(said, np.array([True, True, True, False])) == pytest.approx(0.15)
    assert (
        report_of(
            identity(2, calibrated=False), ["a", "b"], np.eye(2, dtype=np.float32), np.arange(2)
        ).calibration_error
        is None
    )
