"""A map as it is kept: whole and under its key, or not there."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.projection.map_file import map_file, read_map, write_map
from search.projection.photo_map import Cluster, PhotoMap


def kept(store: Path) -> PhotoMap:
    ids = np.array([2, 5, 9], np.int64)
    positions = np.array([[0, 1], [-1, 0.5], [0.25, 0]], np.float32)
    found = PhotoMap(ids, positions, (Cluster(0, "dog", 0.5, -0.25, 3),), 17)
    write_map(store, "key", found)
    return found


def test_a_map_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = kept(tmp_path)
    found = read_map(tmp_path, "key")
    assert found is not None
    assert (found.ids == written.ids).all()
    assert (found.positions == written.positions).all()
    assert (found.clusters, found.generation) == (written.clusters, 17)


def test_a_map_of_another_encoder_is_none(tmp_path: Path) -> None:
    kept(tmp_path)
    assert read_map(tmp_path, "another key") is None
    assert read_map(tmp_path / "elsewhere", "key") is None


def test_its_file_has_the_rights_of_the_catalog(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.sqlite"
    catalog.touch()
    catalog.chmod(0o640)
    kept(tmp_path)
    assert map_file(tmp_path).stat().st_mode & 0o777 == 0o640


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    store = tmp_path_factory.mktemp("store")
    kept(store)
    return store, map_file(store).read_bytes()


@given(at=st.integers(0, 10_000), value=st.integers(1, 255), cut=st.integers(0, 10_000) | st.none())
def test_a_damaged_map_is_none(whole: tuple[Path, bytes], at: int, value: int, cut: int | None) -> None:
    store, written = whole
    damaged = bytearray(written)
    damaged[at % len(damaged)] ^= value
    map_file(store).write_bytes(damaged[: None if cut is None else cut % len(damaged)])
    assert read_map(store, "key") is None


@given(about=st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists), rest=st.binary(max_size=64))
def test_what_somebody_made_up_is_none(whole: tuple[Path, bytes], about: object, rest: bytes) -> None:
    """Its checksum is right, and nothing else."""
    said = json.dumps(about).encode()
    made_up = struct.pack("<I", len(said)) + said + rest
    map_file(whole[0]).write_bytes(struct.pack("<I", zlib.crc32(made_up)) + made_up)
    assert read_map(whole[0], "key") is None
