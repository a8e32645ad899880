"""The cache of vectors: what is kept comes back, whatever is wrong with it is an empty cache."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.encoders.base import EncoderId, Preprocessing
from indexer.types import Float32
from search.classification import vector_cache
from search.classification.vector_cache import VectorCache

IDENTITY = EncoderId("colours", "1", 4, Preprocessing(8, 8, "squash", "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))


def unit(seed: int) -> Float32:
    found = np.random.default_rng(seed).normal(size=4)
    return (found / np.linalg.norm(found)).astype(np.float32)


def digest(number: int) -> bytes:
    return number.to_bytes(32, "big")


def filled(folder: Path, count: int) -> VectorCache:
    cache = VectorCache(IDENTITY, folder)
    for number in range(count):
        cache.add(digest(number), unit(number))
    cache.save()
    return cache


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 50)))
def test_what_is_kept_comes_back(tmp_path_factory: pytest.TempPathFactory, numbers: set[int]) -> None:
    folder = tmp_path_factory.mktemp("cache")
    cache = VectorCache(IDENTITY, folder)
    for number in numbers:
        cache.add(digest(number), unit(number))
    cache.save()
    again = VectorCache(IDENTITY, folder)
    for number in range(51):
        found = again.get(digest(number))
        assert (found is not None) == (number in numbers)
        assert found is None or (found == unit(number)).all()


def test_each_encoder_has_its_own(tmp_path: Path) -> None:
    filled(tmp_path, 3)
    assert VectorCache(replace(IDENTITY, weights="2"), tmp_path).get(digest(1)) is None
    assert VectorCache(replace(IDENTITY, name="moved"), tmp_path).get(digest(1)) is not None


def test_what_is_damaged_is_empty(tmp_path: Path) -> None:
    filled(tmp_path, 2)
    path = only_file(tmp_path)
    data = path.read_bytes()
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert VectorCache(IDENTITY, tmp_path).get(digest(0)) is None
    for length in range(len(data)):
        path.write_bytes(data[:length])
        assert VectorCache(IDENTITY, tmp_path).get(digest(0)) is None


def test_the_oldest_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_cache, "MAX_BYTES", 8 + 10 * 48)
    cache = filled(tmp_path, 10)
    cache = VectorCache(IDENTITY, tmp_path)
    assert cache.get(digest(0)) is not None  # asked for again: it stays
    for number in range(10, 15):
        cache.add(digest(number), unit(number))
    cache.save()
    assert only_file(tmp_path).stat().st_size <= 8 + 10 * 48
    again = VectorCache(IDENTITY, tmp_path)
    assert all(again.get(digest(number)) is not None for number in range(10, 15))
    assert again.get(digest(1)) is None


def test_few_encoders_are_kept(tmp_path: Path) -> None:
    for number in range(7):
        cache = VectorCache(replace(IDENTITY, weights=str(number)), tmp_path)
        cache.add(digest(0), unit(0))
        cache.save()
        for path in tmp_path.iterdir():
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 10))
    assert len(list(tmp_path.iterdir())) == vector_cache.MAX_FILES
    assert VectorCache(replace(IDENTITY, weights="6"), tmp_path).get(digest(0)) is not None
    assert VectorCache(replace(IDENTITY, weights="0"), tmp_path).get(digest(0)) is None


def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    filled(tmp_path / "new", 1)
    assert only_file(tmp_path / "new").stat().st_mode & 0o077 == 0


def test_without_a_place_it_still_answers() -> None:
    cache = VectorCache(IDENTITY, None)
    cache.add(digest(1), unit(1))
    cache.save()
    assert cache.get(digest(1)) is not None


def test_a_place_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert filled(tmp_path / "file", 2).get(digest(1)) is not None
