"""Lists shared between threads, and filters applied afterwards: the same is found as by FAISS alone."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
import pytest

from indexer.types import Float32, Int64
from indexer.vectors.backends.faiss_files import ivf_search
from indexer.vectors.backends.faiss_files.ivf_search import search_lists
from indexer.vectors.backends.faiss_files.ivf_training import threads
from indexer.vectors.backends.faiss_files.selector import Selector

COUNT, DIMENSION, LISTS = 4_000, 24, 40


@pytest.fixture(scope="module")
def vectors() -> Float32:
    rows = np.random.default_rng(5).normal(size=(COUNT, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module", params=["Flat", "SQ8", "PQ6x4np"])
def core(request: pytest.FixtureRequest, vectors: Float32) -> Any:
    index = faiss.index_factory(DIMENSION, f"IVF{LISTS},{request.param}", faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(vectors)
    return index


def plain(core: Any, queries: Float32, fetch: int, lists: int, mask: np.ndarray | None) -> tuple[Float32, Int64]:
    """All that the lists hold, by FAISS with its own filter, and no more than `fetch` of it."""
    selector = None if mask is None else faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
    with threads(1):
        found: tuple[Float32, Int64] = core.search(
            queries, fetch, params=faiss.SearchParametersIVF(nprobe=lists, sel=selector)
        )
    return found


def agree(core: Any, queries: Float32, fetch: int, lists: int, mask: np.ndarray | None) -> None:
    scores, positions = search_lists(core, queries, fetch, lists, Selector(mask, COUNT))
    true_scores, true_positions = plain(core, queries, fetch, lists, mask)
    assert positions.shape == scores.shape == (len(queries), fetch)
    found = true_positions >= 0
    np.testing.assert_array_equal(positions >= 0, found)
    np.testing.assert_allclose(scores[found], true_scores[found], rtol=1e-5, atol=1e-6)
    for row, true_row, true_score in zip(positions, true_positions, true_scores, strict=True):
        last = true_score[true_row >= 0].min(initial=np.inf)  # which of equal scores come last is open: codes repeat
        assert set(true_row[true_score > last + 1e-5].tolist()) <= set(row.tolist())
    if mask is not None:
        assert mask[positions[positions >= 0]].all()


@pytest.mark.parametrize("parts", [1, 2, 3])
@pytest.mark.parametrize("lists", [1, 2, 17, LISTS, LISTS + 5])
@pytest.mark.parametrize("share", [1.0, 0.9, 0.5, 0.25, 0.03])
def test_the_same_is_found(
    core: Any, vectors: Float32, monkeypatch: pytest.MonkeyPatch, parts: int, lists: int, share: float
) -> None:
    monkeypatch.setattr(ivf_search, "SHARED_FROM", 1)
    monkeypatch.setattr(ivf_search, "thread_count", lambda: parts)
    mask = None if share == 1 else np.random.default_rng(1).random(COUNT) < share
    for fetch in (1, 26, 150):
        for first in range(3):
            agree(core, vectors[first : first + 1], fetch, lists, mask)
        agree(core, vectors[:5], fetch, lists, mask)


def test_a_filter_against_the_query_loses_nothing(core: Any, vectors: Float32) -> None:
    for query in vectors[:5]:
        mask = (vectors @ query) < 0.05  # more than a half, and none of what is near
        assert mask.mean() > ivf_search.AFTERWARDS_FROM
        agree(core, query[None], 20, LISTS, mask)
        agree(core, query[None], 20, 3, mask)


def test_wide_filters_are_applied_to_what_was_found(vectors: Float32) -> None:
    index = faiss.index_factory(DIMENSION, f"IVF{LISTS},SQ8", faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(vectors)

    class Counting(Selector):
        asked = 0

        def bitmap(self) -> Any:
            self.asked += 1
            return super().bitmap()

    half = Counting(np.arange(COUNT) % 2 == 0, COUNT)
    search_lists(index, vectors[:3], 10, 8, half)
    assert half.asked == 0
    few = Counting(np.arange(COUNT) % 50 == 0, COUNT)
    search_lists(index, vectors[:3], 10, 8, few)
    assert few.asked == 1
