"""Photographs for a calibration: of the folders of a run, the same each time, and none that is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.encoders.base import Preprocessing
from indexer.pipeline.sample import sample_photographs
from indexer.settings import IndexSettings
from indexer.store import Store

WANTED = Preprocessing(16, 16, "squash", "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
SETTINGS = IndexSettings()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "store")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve photographs, each of one grey, a file that is none, and a folder of white ones that hides."""
    folder = tmp_path / "photos"
    (folder / ".hidden").mkdir(parents=True)
    for grey in range(12):
        Image.new("RGB", (20, 20), (grey * 10,) * 3).save(folder / f"{grey:02}.png")
        Image.new("RGB", (20, 20), (255, 255, 255)).save(folder / ".hidden" / f"{grey:02}.png")
    (folder / "no.jpg").write_bytes(b"\xff\xd8\xff none")
    (folder / "notes.txt").write_text("words")
    return folder


def greys(store: Store, *named: Path, settings: IndexSettings = SETTINGS, count: int = 32) -> list[int]:
    found = sample_photographs(store, [str(path) for path in named], settings, WANTED, count)
    assert found.shape[1:] == (16, 16, 3)
    assert found.dtype == np.uint8
    return [int(row[0, 0, 0]) for row in found]


def test_what_can_be_read_and_is_not_left_out(store: Store, photos: Path) -> None:
    assert sorted(greys(store, photos)) == [grey * 10 for grey in range(12)]


def test_as_many_as_are_wanted_the_same_each_time(store: Store, photos: Path) -> None:
    some = greys(store, photos, count=5)
    assert len(some) == len(set(some)) == 5
    assert some == greys(store, photos, count=5)
    assert some != sorted(some)


def test_patterns_of_the_run_leave_out(store: Store, photos: Path) -> None:
    assert sorted(greys(store, photos, settings=IndexSettings(ignores=("0*.png",)))) == [100, 110]


def test_a_folder_that_is_gone_or_empty_gives_none(store: Store, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert greys(store, tmp_path / "gone", tmp_path / "empty") == []
    assert greys(store) == []


def test_a_file_that_is_named(store: Store, photos: Path) -> None:
    assert greys(store, photos / "03.png") == [30]
