"""A library whose store is moved, deleted or brought up to date by others while it is open."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

import search
from indexer.errors import StoreMissingError
from indexer.store import Store
from tests.fixtures.colour_encoder import ColourEncoder


@pytest.fixture
def store(tmp_path: Path) -> Path:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(12):
        Image.new("RGB", (16, 16), (255, 20 * number, 0)).save(photos / f"{number:02}.png")
    with search.open(tmp_path / "s", encoder=ColourEncoder()) as library:
        library.index(photos)
    return tmp_path / "s"


@pytest.mark.parametrize("way", ["moved", "deleted"])
def test_a_store_that_is_gone_is_said_and_not_made_again(store: Path, way: str) -> None:
    with search.open(store, encoder=ColourEncoder()) as library:
        assert len(library.query("red", k=50)) == 12
        if way == "moved":
            store.rename(store.with_name("elsewhere"))
        else:
            shutil.rmtree(store)
        for _ in range(2):
            with pytest.raises(StoreMissingError, match="is no longer there"):
                library.query("red")
        assert not store.exists()


def test_a_store_that_came_back_answers_again(store: Path) -> None:
    with search.open(store, encoder=ColourEncoder()) as library:
        library.query("red")
        store.rename(store.with_name("elsewhere"))
        with pytest.raises(StoreMissingError):
            library.query("red")
        store.with_name("elsewhere").rename(store)
        assert len(library.query("red", k=50)) == 12


def test_a_catalog_that_is_gone_is_said(store: Path) -> None:
    (store / "catalog.sqlite").unlink()
    with pytest.raises(StoreMissingError, match=r"catalog of .* is gone, though"):
        search.open(store, encoder=ColourEncoder()).query("red")


def test_an_index_that_a_writer_has_replaced_is_no_damage(store: Path, tmp_path: Path) -> None:
    """The query has opened an index; before it reads the catalog, files are forgotten and the next index is built."""
    with search.open(store, encoder=ColourEncoder()) as library:
        assert len(library.query("red", k=50)) == 12
        assert library._opened is not None
        engine = library._opened.engine
        held = engine._indexes.open("image", ColourEncoder().identity)
        with search.open(store, encoder=ColourEncoder()) as other:
            other.forget(*(tmp_path / "photos" / f"{number:02}.png" for number in range(4)))
        engine._indexes.open = lambda kind, identity: held  # type: ignore[method-assign]
        found = library.query("red", k=50)
    assert len(found) == 8
    assert not [note for note in found.notes if "damaged" in note]


def test_a_row_that_went_without_a_tombstone_is_damage(store: Path) -> None:
    opened = Store.open(store)
    with opened.catalog.batch() as batch:
        batch.connection.exec_driver_sql("DELETE FROM item WHERE id = 3")
    opened.close()
    with search.open(store, encoder=ColourEncoder()) as library:
        found = library.query("red", k=50)
    assert len(found) == 11
    assert [note for note in found.notes if "at least one item cannot be read" in note]
