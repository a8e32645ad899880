"""Inverted files that are built on disk: the bytes that FAISS writes when it holds all in memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import faiss
import numpy as np
import pytest

from indexer.errors import StoreUnwritableError
from indexer.types import Float32, Int64
from indexer.vectors.backend import BuildPlan
from indexer.vectors.backends.faiss_files import gpu, ivf_builder
from indexer.vectors.backends.faiss_files.faiss_index import FaissIndex
from indexer.vectors.backends.faiss_files.file_backend import FaissFiles
from indexer.vectors.backends.faiss_files.ivf_builder import IvfBuilder
from indexer.vectors.backends.faiss_files.ivf_training import empty_core
from indexer.vectors.backends.faiss_files.writer import saying_why
from indexer.vectors.base import IndexType
from tests.fixtures.vectors import clustered

KINDS: tuple[IndexType, ...] = ("ivf-flat", "ivf-sq8", "ivf-pq")
VECTORS = clustered(3_000, seed=1)
IDS: Int64 = np.arange(3_000, dtype=np.int64) * 7


def rows(ids: Int64 = IDS, vectors: Float32 = VECTORS, batch: int = 333) -> Iterator[tuple[Int64, Float32]]:
    for start in range(0, len(ids), batch):
        yield ids[start : start + batch], vectors[start : start + batch]


def written(kind: IndexType, folder: Path, ids: Int64 = IDS) -> bytes:
    core = empty_core(kind, VECTORS.shape[1], VECTORS, len(VECTORS))
    out = io.BytesIO()
    with closing(IvfBuilder(kind, core, len(VECTORS), folder)) as index:
        for batch in rows(ids):
            index.add(*batch)
        assert len(index) == len(ids)
        index.write(out)
    return out.getvalue()


@pytest.mark.parametrize("group_bytes", [1_000, 20_000, 10**9])
@pytest.mark.parametrize("kind", KINDS)
def test_the_bytes_are_those_of_faiss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: IndexType, group_bytes: int
) -> None:
    monkeypatch.setattr(ivf_builder, "GROUP_BYTES", group_bytes)
    monkeypatch.setattr(ivf_builder, "PIECE", 10)
    core = empty_core(kind, VECTORS.shape[1], VECTORS, len(VECTORS))
    for _, vectors in rows():
        core.add(vectors)
    whole = faiss.IndexIDMap(faiss.IndexFlatIP(VECTORS.shape[1]))
    whole.index, whole.ntotal = core, core.ntotal
    faiss.copy_array_to_vector(IDS, whole.id_map)
    assert written(kind, tmp_path) == faiss.serialize_index(whole).tobytes()


def test_one_list_with_everything(tmp_path: Path) -> None:
    """Copies of one vector all go to one cell."""
    same = np.repeat(VECTORS[:1], 3_000, axis=0)
    core = empty_core("ivf-sq8", same.shape[1], VECTORS, len(same))
    index = IvfBuilder("ivf-sq8", core, len(same), tmp_path)
    for batch in rows(vectors=same):
        index.add(*batch)
    out = io.BytesIO()
    index.write(out)
    index.close()
    read = FaissIndex.read("ivf-sq8", np.frombuffer(out.getvalue(), np.uint8))
    assert read.search(same[:1], 5)[1][0].tolist() == IDS[:5].tolist()


def test_ids_in_any_order_but_no_repeats(tmp_path: Path) -> None:
    ids = np.random.default_rng(0).permutation(IDS)
    read = FaissIndex.read("ivf-sq8", np.frombuffer(written("ivf-sq8", tmp_path, ids), np.uint8))
    assert (read.ids == IDS).all()
    assert read.with_width(10**6).search(VECTORS[:9], 1)[1][:, 0].tolist() == ids[:9].tolist()
    with pytest.raises(ValueError, match="repeat"):
        written("ivf-sq8", tmp_path, np.concatenate([IDS[:2_000], IDS[:1_000]]))


def test_another_format_of_faiss_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = faiss.serialize_index
    monkeypatch.setattr(faiss, "serialize_index", lambda index: np.append(real(index), np.uint8(0)))
    with pytest.raises(StoreUnwritableError, match="another format"), saying_why(tmp_path, "image"):
        written("ivf-sq8", tmp_path)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(IvfBuilder, "add", full)
    plan = BuildPlan("ivf-sq8", 3_000, VECTORS.shape[1], 0.95, 1, "key")
    with pytest.raises(StoreUnwritableError, match="No space left"):
        FaissFiles(tmp_path).build("image", plan, rows)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_build_left_is_deleted(tmp_path: Path) -> None:
    left = tmp_path / ".image-ab12_x9z.building"
    left.mkdir()
    (left / "group-0").write_bytes(b"half")
    plan = BuildPlan("ivf-sq8", 3_000, VECTORS.shape[1], 0.95, 1, "key")
    FaissFiles(tmp_path).build("image", plan, rows)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".faiss", ".json"]


class FakeGpu:
    """Stands for faiss-gpu: what is moved answers as on the CPU, until it fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
        self.moved = 0
        self.fails = fails
        monkeypatch.setattr(faiss, "StandardGpuResources", object, raising=False)
        monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1, raising=False)
        monkeypatch.setattr(faiss, "index_cpu_to_gpu", self.move, raising=False)

    def move(self, _resources: object, _device: int, index: object) -> object:
        self.moved += 1
        if self.fails:
            raise RuntimeError("Error in cudaMalloc: out of memory\nStacktrace")
        return faiss.clone_index(index)


@pytest.mark.parametrize("fails", [False, True])
def test_a_gpu_gives_the_same_index_and_its_failure_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fails: bool
) -> None:
    plain = written("ivf-sq8", tmp_path)
    fake = FakeGpu(monkeypatch, fails)
    assert gpu.available()
    assert written("ivf-sq8", tmp_path) == plain
    assert fake.moved == 2  # cells, then rows
    assert ("out of memory); the index is trained on the CPU" in caplog.text) == fails
    assert ("rows are assigned on the CPU" in caplog.text) == fails


def test_a_driver_that_does_not_answer_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> int:
        raise RuntimeError("CUDA driver version is insufficient")

    monkeypatch.setattr(faiss, "StandardGpuResources", object, raising=False)
    monkeypatch.setattr(faiss, "get_num_gpus", broken, raising=False)
    assert not gpu.available()
