"""FAISS' kinds as they are built: at every size, of every dimension, the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer.types import Int64
from indexer.vectors.backends.faiss_files.faiss_index import FaissIndex
from indexer.vectors.base import INDEX_TYPES, IndexType
from tests.fixtures.vectors import DIMENSION, clustered, faiss_index, file_bytes

VECTORS = clustered(2_000, seed=1)
IDS: Int64 = np.arange(2_000, dtype=np.int64) * 3 + 5


@pytest.mark.parametrize("kind", INDEX_TYPES)
def test_building_is_silent_at_every_size(kind: IndexType, capfd: pytest.CaptureFixture[str]) -> None:
    for count in (0, 1, 39, 40, 79, 80, 255, 1_023, 1_024, 2_500):
        vectors = clustered(count, seed=4)
        index = faiss_index(kind, np.arange(count, dtype=np.int64), vectors)
        assert len(index) == count
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("dimension", [1, 2, 7, 13, 37, 100])
def test_product_codes_of_any_dimension(dimension: int) -> None:
    vectors = clustered(1_100, seed=5, dimension=dimension)
    index = faiss_index("ivf-pq", np.arange(1_100, dtype=np.int64), vectors)
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
            faiss_index(kind, IDS[:100], bad)
        with pytest.raises(ValueError, match="repeat"):
            FaissIndex.build(kind, DIMENSION, lambda: iter([(IDS[:9], VECTORS[:9])] * 2), 18)


def test_building_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for kind in INDEX_TYPES:
        first, second = (file_bytes(faiss_index(kind, IDS, VECTORS), tmp_path / f"{kind}-{n}") for n in "ab")
        assert first.tobytes() == second.tobytes(), kind


@pytest.mark.parametrize("wrong", INDEX_TYPES[1:])
def test_another_kind_is_refused(tmp_path: Path, wrong: IndexType) -> None:
    index = faiss_index("hnsw" if wrong != "hnsw" else "ivf-flat", IDS, VECTORS)
    with pytest.raises(ValueError, match=f"where {wrong} was written"):
        FaissIndex.read(wrong, file_bytes(index, tmp_path / "index"))
