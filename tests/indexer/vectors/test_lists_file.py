"""An inverted file of FAISS read in numpy: the first answer is FAISS' own, the others come from FAISS."""

from __future__ import annotations

import functools
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.types import Float32, Int64
from indexer.vectors.backend import BuildPlan
from indexer.vectors.backends.faiss_files.faiss_index import FaissIndex
from indexer.vectors.backends.faiss_files.file_backend import FaissFiles
from indexer.vectors.backends.faiss_files.id_table import IdTable
from indexer.vectors.backends.faiss_files.lists_file import read_lists
from indexer.vectors.backends.faiss_files.lists_index import ListsIndex
from indexer.vectors.base import IndexType, SearchParameters
from indexer.vectors.exact import ExactIndex
from tests.fixtures.vectors import batches_of, faiss_index

DIMENSION = 24
COUNT = 3_000


def rows(count: int, seed: int) -> Float32:
    """(count, d) float32, unit norm, in clusters."""
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(5).standard_normal((30, DIMENSION))
    found = centres[chance.integers(0, 30, count)] + 0.5 * chance.standard_normal((count, DIMENSION))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


VECTORS = rows(COUNT, 1)
IDS: Int64 = np.arange(COUNT, dtype=np.int64) * 2 + 7
QUERIES = rows(30, 2)


def built(kind: IndexType = "ivf-sq8", count: int = COUNT, *, shuffled: bool = False) -> FaissIndex:
    ids = np.random.default_rng(9).permutation(IDS[:count]) if shuffled else IDS[:count]
    return faiss_index(kind, ids, VECTORS[:count])


def written(index: FaissIndex) -> np.ndarray:
    """(size,) uint8: the file's bytes."""
    out = io.BytesIO()
    index.write(out)
    return np.frombuffer(out.getvalue(), np.uint8)


@functools.cache
def small() -> np.ndarray:
    return written(built(count=200))


@pytest.fixture
def no_faiss(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever asks FAISS fails."""
    monkeypatch.setattr(ListsIndex, "_faiss", None)


@pytest.mark.usefixtures("no_faiss")
@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("width", [1, 7, 40, None])
@pytest.mark.parametrize("k", [1, 10])
def test_the_first_answer_is_that_of_faiss(shuffled: bool, width: int | None, k: int) -> None:
    index = built(shuffled=shuffled)
    memory = written(index)
    other = index if width is None else index.with_width(width)
    exclude = SearchParameters(exclude=index.ids[3::100])
    for query in QUERIES[:, None]:
        for parameters in (SearchParameters(), SearchParameters(effort=2.0), exclude):
            found = ListsIndex(memory, width)
            assert np.array_equal(found.ids, index.ids)
            scores, ids = found.search(query, k, parameters)
            wanted, wanted_ids = other.search(query, k, parameters)
            np.testing.assert_allclose(scores, wanted, atol=2e-6)
            swapped = ids != wanted_ids  # where two scores are as good as equal, either may come first
            np.testing.assert_allclose(scores[swapped], wanted[swapped], atol=2e-6)
            assert swapped.mean() <= 0.2


@pytest.mark.usefixtures("no_faiss")
def test_all_lists_are_an_exact_search_of_the_codes() -> None:
    index = built()
    cells = index.width_most
    exact = ExactIndex(IDS, VECTORS)
    for query in QUERIES[:, None]:
        scores, ids = ListsIndex(written(index), cells).search(query, 10)
        wanted, wanted_ids = exact.search(query, 10)
        np.testing.assert_allclose(scores, wanted, atol=0.02)  # eight bits a number
        assert len(set(ids[0]) & set(wanted_ids[0])) >= 9


@pytest.mark.parametrize(
    ("queries", "k", "parameters"),
    [
        (QUERIES[:2], 10, SearchParameters()),
        (QUERIES[:1], 10, SearchParameters(only=IDS[:50])),
        (QUERIES[:1], 10, SearchParameters(exclude=IDS[: COUNT // 2])),
        (QUERIES[:1], COUNT, SearchParameters()),
        (QUERIES[:1], COUNT + 5, SearchParameters(exclude=IDS[:3])),
    ],
)
def test_what_the_file_alone_cannot_answer_faiss_does(queries: Float32, k: int, parameters: SearchParameters) -> None:
    index = built()
    scores, ids = ListsIndex(written(index), index.width).search(queries, k, parameters)
    wanted, wanted_ids = index.search(queries, k, parameters)
    assert np.array_equal(ids, wanted_ids)
    np.testing.assert_allclose(scores, wanted, atol=1e-6)


def test_only_the_first_question_is_answered_so(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    faiss = ListsIndex._faiss
    monkeypatch.setattr(ListsIndex, "_faiss", lambda self: asked.append(1) or faiss(self))
    found = ListsIndex(written(built()), 20)
    first = found.search(QUERIES[:1], 10)
    assert not asked
    again = found.search(QUERIES[:1], 10)
    assert asked
    assert np.array_equal(first[1], again[1])
    np.testing.assert_allclose(first[0], again[0], atol=1e-6)


@pytest.mark.parametrize("k", [0, -1])
def test_wrong_questions_are_refused(k: int) -> None:
    with pytest.raises(ValueError, match="k must be"):
        ListsIndex(small(), None).search(QUERIES[:1], k)
    with pytest.raises(ValueError, match="queries must be"):
        ListsIndex(small(), None).search(QUERIES[:1, :5], 1)


def test_empty_cells_are_stored_by_name() -> None:
    """Most cells empty: FAISS then writes the others' numbers beside their sizes."""
    one, core = np.repeat(VECTORS[:1], 500, axis=0), built()._core
    core.reset()
    core.add(one)
    narrow = FaissIndex("ivf-sq8", core, IdTable(np.arange(500)))
    memory = written(narrow)
    assert b"sprs" in memory.tobytes()
    lists = read_lists(memory)
    assert sorted(lists.sizes)[-2:] == [0, 500]
    scores, ids = ListsIndex(memory, 3).search(one[:1], 4)
    assert ids.tolist() == [[0, 1, 2, 3]]
    np.testing.assert_allclose(scores, narrow.search(one[:1], 4)[0], atol=1e-6)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_bytes_that_are_none_are_refused_or_of_the_right_size(data: st.DataObject) -> None:
    """Cut, or with a header that says something else; the codes themselves are guarded by the checksum."""
    whole = small()
    if data.draw(st.booleans()):
        broken = whole[: data.draw(st.integers(0, len(whole) - 1))]
        with pytest.raises(ValueError, match=r"."):
            read_lists(broken)
        return
    broken = whole.copy()
    for _ in range(data.draw(st.integers(1, 3))):
        broken[data.draw(st.integers(0, 110))] = data.draw(st.integers(0, 255))
    try:
        lists = read_lists(broken)
    except ValueError:
        return
    assert int(lists.sizes.sum()) == len(lists.ids) == 200
    assert (lists.starts + lists.sizes * (DIMENSION + 8) <= broken.size).all()


@pytest.mark.parametrize("kind", ["flat", "hnsw", "ivf-flat", "ivf-pq"])
def test_other_kinds_are_left_to_faiss(kind: IndexType) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_lists(written(built(kind)))


def test_a_query_imports_no_faiss(tmp_path: Path) -> None:
    plan = BuildPlan("ivf-sq8", COUNT, DIMENSION, 0.95, 1, "key")
    FaissFiles(tmp_path).build("image", plan, batches_of(IDS, VECTORS))
    script = (
        "import sys, numpy as np; from pathlib import Path\n"
        "from indexer.vectors.backends.faiss_files.file_backend import FaissFiles\n"
        f"index = FaissFiles(Path({str(tmp_path)!r})).open('image', 'key', once=True).index\n"
        f"index.search(np.ones((1, {DIMENSION}), np.float32), 10)\n"
        "assert 'faiss' not in sys.modules\n"
        f"index.search(np.ones((1, {DIMENSION}), np.float32), 10)\n"
        "assert 'faiss' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
