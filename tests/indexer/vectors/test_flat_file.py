"""A flat index in a file of numpy's: what was written is read, and a sentence for bytes that are none."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.types import Int64
from indexer.vectors.backends.faiss_files.flat_file import FlatRows, read_flat
from indexer.vectors.base import SearchParameters
from indexer.vectors.exact import ExactIndex
from tests.fixtures.vectors import DIMENSION, batches_of, clustered

VECTORS = clustered(500, seed=1)
IDS: Int64 = np.arange(500, dtype=np.int64) * 3 + 1


def written(ids: Int64 = IDS) -> bytes:
    """The file's bytes."""
    out = io.BytesIO()
    FlatRows(DIMENSION, batches_of(ids, VECTORS[: len(ids)])).write(out)
    return out.getvalue()


def test_the_same_answers_bit_for_bit_as_from_memory(tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(len(IDS))
    path = tmp_path / "index.npy"
    with path.open("wb") as file:
        FlatRows(DIMENSION, batches_of(IDS[order], VECTORS[order])).write(file)
    found, exact = read_flat(path), ExactIndex(IDS, VECTORS)
    assert np.array_equal(found.ids, IDS)
    queries = clustered(40, seed=2)
    for parameters in (SearchParameters(), SearchParameters(only=IDS[::3]), SearchParameters(exclude=IDS[::2])):
        for count in (1, 40):  # row by row, and as one product
            for mine, theirs in zip(
                found.search(queries[:count], 9, parameters), exact.search(queries[:count], 9, parameters), strict=True
            ):
                assert mine.tobytes() == theirs.tobytes()


def test_an_ordinary_file_of_numpy(tmp_path: Path) -> None:
    (tmp_path / "index.npy").write_bytes(written())
    rows = np.load(tmp_path / "index.npy", allow_pickle=False)
    assert np.array_equal(rows["id"], IDS)
    assert np.array_equal(rows["vector"], VECTORS)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_bytes_that_are_none_are_refused_or_of_the_right_size(tmp_path: Path, data: st.DataObject) -> None:
    """Cut, or with a header that says something else; the numbers themselves are guarded by the checksum."""
    whole = written(IDS[:5])
    path = tmp_path / "index.npy"
    if data.draw(st.booleans()):
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
        with pytest.raises(ValueError, match="it is no flat index"):
            read_flat(path)
        return
    changed = bytearray(whole)
    changed[data.draw(st.integers(0, 127))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(changed)
    try:
        found = read_flat(path)
    except ValueError:
        return
    assert found.search(VECTORS[:1, : found.dimension], 3)[1].shape == (1, 3)


@pytest.mark.parametrize(
    "array",
    [
        VECTORS,
        IDS,
        np.zeros(3, [("id", "<i8"), ("vector", "<f8", (4,))]),
        np.zeros((3, 2), [("id", "<i8"), ("vector", "<f4", (4,))]),
        np.array([{"id": 1}], dtype=object),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "index.npy", array, allow_pickle=True)
    with pytest.raises(ValueError, match="it is no flat index"):
        read_flat(tmp_path / "index.npy")


def test_ids_in_another_order_are_refused(tmp_path: Path) -> None:
    rows = np.zeros(2, [("id", "<i8"), ("vector", "<f4", (4,))])
    for ids in ([2, 1], [1, 1], [-1, 1]):
        rows["id"] = ids
        np.save(tmp_path / "index.npy", rows)
        with pytest.raises(ValueError, match="ids are not ascending"):
            read_flat(tmp_path / "index.npy")


def test_a_small_collection_never_imports_faiss(tmp_path: Path, indexed: Path) -> None:
    program = (
        "import search, shutil, sys\n"
        f"with search.open({str(tmp_path / 's')!r}) as library:\n"
        f"    assert library.index({str(indexed.parent / 'photos')!r}).encoded\n"
        "    assert library.query('a cat')\n"
        "    assert library.status().indexes['image'].index_type == 'flat'\n"
        "    assert library.check() == []\n"
        "assert 'faiss' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_plain_query_of_a_small_collection_imports_little(indexed: Path) -> None:
    program = (
        f"import search, sys\nassert search.open({str(indexed)!r}).query('a cat')\n"
        "assert not {'faiss', 'PIL', 'typer'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
