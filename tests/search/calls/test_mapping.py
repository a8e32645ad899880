"""The map of a store that others write into meanwhile."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.progress import Silent
from search.library import Library
from search.projection import placing
from search.projection.neighbours import index_over, nearest
from tests.fixtures.colour_encoder import ColourEncoder

pytest.importorskip("openTSNE")


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Over forty photographs of noise."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(40):
        save(photos, number)
    found = Library(tmp_path / "s", encoder=ColourEncoder())
    assert found.index(photos).encoded == 40
    return found


def save(photos: Path, number: int) -> None:
    pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(pixels).resize((32, 32)).save(photos / f"{number:03}.png")


def written_and_folded(store: Path, photos: Path, number: int) -> bool:
    """Index one more photograph, and whether SQLite's log can be folded into the database and emptied then, which it
    cannot while somebody reads in what was."""
    save(photos, number)
    with Library(store, encoder=ColourEncoder()) as other:
        assert other.index(photos).encoded == 1
    with closing(sqlite3.connect(store / "catalog.sqlite", timeout=0)) as connection:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def test_nobody_is_held_up_while_a_map_is_made(library: Library, tmp_path: Path) -> None:
    folded: dict[str, bool] = {}

    class Watching(Silent):
        def phase(self, name: str) -> None:
            folded[name] = written_and_folded(tmp_path / "s", tmp_path / "photos", 100 + len(folded))

    with library:
        before = [each.id for each in library.items()]
        found = library.map(progress=Watching())
        assert {"Finding neighbours", "Arranging the photographs", "Naming the groups"} < set(folded)
        assert all(folded.values()), folded
        assert found.ids.tolist() == [each.id for each in library.items()][: len(found)]
        assert len(before) <= len(found) <= len(before) + len(folded)
        assert np.isfinite(found.positions).all()


def test_nor_while_one_is_brought_up_to_date(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folded: list[bool] = []

    def watched(*arguments: object) -> object:
        folded.append(written_and_folded(tmp_path / "s", tmp_path / "photos", 200))
        return nearest(*arguments)  # type: ignore[arg-type]

    with library:
        made = library.map()
        shutil.copy(tmp_path / "photos" / "003.png", tmp_path / "photos" / "copy.png")
        library.index(tmp_path / "photos")
        monkeypatch.setattr(placing, "nearest", watched)
        found = library.kept_map()
        assert found is not None
        assert folded == [True]
        assert (len(found), found.placed) == (41, 1)
        there = {each.id: each.path for each in library.items()}
        new = next(number for number in found.ids.tolist() if there[number].endswith("copy.png"))
        assert np.abs(found.positions[found.ids == new] - made.positions.mean(axis=0)).max() <= 2
        monkeypatch.setattr(placing, "nearest", nearest)
        again = library.kept_map()
        assert again is not None
        assert (len(again), again.placed) == (42, 2)  # what came meanwhile


def test_of_what_went_meanwhile_nothing_is_asked(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with library:
        library.map()
        save(tmp_path / "photos", 100)
        save(tmp_path / "photos", 101)
        library.index(tmp_path / "photos")

        def forgetting(*arguments: object) -> object:
            library.forget(tmp_path / "photos" / "100.png")
            return index_over(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(placing, "index_over", forgetting)
        found = library.kept_map()
        assert found is not None
        assert (len(found), found.placed) == (41, 1)
