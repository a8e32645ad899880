"""Thumbnails are made beforehand when asked, and go with their photographs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from indexer.settings import IndexSettings
from indexer.thumbnails.cache import ThumbnailCache
from search.library import Library
from tests.fixtures.colour_encoder import ColourEncoder

MAKING = IndexSettings(thumbnails=True)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, colour in (("a.png", "red"), ("b.jpg", "green"), ("c.tif", "blue")):
        Image.new("RGB", (900, 600), colour).save(folder / name)
    shutil.copy(folder / "a.png", folder / "copy of a.png")
    return folder


def library(photos: Path) -> Library:
    return Library(photos.parent / "s", encoder=ColourEncoder())


def count(photos: Path) -> int:
    return len(list(ThumbnailCache(photos.parent / "s").all()))


def test_they_are_made_while_indexing_when_asked(photos: Path) -> None:
    with library(photos) as opened:
        opened.index(photos)
        assert count(photos) == 0
        opened.index(photos, settings=MAKING)  # nothing to read: in a pass of their own
        assert count(photos) == 2 * 3  # copies share theirs
        Image.new("RGB", (90, 60), "white").save(photos / "d.png")
        opened.index(photos, settings=MAKING)
        assert count(photos) == 2 * 4
        assert opened.status().thumbnails.files == 8
        assert opened.status().thumbnails.bytes > 0


def test_those_of_new_photographs_are_made_while_they_are_read(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.thumbnails.making.ThumbnailMaker.make_missing", lambda *_: None)
    with library(photos) as opened:
        opened.index(photos, settings=MAKING)
    assert count(photos) == 2 * 3


def test_none_is_made_of_what_a_link_leads_out_to(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    Image.new("RGB", (90, 60), "white").save(tmp_path / "other" / "w.png")
    (photos / "link").symlink_to(tmp_path / "other")
    with library(photos) as opened:
        assert opened.index(photos, settings=MAKING).encoded == 5  # a copy is one, too
    assert count(photos) == 2 * 3


def test_no_more_are_made_than_there_is_room_for(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_THUMBNAILS", "400")
    with library(photos) as opened:
        warnings = opened.index(photos, settings=MAKING).warnings
    assert sum(each.bytes for each in ThumbnailCache(photos.parent / "s").all()) <= 400
    assert any("are made when they are looked at" in warning for warning in warnings)


def forget(opened: Library, photos: Path) -> None:
    opened.forget(photos / "b.jpg")


def vanish(opened: Library, photos: Path) -> None:
    (photos / "b.jpg").unlink()
    opened.index(photos)


def edit(opened: Library, photos: Path) -> None:
    Image.new("RGB", (90, 60), "white").save(photos / "b.jpg")
    opened.index(photos)


def compact(opened: Library, photos: Path) -> None:
    (photos / "b.jpg").unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("indexer.pipeline.run.remove_stale", lambda *_: 0)
        opened.index(photos)
    assert count(photos) == 6
    assert [finding.part for finding in opened.check() if finding.part == "thumbnails"] == ["thumbnails"]
    opened.compact()


def repair(opened: Library, photos: Path) -> None:
    (photos / "b.jpg").unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("indexer.pipeline.run.remove_stale", lambda *_: 0)
        opened.index(photos)
    assert any(finding.part == "thumbnails" and finding.remedy == "deleted" for finding in opened.repair())
    assert not [finding for finding in opened.check() if finding.part == "thumbnails"]


@pytest.mark.parametrize("act", [forget, vanish, edit, compact, repair])
def test_they_go_with_their_photograph(photos: Path, act: Callable[[Library, Path], None]) -> None:
    with library(photos) as opened:
        opened.index(photos, settings=MAKING)
        assert count(photos) == 6
        act(opened, photos)
        assert count(photos) == 4


def test_a_copy_keeps_them(photos: Path) -> None:
    with library(photos) as opened:
        opened.index(photos, settings=MAKING)
        opened.forget(photos / "a.png")
        assert count(photos) == 6
        opened.forget(photos / "copy of a.png")
        assert count(photos) == 4
