"""Tuning: true neighbours against a plain scan, the least width that reaches a target, and what is built instead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.types import Float32, Int64
from indexer.vectors.backend import BuildPlan
from indexer.vectors.backends.faiss_files import tuning
from indexer.vectors.backends.faiss_files.faiss_index import FaissIndex
from indexer.vectors.backends.faiss_files.file_backend import FaissFiles
from indexer.vectors.base import INDEX_TYPES, IndexType, SearchParameters, Tuned, VectorIndex
from indexer.vectors.recall import KEPT, QUERIES, RecallQueries, TrueNeighbours, measure, tune
from tests.fixtures.vectors import DIMENSION, batches_of, clustered

COUNT = 6_000
IDS: Int64 = np.arange(COUNT, dtype=np.int64) * 2 + 9
VECTORS = clustered(COUNT, seed=1)


batches = batches_of(IDS, VECTORS, 700)


def plan(asked: IndexType, target: float = 0.95) -> BuildPlan:
    return BuildPlan(asked, COUNT, DIMENSION, target, 3, "key")


def plain_recall(index: VectorIndex, questions: Float32, own: Int64, proposals: int) -> float:
    """Recall@10 of what is proposed, one question at a time."""
    shares = []
    for query, mine in zip(questions, own, strict=True):
        scores = VECTORS @ query
        scores[mine == IDS] = -2
        right = set(IDS[np.argsort(-scores)[:10]].tolist())
        found = [one for one in index.search(query[None], proposals + 1)[1][0].tolist() if one != mine][:proposals]
        shares.append(len(right & set(found)) / 10)
    return float(np.mean(shares))


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 90), min_size=1, max_size=6),
    pool=st.integers(1, 40),
    seed=st.integers(0, 9),
)
def test_true_neighbours_are_those_of_a_plain_scan(sizes: list[int], pool: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = sum(sizes)
    vectors = clustered(pool, seed=seed)[rng.integers(0, pool, count)]  # with copies
    ids = rng.permutation(count).astype(np.int64)
    own = np.concatenate([ids[:3], [-1, count + 5]]).astype(np.int64)
    questions = clustered(len(own), seed=seed + 100)
    truth = TrueNeighbours([RecallQueries(questions[:2], own[:2]), RecallQueries(questions[2:], own[2:])])
    start = 0
    for size in sizes:
        truth.see(ids[start : start + size], vectors[start : start + size])
        start += size
    for row, (question, mine) in enumerate(zip(questions, own, strict=True)):
        left = ids != mine
        want = np.sort(vectors[left] @ question)[::-1][:KEPT]
        np.testing.assert_allclose(truth.scores[row, : len(want)], want, atol=1e-5)
        assert (truth.ids[row, len(want) :] == -1).all()
        found = truth.ids[row, : len(want)]
        assert len(set(found.tolist())) == len(want)
        place = np.argsort(ids)[found] if len(found) else found
        np.testing.assert_allclose(vectors[place] @ question, want, atol=1e-5)


def test_copies_are_no_misses() -> None:
    """Ten hits of forty equal ones are all right, whichever they are."""
    vectors = np.repeat(clustered(50, seed=3), 40, axis=0)
    ids = np.arange(len(vectors), dtype=np.int64)
    index = FaissIndex.build("ivf-sq8", DIMENSION, lambda: iter([(ids, vectors)]), len(ids))
    truth = TrueNeighbours([RecallQueries(vectors[::200], ids[::200])])
    truth.see(ids, vectors)
    found = measure(index.with_width(index.width_most), truth, 12)
    assert (found.mean, found.at_least) == (1, 1)


@pytest.mark.parametrize("target", [0.5, 0.9, 0.98])
@pytest.mark.parametrize("kind", ["ivf-flat", "ivf-sq8", "ivf-pq", "hnsw"])
def test_the_target_is_reached_on_other_questions_and_barely(
    monkeypatch: pytest.MonkeyPatch, kind: IndexType, target: float
) -> None:
    monkeypatch.setattr("indexer.vectors.recall.ROWS_LEAST", 1)
    index = FaissIndex.build(kind, DIMENSION, batches, COUNT)
    own = IDS[::13]
    truth = TrueNeighbours([RecallQueries(VECTORS[::13], own)])
    for rows in batches():
        truth.see(*rows)
    tuned, reached = tune(index, truth, target)
    assert reached
    assert tuned.queries == len(own)
    assert tuned.recall >= target
    held_out = index.with_width(tuned.width)
    assert plain_recall(held_out, VECTORS[5::13], IDS[5::13], tuned.proposals) >= target - 0.01
    assert plain_recall(held_out, VECTORS[::13], own, tuned.proposals) == pytest.approx(tuned.recall, abs=2e-3)
    if tuned.width > 12:  # half of it would not do
        assert measure(index.with_width(tuned.width // 2), truth, tuned.proposals).at_least < target


@pytest.mark.parametrize("kind", INDEX_TYPES)
def test_what_was_measured_is_kept_and_used(tmp_path: Path, kind: IndexType) -> None:
    backend = FaissFiles(tmp_path)
    state = backend.build("image", plan(kind), batches, clustered(70, seed=8))
    assert (state.asked, state.index_type, state.generation, state.count) == (kind, kind, 3, COUNT)
    assert state.tuned is not None
    opened = backend.open("image", "key")
    assert opened is not None
    assert opened.state == state == backend.state("image", "key")
    if kind == "flat":
        assert state.tuned == Tuned(0.95, 1.0, 0, 10, 0)
        return
    assert isinstance(opened.index, FaissIndex)
    assert opened.index.width == state.tuned.width
    assert state.tuned.queries == 2 * QUERIES + 70
    assert state.tuned.recall >= 0.95
    new = clustered(200, seed=77)
    assert plain_recall(opened.index, new, np.full(200, -1), state.tuned.proposals) >= 0.95


def test_building_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    states = [FaissFiles(tmp_path / name).build("image", plan("ivf-sq8"), batches) for name in "ab"]
    assert states[0] == states[1]
    first, second = (next((tmp_path / name).glob("*.faiss")).read_bytes() for name in "ab")
    assert first == second


def test_a_type_that_misses_the_target_gives_way_to_a_better_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = FaissFiles(tmp_path)
    monkeypatch.setattr("indexer.vectors.recall.PROPOSALS", (10, 11))  # too few for product codes
    state = backend.build("image", plan("ivf-pq"), batches)
    assert (state.asked, state.index_type) == ("ivf-pq", "ivf-sq8")
    monkeypatch.setattr(tuning, "HNSW_WIDTH_MOST", 20)
    monkeypatch.setattr("indexer.vectors.recall._hits", lambda found, *_: np.zeros(len(found), np.float32))
    state = backend.build("image", plan("hnsw"), batches)
    assert (state.asked, state.index_type) == ("hnsw", "flat")
    assert state.tuned is not None
    assert state.tuned.recall == 1
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".npy"]


@pytest.mark.parametrize("kind", ["ivf-sq8", "hnsw"])
def test_filters_keep_the_recall_at_every_selectivity(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: IndexType
) -> None:
    """Filters by chance, and ones that leave out the half that lies nearer to the question."""
    monkeypatch.setattr("indexer.vectors.recall.ROWS_LEAST", 1)
    monkeypatch.setattr("indexer.vectors.backends.faiss_files.faiss_index.SCAN_COUNT", 60)
    # As few of 6,000 as 10,000 are of a million
    state = FaissFiles(tmp_path).build("image", plan(kind), batches)
    opened = FaissFiles(tmp_path).open("image", "key")
    assert opened is not None
    assert state.tuned is not None
    questions, chance = clustered(150, seed=21), np.random.default_rng(4)
    for share in (0.001, 0.01, 0.05, 0.2, 0.5, 0.9):
        shares = []
        by_chance = chance.random(COUNT) < share
        for number, query in enumerate(questions):
            scores = VECTORS @ query
            far = scores < np.quantile(scores, share)
            for kept in (by_chance, far) if number % 3 == 0 else (by_chance,):
                found = opened.index.search(query[None], state.tuned.proposals, SearchParameters(only=IDS[kept]))[1][0]
                right = IDS[kept][np.argsort(-scores[kept])[:10]]
                shares.append(np.isin(right, found).mean() if len(right) else 1.0)
        assert np.mean(shares) >= 0.95, share
