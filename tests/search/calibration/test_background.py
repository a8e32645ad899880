"""What a query's similarities look like where nothing matches: each scene counts once."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.metrics import Float64
from search.calibration.background import ALIKE, Sample, of_scenes

DIMENSION = 64


def drawn(count: int, seed: int = 3) -> Float64:
    """(count, d) of unit norm, far from each other."""
    rows = np.random.default_rng(seed).normal(size=(count, DIMENSION))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def frames(scene: Float64, count: int) -> Float64:
    """(count, d) of unit norm, frames of one scene."""
    rows = scene + 0.02 * drawn(count, seed=4)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_where_nothing_is_alike_nothing_is_left_out() -> None:
    vectors = drawn(500)
    for query in vectors[:20]:
        similarities = vectors @ query
        assert of_scenes(similarities, vectors) is similarities
    assert len(of_scenes(np.zeros(0), np.zeros((0, DIMENSION)))) == 0


@pytest.mark.parametrize("count", [2, 50, 200])
def test_a_series_of_what_is_asked_for_counts_once(count: int) -> None:
    others, scene = drawn(500), drawn(1, seed=5)[0]
    series = frames(scene, count)
    assert (series @ series.T).min() > ALIKE
    vectors = np.concatenate([others[:250], series, others[250:]])
    kept = of_scenes(vectors @ scene, vectors)
    once = np.concatenate([others[:250] @ scene, [(series @ scene).max()], others[250:] @ scene])
    assert sorted(kept) == pytest.approx(sorted(once))
    found = Sample(vectors, len(vectors)).background(scene.astype(np.float32))
    assert found.spread == pytest.approx(once.std(), rel=1e-4)
    assert found.spread < (vectors @ scene).std()
    assert (found.sampled, found.items) == (501, len(vectors))


def test_a_series_of_something_else_changes_nothing() -> None:
    vectors = np.concatenate([drawn(500), frames(drawn(1, seed=5)[0], 50)])
    query = -vectors[-1]  # as far from it as can be
    assert len(of_scenes(vectors @ query, vectors)) == len(vectors)


def test_the_rows_of_the_vectors_may_be_told() -> None:
    others, series = drawn(100), frames(drawn(1, seed=5)[0], 10)
    vectors, query = np.concatenate([others, series]), series[0]
    rows = np.arange(0, len(vectors), 2)
    some = of_scenes((vectors @ query)[rows], vectors, rows)
    assert some.tolist() == of_scenes((vectors @ query)[rows], vectors[rows]).tolist()
    assert len(some) == len(rows) - 4
