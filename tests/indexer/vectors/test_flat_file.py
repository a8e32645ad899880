"""A flat index of FAISS read in numpy: the same answers, and a sentence for bytes that are none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.types import Float32, Int64
from indexer.vectors.backends.faiss_files.faiss_index import FaissIndex
from indexer.vectors.backends.faiss_files.flat_file import read_flat
from indexer.vectors.base import SearchParameters


def written(index: FaissIndex) -> np.ndarray:
    """(size,) uint8: the file's bytes."""
    blocks: list[bytes] = []
    index.write(lambda block: blocks.append(bytes(block)))
    return np.frombuffer(b"".join(blocks), np.uint8)


def built(count: int, dimension: int, seed: int = 0) -> FaissIndex:
    rows = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)

    def batches() -> Iterator[tuple[Int64, Float32]]:
        yield np.arange(count, dtype=np.int64) * 3 + 1, rows

    return FaissIndex.build("flat", dimension, batches, count)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 40), st.integers(0, 20), st.integers(0, 2**32 - 1))
def test_the_same_answers_as_faiss(count: int, dimension: int, gone: int, seed: int) -> None:
    index = built(count, dimension, seed)
    chance = np.random.default_rng(seed)
    index.remove(chance.choice(index.ids, min(gone, count), replace=False))
    found = read_flat(written(index))
    assert np.array_equal(found.ids, index.ids)
    queries = chance.standard_normal((3, dimension)).astype(np.float32)
    only = SearchParameters(only=chance.choice(index.ids, len(index.ids) // 2, replace=False))
    for parameters in (SearchParameters(), only):
        scores, ids = found.search(queries, 5, parameters)
        wanted, wanted_ids = index.search(queries, 5, parameters)
        assert np.array_equal(ids, wanted_ids)
        np.testing.assert_allclose(scores, wanted, atol=1e-5)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_bytes_that_are_none_are_refused(data: st.DataObject) -> None:
    """Cut, or with a header that says something else; the numbers themselves are guarded by the checksum."""
    whole = written(built(5, 4))
    if data.draw(st.booleans()):
        changed = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        changed = whole.copy()
        place = data.draw(st.sampled_from([0, 3, 8, 37, 41, 45, 70, 74, 75, 80, len(whole) - 48]))
        changed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match=r"it is|its sizes"):
        read_flat(changed)


def test_other_indexes_are_refused() -> None:
    rows = np.eye(8, dtype=np.float32)

    def batches() -> Iterator[tuple[Int64, Float32]]:
        yield np.arange(8, dtype=np.int64), rows

    with pytest.raises(ValueError, match="no flat index"):
        read_flat(written(FaissIndex.build("hnsw", 8, batches, 8)))


def test_a_query_of_a_small_collection_needs_no_faiss(indexed: Path) -> None:
    program = (
        f"import search, sys\nassert search.open({str(indexed)!r}).query('a cat')\n"
        "assert not {'faiss', 'PIL', 'typer'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
