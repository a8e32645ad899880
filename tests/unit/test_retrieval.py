"""The ranking numbers against answers that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.training.retrieval import average_precisions, caption_recalls, ranks, recalls


def test_rank_of_the_best_relevant_item() -> None:
    scores = np.array([[0.9, 0.5, 0.7], [0.1, 0.2, 0.3]], dtype=np.float32)
    relevant = np.array([[False, True, True], [True, False, False]])
    assert ranks(scores, relevant).tolist() == [2, 3]


def test_a_tie_counts_against_the_method() -> None:
    scores = np.zeros((1, 4), dtype=np.float32)
    assert ranks(scores, np.array([[True, False, False, False]])).tolist() == [4]


def test_a_query_without_an_answer_is_an_error() -> None:
    with pytest.raises(ValueError, match="no relevant"):
        ranks(np.zeros((1, 2), dtype=np.float32), np.zeros((1, 2), dtype=bool))


def test_recalls_are_percentages() -> None:
    assert recalls(np.array([1, 2, 6, 11]), (1, 5, 10)) == (25.0, 50.0, 75.0)


def test_any_caption_counts_for_an_image() -> None:
    images = np.eye(2, dtype=np.float32)
    # Image 0 has one right caption and one that says image 1; image 1 has two right ones.
    texts = np.array([[[1, 0], [0, 1]], [[0, 1], [0, 1]]], dtype=np.float32)
    texts += np.array([0, 0.001], dtype=np.float32) * np.arange(4, dtype=np.float32).reshape(2, 2, 1)
    forward, back = caption_recalls(images, texts)
    assert forward[0] == 75.0
    assert back[0] == 100.0


def test_average_precision_by_hand() -> None:
    scores = np.array([[0.9, 0.8, 0.7, 0.6]], dtype=np.float32)
    relevant = np.array([[True, False, True, False]])
    assert average_precisions(scores, relevant)[0] == pytest.approx((1 / 1 + 2 / 3) / 2)
