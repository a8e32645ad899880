"""The ranking numbers against answers that can be worked out by hand."""

from __future__ import annotations

import numpy as np

from tools.bundled.retrieval import label_ranks, pair_recalls, recalls


def test_any_caption_counts_for_an_image() -> None:
    images = np.eye(2, dtype=np.float32)
    # Image 0 has one right caption and one that says image 1; image 1 has two right ones.
    texts = np.array([[[1, 0], [0, 1]], [[0, 1], [0, 1]]], dtype=np.float32)
    texts += np.array([0, 0.001], dtype=np.float32) * np.arange(4, dtype=np.float32).reshape(2, 2, 1)
    forward, back = pair_recalls(images, texts.reshape(4, 2), np.array([0, 0, 1, 1]))
    assert forward[0] == 75.0
    assert back[0] == 100.0


def test_label_ranks_by_hand() -> None:
    names = np.eye(2, dtype=np.float32)
    images = np.array([[0.9, 0.1], [0.8, 0.3], [0.7, 0.2]], dtype=np.float32)
    found = label_ranks(names, images, np.array([0, 1, 0]))
    assert found.first.tolist() == [1, 1]
    assert found.ranks.tolist() == [1, 3, 1]
    assert recalls(found, (1,)) == (100.0,)
