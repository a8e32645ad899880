"""Held-out retrieval against a plain count."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.training.retrieval import retrieval
from indexer.training.training_pairs import HeldOut


def test_is_a_plain_count() -> None:
    rng = np.random.default_rng(0)
    images, texts = (rng.normal(size=(count, 6)).astype(np.float32) for count in (9, 17))
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    owner = np.concatenate([np.arange(9), rng.integers(0, 9, 8)])
    found = retrieval(images, texts, HeldOut(np.arange(9), np.arange(17), owner, np.arange(17)))
    scores = texts @ images.T  # (17, 9)
    ranks = [1 + int((scores[row] > scores[row, owner[row]]).sum()) for row in range(17)]
    assert found.to_images.mrr == pytest.approx(np.mean([1 / rank for rank in ranks]))
    assert found.to_images.recalls == pytest.approx([np.mean([rank <= k for rank in ranks]) for k in (1, 5, 10)])
    back = [min(1 + int((scores[:, image] > scores[row, image]).sum()) for row in range(17) if owner[row] == image)
            for image in range(9)]  # fmt: skip
    assert found.to_texts.mrr == pytest.approx(np.mean([1 / rank for rank in back]))
    assert found.to_texts.recalls == pytest.approx([np.mean([rank <= k for rank in back]) for k in (1, 5, 10)])
    assert found.mrr == pytest.approx((found.to_images.mrr + found.to_texts.mrr) / 2)


def test_vectors_that_are_all_the_same_find_nothing() -> None:
    same = np.full((4, 4), 0.5, np.float32)
    found = retrieval(same, same, HeldOut(np.arange(4), np.arange(4), np.arange(4), np.arange(4)))
    assert found.mrr == 0.25
    assert found.to_images.recalls[0] == 0
