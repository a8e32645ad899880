"""One suite for every `VectorIndex`: the numpy reference and each FAISS kind, fresh and mapped from a file."""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.types import Float32, Int64
from indexer.vectors.backends.faiss_files import manifest
from indexer.vectors.backends.faiss_files import writer as draft
from indexer.vectors.backends.faiss_files.faiss_index import FaissIndex
from indexer.vectors.backends.faiss_files.id_table import IdTable
from indexer.vectors.base import INDEX_TYPES, IndexType, SearchParameters, VectorIndex
from indexer.vectors.exact import ExactIndex

DIMENSION = 32
Make = Callable[..., VectorIndex]

BACKENDS = ["exact"] + [f"{kind} {form}" for kind in INDEX_TYPES for form in ("fresh", "mapped")]


def clustered(count: int, seed: int, dimension: int = DIMENSION) -> Float32:
    """(count, d) float32, unit norm: clusters whose spread is larger in some directions, as real embeddings have."""
    rng = np.random.default_rng(seed)
    scale = np.arange(1, dimension + 1) ** -0.5
    centres = np.random.default_rng(99).standard_normal((40, dimension)) * scale
    vectors = centres[rng.integers(0, 40, count)] + 0.6 * rng.standard_normal((count, dimension)) * scale
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def built(kind: IndexType, ids: Int64, vectors: Float32) -> FaissIndex:
    def batches():
        for start in range(0, len(ids), 300):
            yield ids[start : start + 300], vectors[start : start + 300]

    return FaissIndex.build(kind, vectors.shape[1], batches, len(ids))


def reference(ids: Int64, vectors: Float32, query: Float32, k: int) -> list[int]:
    """The first k ids by (-score, id), the plain way."""
    scores = [np.float32(np.dot(vector.astype(np.float64), query.astype(np.float64))) for vector in vectors]
    return [int(i) for _, i in sorted(zip((-s for s in scores), ids, strict=True))[:k]]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make(backend: str, tmp_path: Path) -> Make:
    def make(ids: Int64, vectors: Float32) -> VectorIndex:
        if backend == "exact":
            exact = ExactIndex(vectors.shape[1])
            exact.add(ids, vectors)
            return exact
        kind, form = backend.split()
        index = built(kind, ids, vectors)  # type: ignore[arg-type]
        if form == "fresh":
            return index
        draft.save(tmp_path, "image", index, generation=1, encoder="e")
        loaded = manifest.load(tmp_path, "image", encoder="e")
        assert loaded is not None
        return loaded[0]

    return make


VECTORS = clustered(2_000, seed=1)
IDS: Int64 = np.arange(2_000, dtype=np.int64) * 3 + 5
QUERIES = clustered(40, seed=2)


@functools.cache
def shared(kind: IndexType) -> FaissIndex:
    return built(kind, IDS, VECTORS)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[IndexType], Path]:
    """Folders with the shared index of each kind, written once."""

    @functools.cache
    def folder(kind: IndexType) -> Path:
        path = tmp_path_factory.mktemp(kind)
        draft.save(path, "image", shared(kind), generation=1, encoder="e")
        return path

    return folder


@pytest.fixture
def index(backend: str, make: Make, folders: Callable[[IndexType], Path]) -> VectorIndex:
    """2,000 vectors. Built once a kind: a test that adds makes its own, removal stays in its own table."""
    if backend == "exact":
        return make(IDS, VECTORS)
    kind, form = backend.split()
    if form == "mapped":
        loaded = manifest.load(folders(kind), "image", encoder="e")  # type: ignore[arg-type]
        assert loaded is not None
        return loaded[0]
    return copy.copy(shared(kind))  # type: ignore[arg-type]


def recall(found: Int64, wanted: list[list[int]]) -> float:
    return float(np.mean([len(set(row) & set(right)) / len(right) for row, right in zip(found, wanted, strict=True)]))


def of_kept(kept: np.ndarray) -> list[list[int]]:
    """The first ten of what a mask (2000,) keeps, for each of `QUERIES`."""
    return _of_kept(kept.tobytes())


@functools.cache
def _of_kept(kept: bytes) -> list[list[int]]:
    mask = np.frombuffer(kept, dtype=bool)
    return [reference(IDS[mask], VECTORS[mask], query, 10) for query in QUERIES]


def fetch(backend: str) -> int:
    """Product codes order coarsely; the engine scores the first few dozen again with the true vectors."""
    return 40 if "pq" in backend else 10


# --- what is found -------------------------------------------------------------------------------------------------


def test_finds_the_nearest(index: VectorIndex, backend: str) -> None:
    scores, ids = index.search(QUERIES, fetch(backend))
    right = of_kept(np.ones(len(IDS), dtype=bool))
    if backend == "exact" or backend.startswith("flat"):
        assert ids.tolist() == right
    else:
        assert recall(ids, right) >= 0.9
    assert scores.dtype == np.float32
    assert ids.dtype == np.int64
    assert scores.shape == ids.shape == (40, fetch(backend))
    if not any(code in backend for code in ("sq8", "pq")):
        true = np.einsum("qd,qkd->qk", QUERIES, VECTORS[(ids - 5) // 3])
        np.testing.assert_allclose(scores, true, atol=1e-5)


def test_the_approximate_kinds_are_what_they_say(backend: str, index: VectorIndex) -> None:
    if isinstance(index, FaissIndex):
        assert index.structure == index.index_type == backend.split()[0]


def test_more_effort_finds_no_less(index: VectorIndex, backend: str) -> None:
    right = of_kept(np.ones(len(IDS), dtype=bool))
    low = recall(index.search(QUERIES, fetch(backend), SearchParameters(effort=0.1))[1], right)
    high = recall(index.search(QUERIES, fetch(backend), SearchParameters(effort=100.0))[1], right)
    assert low <= high
    assert high >= 0.97


def test_rows_are_ordered_and_repeatable(index: VectorIndex) -> None:
    scores, ids = index.search(QUERIES, 50)
    for row_scores, row_ids in zip(scores, ids, strict=True):
        pairs = list(zip((-row_scores).tolist(), row_ids.tolist(), strict=True))
        assert pairs == sorted(pairs)
        assert len(set(row_ids.tolist())) == 50
    again = index.search(QUERIES, 50)
    assert (again[0] == scores).all()
    assert (again[1] == ids).all()


def test_equal_scores_are_ordered_by_id(make: Make) -> None:
    vectors = np.repeat(clustered(30, seed=3), 40, axis=0)  # each vector under 40 ids
    ids = np.random.default_rng(0).permutation(1_200).astype(np.int64)
    index = make(ids, vectors)
    query = vectors[80:81]
    _, found = index.search(query, 7)
    assert found[0].tolist() == sorted(ids[80:120].tolist())[:7]
    _, found = index.search(query, 40)
    assert found[0].tolist() == sorted(ids[80:120].tolist())


def test_large_ids_survive(make: Make) -> None:
    ids = np.array([2**40 + 7, 2**62, 3], dtype=np.int64)
    index = make(ids, VECTORS[:3])
    assert index.search(VECTORS[:3], 1)[1][:, 0].tolist() == ids.tolist()
    assert index.ids.tolist() == sorted(ids.tolist())


# --- exclude and only ----------------------------------------------------------------------------------------------

KEPT = {
    "one": np.arange(2_000) == 1234,
    "tiny": np.arange(2_000) % 251 == 3,
    "tenth": np.arange(2_000) % 10 == 3,
    "half": np.arange(2_000) % 2 == 1,
    "all but a few": np.arange(2_000) > 7,
    "one cluster's": (VECTORS @ VECTORS[0]) > 0.6,
}


@pytest.mark.parametrize("way", ["only", "exclude", "both"])
@pytest.mark.parametrize("name", list(KEPT))
def test_filters_keep_recall(index: VectorIndex, backend: str, name: str, way: str) -> None:
    kept = KEPT[name]
    only, exclude = IDS[kept], IDS[~kept]
    unknown = np.array([1, 2**50, 4], dtype=np.int64)
    parameters = {
        "only": SearchParameters(only=np.concatenate([only[::-1], only[:2], unknown])),
        "exclude": SearchParameters(exclude=np.concatenate([unknown, exclude])),
        "both": SearchParameters(only=np.union1d(only, IDS[:100]), exclude=np.setdiff1d(IDS[:100], only)),
    }[way]
    _, ids = index.search(QUERIES, fetch(backend), parameters)
    assert set(ids.ravel().tolist()) <= set(only.tolist()) | {-1}
    assert ((ids >= 0).sum(axis=1) == min(fetch(backend), len(only))).all()
    assert recall(ids, of_kept(kept)) >= 0.9


def test_nothing_left_is_no_error(index: VectorIndex) -> None:
    for parameters in (
        SearchParameters(exclude=IDS),
        SearchParameters(only=np.empty(0, dtype=np.int64)),
        SearchParameters(only=np.array([1], dtype=np.int64)),
        SearchParameters(only=IDS[:5], exclude=IDS),
    ):
        scores, ids = index.search(QUERIES, 3, parameters)
        assert (ids == -1).all()
        assert np.isneginf(scores).all()


def test_excluding_nothing_changes_nothing(index: VectorIndex) -> None:
    empty = SearchParameters(exclude=np.empty(0, dtype=np.int64))
    assert (index.search(QUERIES, 10, empty)[1] == index.search(QUERIES, 10)[1]).all()


# --- bounds --------------------------------------------------------------------------------------------------------


def test_k_beyond_the_collection_returns_all(index: VectorIndex) -> None:
    scores, ids = index.search(QUERIES[:2], 2_500)
    assert sorted(ids[0, :2_000].tolist()) == IDS.tolist()
    assert (ids[:, 2_000:] == -1).all()
    assert np.isneginf(scores[:, 2_000:]).all()
    assert np.isfinite(scores[:, :2_000]).all()


@pytest.mark.parametrize("count", [0, 1, 2, 10, 100])
def test_small_collections(make: Make, count: int) -> None:
    index = make(IDS[:count], VECTORS[:count])
    assert len(index) == count
    scores, ids = index.search(QUERIES[:3], 10)
    for query, row in zip(QUERIES, ids, strict=False):
        right = reference(IDS[:count], VECTORS[:count], query, 10)
        found = row[row >= 0].tolist()
        assert len(found) == len(right)
        assert len(set(found) & set(right)) >= 0.8 * len(right)
    assert np.isneginf(scores[:, count:]).all()


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_refused(index: VectorIndex, k: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        index.search(QUERIES, k)


def test_queries_of_another_shape_are_refused(index: VectorIndex) -> None:
    for wrong in (QUERIES[:, :-1], QUERIES[0], np.zeros((1, DIMENSION + 1), dtype=np.float32)):
        with pytest.raises(ValueError, match="queries must be"):
            index.search(wrong, 3)
    with pytest.raises(ValueError, match="finite"):
        index.search(np.full((1, DIMENSION), np.nan, dtype=np.float32), 3)


def test_no_queries_no_rows(index: VectorIndex) -> None:
    scores, ids = index.search(np.empty((0, DIMENSION), dtype=np.float32), 3)
    assert scores.shape == ids.shape == (0, 3)


@pytest.mark.parametrize(
    ("ids", "vectors"),
    [
        ([1, 1], np.ones((2, DIMENSION))),
        ([5, 1], np.ones((2, DIMENSION))),  # 5 is in the index
        ([-1], np.ones((1, DIMENSION))),
        ([1], np.ones((1, DIMENSION - 1))),
        ([1, 2], np.ones((1, DIMENSION))),
        ([1], np.full((1, DIMENSION), np.nan)),
        ([1], np.full((1, DIMENSION), np.inf)),
        ([[1]], np.ones((1, DIMENSION))),
        ([1.5], np.ones((1, DIMENSION))),
    ],
)
def test_bad_rows_are_refused_and_nothing_changes(index: VectorIndex, ids: list[int], vectors: Float32) -> None:
    before = index.search(QUERIES, 5)[1]
    with pytest.raises(ValueError, match=r"ids|vectors|id is"):
        index.add(np.array(ids), vectors.astype(np.float32))
    assert len(index) == 2_000
    assert (index.search(QUERIES, 5)[1] == before).all()


# --- change --------------------------------------------------------------------------------------------------------


def test_removed_ids_are_gone(index: VectorIndex, backend: str) -> None:
    kept = np.arange(2_000) % 3 > 0
    assert index.remove(np.concatenate([IDS[~kept], np.array([1, 2], dtype=np.int64)])) == (~kept).sum()
    assert index.remove(IDS[~kept]) == 0
    assert index.remove(np.empty(0, dtype=np.int64)) == 0
    assert len(index) == kept.sum()
    assert (index.ids == IDS[kept]).all()
    assert recall(index.search(QUERIES, fetch(backend))[1], of_kept(kept)) >= 0.9
    _, ids = index.search(QUERIES[:1], 2_000)
    assert sorted(ids[0][ids[0] >= 0].tolist()) == IDS[kept].tolist()
    filtered = index.search(QUERIES, fetch(backend), SearchParameters(only=IDS[:300], exclude=IDS[:100]))[1]
    assert set(filtered.ravel().tolist()) <= set(IDS[100:300][kept[100:300]].tolist()) | {-1}


def test_everything_removed_is_empty(index: VectorIndex) -> None:
    assert index.remove(IDS) == 2_000
    assert len(index) == 0
    assert (index.search(QUERIES, 3)[1] == -1).all()


def test_added_again_under_the_same_id(make: Make) -> None:
    index = make(IDS, VECTORS)
    moved = clustered(50, seed=7)
    index.remove(IDS[:50])
    index.add(IDS[:50][::-1].copy(), moved)
    assert len(index) == 2_000
    assert (index.ids == IDS).all()
    found = index.search(moved, 5)[1]
    assert np.mean([want in row for want, row in zip(IDS[:50][::-1], found, strict=True)]) >= 0.95
    with pytest.raises(ValueError, match=r"ids must not repeat|in the index"):
        index.add(IDS[:1], moved[:1])


# --- threads -------------------------------------------------------------------------------------------------------


def test_searches_at_once_do_not_disturb_each_other(index: VectorIndex) -> None:
    calls = [
        (QUERIES[i : i + 1 + 3 * i], 3 + 5 * i, parameters)
        for i, parameters in enumerate(
            [
                SearchParameters(),
                SearchParameters(effort=8.0),
                SearchParameters(only=IDS[::2]),
                SearchParameters(only=IDS[7:27]),
                SearchParameters(exclude=IDS[:1_000]),
                SearchParameters(exclude=IDS[:3], effort=0.2),
                SearchParameters(only=IDS[::3], exclude=IDS[::6]),
                SearchParameters(exclude=IDS[5:]),
            ]
        )
    ]
    alone = [index.search(*call) for call in calls]
    start = threading.Barrier(8)

    def work(number: int) -> bool:
        start.wait()
        for turn in range(16):
            which = (number + turn) % 8
            scores, ids = index.search(*calls[which])
            if not ((scores == alone[which][0]).all() and (ids == alone[which][1]).all()):
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_removing_while_others_search(index: VectorIndex) -> None:
    stop = threading.Event()

    def search() -> bool:
        fine = True
        while not stop.is_set():
            scores, ids = index.search(QUERIES[:2], 5)
            fine &= bool((ids >= 0).all()) and bool(np.isfinite(scores).all())
        return fine

    with ThreadPoolExecutor(2) as pool:
        searches = [pool.submit(search) for _ in range(2)]
        for start in range(0, 1_500, 100):
            index.remove(IDS[start : start + 100])
        stop.set()
        assert all(search.result() for search in searches)
    assert len(index) == 500


# --- against a model -----------------------------------------------------------------------------------------------

POOL = clustered(6, seed=11)  # few, so that ties are common
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "search", "only", "exclude"]),
        st.lists(st.integers(0, 30), max_size=8, unique=True),
        st.integers(0, 5),
        st.integers(1, 40),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, first=st.integers(0, 20))
def test_it_behaves_like_a_dictionary(make: Make, steps: list[tuple[str, list[int], int, int]], first: int) -> None:
    model = {i: POOL[i % 6] for i in range(first)}
    index = make(np.arange(first, dtype=np.int64), POOL[np.arange(first) % 6])
    for action, numbers, which, k in steps:
        ids = np.array(numbers, dtype=np.int64)
        if action == "add":
            new = [i for i in numbers if i not in model]
            index.add(np.array(new, dtype=np.int64), POOL[[(i + which) % 6 for i in new]])
            model.update({i: POOL[(i + which) % 6] for i in new})
        elif action == "remove":
            assert index.remove(ids) == sum(model.pop(i, None) is not None for i in numbers)
        else:
            parameters = SearchParameters(
                only=ids if action == "only" else None, exclude=ids if action == "exclude" else None
            )
            allowed = {
                "search": set(model),
                "only": set(model) & set(numbers),
                "exclude": set(model) - set(numbers),
            }[action]
            kept = np.array(sorted(allowed), dtype=np.int64)
            vectors = np.array([model[i] for i in kept.tolist()], dtype=np.float32).reshape(-1, DIMENSION)
            found = index.search(POOL[which : which + 1], k, parameters)[1][0]
            assert found[found >= 0].tolist() == reference(kept, vectors, POOL[which], k)
        assert index.ids.tolist() == sorted(model)
        assert len(index) == len(model)


# --- building ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", INDEX_TYPES)
def test_building_is_silent_at_every_size(kind: IndexType, capfd: pytest.CaptureFixture[str]) -> None:
    for count in (0, 1, 39, 40, 79, 80, 255, 1_023, 1_024, 2_500):
        vectors = clustered(count, seed=4)
        index = built(kind, np.arange(count, dtype=np.int64), vectors)
        assert len(index) == count
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("dimension", [1, 2, 7, 13, 37, 100])
def test_product_codes_of_any_dimension(dimension: int) -> None:
    vectors = clustered(1_100, seed=5, dimension=dimension)
    index = built("ivf-pq", np.arange(1_100, dtype=np.int64), vectors)
    assert index.structure == "ivf-pq"
    assert index.search(vectors[:3], 5)[1].min() >= 0


@pytest.mark.parametrize("kind", INDEX_TYPES)
@pytest.mark.parametrize("promised", [10, 300, 5_000])
def test_a_wrong_count_only_costs_quality(kind: IndexType, promised: int) -> None:
    def batches():
        yield IDS[:700], VECTORS[:700]
        yield IDS[:0], VECTORS[:0]

    index = FaissIndex.build(kind, DIMENSION, batches, promised)
    assert (index.ids == IDS[:700]).all()
    assert index.search(VECTORS[:1], 1)[1][0, 0] in IDS[:700]


def test_building_refuses_what_add_refuses() -> None:
    bad = VECTORS[:100].copy()
    bad[50, 3] = np.nan
    for kind in INDEX_TYPES:
        with pytest.raises(ValueError, match="finite"):
            built(kind, IDS[:100], bad)
        with pytest.raises(ValueError, match="repeat"):
            FaissIndex.build(kind, DIMENSION, lambda: iter([(IDS[:9], VECTORS[:9])] * 2), 18)


def test_building_twice_gives_the_same_bytes() -> None:
    for kind in INDEX_TYPES:
        blocks: list[list[bytes]] = [[], []]
        for block in blocks:
            built(kind, IDS, VECTORS).write(lambda data, block=block: block.append(bytes(data)))
        assert b"".join(blocks[0]) == b"".join(blocks[1]), kind


@pytest.mark.parametrize("gap", [1, 3, 10**6])
def test_a_table_finds_many_and_few_alike(gap: int) -> None:
    rng = np.random.default_rng(0)
    ids = (rng.permutation(6_000) * gap + 11).astype(np.int64)
    table, gone = IdTable(ids).without(np.repeat(ids[100:200], 2))
    assert gone == 100
    place = {int(one): position for position, one in enumerate(ids) if not 100 <= position < 200}
    asked = rng.integers(-5, 6_100 * gap, 5_000)
    asked[::2] = rng.choice(ids, 2_500)
    want = [place[one] for one in asked.tolist() if one in place]
    assert table.positions(asked).tolist() == want
    assert [p for start in range(0, 5_000, 50) for p in table.positions(asked[start : start + 50])] == want


def test_a_table_of_consecutive_ids_finds_the_same() -> None:
    rng = np.random.default_rng(0)
    table = IdTable(np.arange(11, 6_011))
    for asked in (rng.integers(-5, 6_100, 5_000), rng.integers(11, 6_011, 5_000), np.array([6_010, 11, 11])):
        want = [one - 11 for one in asked.tolist() if 11 <= one < 6_011]
        assert table.positions(asked).tolist() == want
    assert table.without(np.array([6_010]))[0].positions(np.array([6_010, 6_009])).tolist() == [5_998]
    assert table.extended(np.array([9_000])).positions(np.array([9_000, 6_011, 12])).tolist() == [6_000, 1]


def test_a_table_refuses_ids_it_cannot_hold() -> None:
    for wrong in ([1, 1], [2, 3, 2], [-2]):
        with pytest.raises(ValueError, match="ids must not"):
            IdTable(np.array(wrong, dtype=np.int64))
