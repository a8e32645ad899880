"""One suite for every `VectorBackend`: files, once for each type of index, and a plain one in memory without FAISS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import StoreDamagedError
from indexer.types import Float32, Int64
from indexer.vectors.backend import BuildPlan, VectorBackend
from indexer.vectors.backends.faiss_files.file_backend import FaissFiles
from indexer.vectors.backends.milvus.backend import Milvus
from indexer.vectors.backends.pgvector.backend import PgVector
from indexer.vectors.base import INDEX_TYPES, IndexType, SearchParameters
from tests.fixtures.memory_backend import MemoryBackend
from tests.fixtures.milvus_backend import change_one_there, milvus
from tests.fixtures.pgvector_backend import change_one, pgvector
from tests.fixtures.vectors import DIMENSION, batches_of, clustered, reference

VECTORS = clustered(400, seed=1)
IDS: Int64 = np.arange(400, dtype=np.int64) * 3 + 5
QUERIES = clustered(20, seed=2)

#: An implementation and the type that it is asked for.
CASES: list[tuple[str, IndexType]] = [
    ("memory", "ivf-pq"),
    *(("files", kind) for kind in INDEX_TYPES),
    ("pgvector", "hnsw"),
]
#: Those that take minutes.
OF_SCALE: list[tuple[str, IndexType]] = [
    *(("pgvector", kind) for kind in INDEX_TYPES if kind != "hnsw"),
    ("milvus", "hnsw"),
    ("milvus", "ivf-pq"),
]


@pytest.fixture(
    params=[*CASES, *(pytest.param(each, marks=pytest.mark.scale) for each in OF_SCALE)],
    ids=" ".join,
)
def case(request: pytest.FixtureRequest) -> tuple[str, IndexType]:
    found: tuple[str, IndexType] = request.param
    return found


@pytest.fixture
def asked(case: tuple[str, IndexType]) -> IndexType:
    return case[1]


@pytest.fixture
def backend(case: tuple[str, IndexType], tmp_path: Path, request: pytest.FixtureRequest) -> VectorBackend:
    match case[0]:
        case "memory":
            return MemoryBackend()
        case "pgvector":
            return pgvector(request.getfixturevalue("pgvector_url"))
        case "milvus":
            return milvus(request.getfixturevalue("milvus_url"))
    return FaissFiles(tmp_path / "vectors")


def plan(asked: IndexType, count: int = 400, generation: int = 7, key: str = "key") -> BuildPlan:
    return BuildPlan(asked, count, DIMENSION, 0.9, generation, key)


def damage(backend: VectorBackend, folder: Path) -> None:
    """Change one number in the middle of what is kept of the images."""
    if isinstance(backend, MemoryBackend):
        index = backend.held["image"].index
        index._vectors[len(index) // 2, 0] += 0.5
        return
    if isinstance(backend, PgVector):
        change_one(backend)
        return
    if isinstance(backend, Milvus):
        change_one_there(backend)
        return
    (file,) = (folder / "vectors").glob("image-*")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x41
    file.write_bytes(data)


def test_nothing_was_built(backend: VectorBackend) -> None:
    assert backend.version("image") is None
    assert backend.state("image", "key") is None
    assert backend.open("image", "key") is None
    assert backend.verify("image") == []
    assert not backend.keep("image")
    backend.discard("image")


@pytest.mark.parametrize("once", [False, True])
def test_what_was_built_is_opened(backend: VectorBackend, asked: IndexType, once: bool) -> None:
    state = backend.build("image", plan(asked), batches_of(IDS, VECTORS), QUERIES)
    opened = backend.open("image", "key", once=once)
    assert opened is not None
    assert opened.state == state == backend.state("image", "key")
    assert (state.asked, state.count, state.generation, state.behind) == (asked, 400, 7, 0)
    assert state.bytes > 0
    assert state.tuned is not None
    assert state.tuned.target == 0.9
    assert state.tuned.recall >= 0.9
    assert (len(opened.index), opened.index.dimension) == (400, DIMENSION)
    assert np.array_equal(opened.index.ids, IDS)
    assert backend.verify("image") == []
    assert backend.keep("image")


@pytest.mark.parametrize("once", [False, True])
def test_the_nearest_are_proposed(backend: VectorBackend, asked: IndexType, once: bool) -> None:
    """With as many proposals as it says, the engine finds the share of the true first ten that was wanted."""
    backend.build("image", plan(asked), batches_of(IDS, VECTORS))
    found = []
    for query in QUERIES:
        opened = backend.open("image", "key", once=once)
        assert opened is not None
        scores, ids = opened.index.search(query[None], opened.state.candidates(10))
        pairs = list(zip((-scores[0]).tolist(), ids[0].tolist(), strict=True))
        assert pairs == sorted(pairs)
        found.append(len(set(reference(IDS, VECTORS, query, 10)) & set(ids[0].tolist())) / 10)
    assert np.mean(found) >= 0.85  # 0.9 of those it was tuned on


def test_filters_travel_with_the_call(backend: VectorBackend, asked: IndexType) -> None:
    backend.build("image", plan(asked), batches_of(IDS, VECTORS))
    opened = backend.open("image", "key")
    assert opened is not None
    parameters = SearchParameters(only=IDS[:20], exclude=IDS[10:])
    _, ids = opened.index.search(QUERIES, 30, parameters)
    assert (np.sort(ids[:, :10], axis=1) == IDS[:10]).all()
    assert (ids[:, 10:] == -1).all()


def test_ids_come_in_any_order(backend: VectorBackend, asked: IndexType) -> None:
    order = np.random.default_rng(0).permutation(400)
    backend.build("image", plan(asked), batches_of(IDS[order], VECTORS[order]))
    opened = backend.open("image", "key")
    assert opened is not None
    assert np.array_equal(opened.index.ids, IDS)
    _, ids = opened.index.search(VECTORS[:5], opened.state.candidates(1))
    assert ids[:, 0].tolist() == IDS[:5].tolist()


@pytest.mark.parametrize("promised", [1, 399, 5_000])
def test_another_count_than_promised_costs_quality_at_most(
    backend: VectorBackend, asked: IndexType, promised: int
) -> None:
    state = backend.build("image", plan(asked, promised), batches_of(IDS, VECTORS))
    opened = backend.open("image", "key")
    assert opened is not None
    assert state.count == len(opened.index) == 400


@pytest.mark.parametrize("count", [0, 1, 5])
def test_few_are_all_found(backend: VectorBackend, asked: IndexType, count: int) -> None:
    backend.build("image", plan(asked, count), batches_of(IDS[:count], VECTORS[:count]))
    opened = backend.open("image", "key")
    assert opened is not None
    scores, ids = opened.index.search(QUERIES, 9)
    assert (np.sort(ids[:, :count], axis=1) == IDS[:count]).all()
    assert (ids[:, count:] == -1).all()
    assert np.isneginf(scores[:, count:]).all()


def test_another_key_is_none(backend: VectorBackend, asked: IndexType) -> None:
    """As after a change of the encoder: what is there is never used, and the next build takes its place."""
    backend.build("image", plan(asked), batches_of(IDS, VECTORS))
    assert backend.state("image", "another") is None
    assert backend.open("image", "another") is None
    backend.build("image", plan(asked, key="another"), batches_of(IDS, VECTORS))
    assert backend.open("image", "another") is not None
    assert backend.open("image", "key") is None


def test_kinds_do_not_touch_each_other(backend: VectorBackend, asked: IndexType) -> None:
    backend.build("image", plan(asked), batches_of(IDS, VECTORS))
    version = backend.version("image")
    backend.build("text", plan(asked, 50, generation=9), batches_of(IDS[:50], VECTORS[:50]))
    backend.discard("text")
    assert backend.state("text", "key") is None
    assert backend.version("image") == version
    state = backend.state("image", "key")
    assert state is not None
    assert (state.generation, state.count) == (7, 400)


def test_a_build_takes_the_place_of_the_one_before(backend: VectorBackend, asked: IndexType) -> None:
    """Its version is another; who has the old one open goes on with it."""
    backend.build("image", plan(asked), batches_of(IDS, VECTORS))
    version, old = backend.version("image"), backend.open("image", "key")
    assert backend.version("image") == version
    assert old is not None
    before = old.index.search(QUERIES, 5)
    backend.build("image", plan(asked, 30, generation=8), batches_of(IDS[:30], VECTORS[:30]))
    assert backend.version("image") != version
    new = backend.open("image", "key")
    assert new is not None
    assert (new.state.generation, len(new.index)) == (8, 30)
    assert (old.state.generation, len(old.index)) == (7, 400)
    for mine, theirs in zip(old.index.search(QUERIES, 5), before, strict=True):
        assert np.array_equal(mine, theirs)


def test_discarded_is_gone(backend: VectorBackend, asked: IndexType) -> None:
    backend.build("image", plan(asked), batches_of(IDS, VECTORS))
    backend.discard("image")
    assert backend.version("image") is None
    assert backend.state("image", "key") is None
    assert backend.open("image", "key") is None
    assert backend.verify("image") == []


def test_a_build_that_breaks_off_leaves_the_old_index(backend: VectorBackend, asked: IndexType) -> None:
    backend.build("image", plan(asked), batches_of(IDS, VECTORS))
    version = backend.version("image")

    def breaking() -> Iterator[tuple[Int64, Float32]]:
        yield IDS[:200], VECTORS[:200]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backend.build("image", plan(asked, generation=8), breaking)
    assert backend.version("image") == version
    opened = backend.open("image", "key")
    assert opened is not None
    assert (opened.state.generation, len(opened.index)) == (7, 400)


@pytest.mark.parametrize("turn", ["repeated", "repeated later", "negative", "another dimension", "not finite"])
def test_wrong_rows_are_refused_and_nothing_changes(backend: VectorBackend, asked: IndexType, turn: str) -> None:
    backend.build("image", plan(asked), batches_of(IDS, VECTORS))
    version, ids, vectors = backend.version("image"), IDS.copy(), VECTORS.copy()
    match turn:
        case "repeated":
            ids[1] = ids[0]
        case "repeated later":
            ids[399] = ids[0]
        case "negative":
            ids[3] = -1
        case "another dimension":
            vectors = vectors[:, 1:]
        case "not finite":
            vectors[100, 3] = np.nan
    with pytest.raises(ValueError, match=r"ids must not|vectors must be"):
        backend.build("image", plan(asked, generation=8), batches_of(ids, vectors))
    assert backend.version("image") == version
    assert backend.verify("image") == []


def test_damage_is_named_and_mended_by_the_next_build(backend: VectorBackend, asked: IndexType, tmp_path: Path) -> None:
    backend.build("image", plan(asked), batches_of(IDS, VECTORS))
    damage(backend, tmp_path)
    with pytest.raises(StoreDamagedError, match=r"image.*is damaged"):
        backend.open("image", "key")
    (problem,) = backend.verify("image")
    assert "is damaged" in problem
    assert not backend.keep("image")
    assert backend.state("image", "key") is not None  # looks at nothing
    backend.build("image", plan(asked), batches_of(IDS, VECTORS))
    assert backend.open("image", "key") is not None
    assert backend.verify("image") == []
