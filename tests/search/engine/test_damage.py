"""Answers over a damaged store: what is left is right, and what is damaged is never the first of everything."""

from __future__ import annotations

import shutil
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import search
from indexer.errors import StoreDamagedError
from indexer.vectors.exact import ExactIndex
from search.query.query import Query
from tests.fixtures.colour_encoder import ColourEncoder
from tests.search.engine.test_engine import answers, paint

COUNT = 60
BRICK = "0-0007.png"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs, and a store beside them."""
    folder = tmp_path_factory.mktemp("damage")
    paint(folder / "photos", COUNT)
    with search.open(folder / "s", encoder=ColourEncoder(batch_size=64)) as library:
        library.index(folder / "photos")
    return folder / "photos"


@pytest.fixture
def library(photos: Path, tmp_path: Path) -> Iterator[search.Library]:
    shutil.copytree(photos.parent / "s", tmp_path / "s")
    with search.open(tmp_path / "s", encoder=ColourEncoder(batch_size=64)) as opened:
        yield opened


def damage(store: Path, value: float, *, with_checksum: bool) -> None:
    """Give the vector of BRICK the value (value, 0, 0, 0)."""
    data = np.array([value, 0, 0, 0], "<f4").tobytes()
    with sqlite3.connect(store / "catalog.sqlite") as connection:
        (content,) = connection.execute(
            "SELECT content_id FROM file WHERE CAST(path AS TEXT) LIKE ?", ("%" + BRICK,)
        ).fetchone()
        connection.execute("UPDATE vector SET data = ? WHERE content_id = ?", (data, content))
        if with_checksum:
            connection.execute("UPDATE vector SET crc = ? WHERE content_id = ?", (zlib.crc32(data), content))
    connection.close()


@pytest.mark.parametrize(("value", "with_checksum"), [(1e30, False), (1e30, True), (np.nan, True), (np.inf, False)])
@pytest.mark.parametrize("built_anew", [False, True])
def test_a_damaged_vector_is_left_out(
    library: search.Library, tmp_path: Path, value: float, with_checksum: bool, built_anew: bool
) -> None:
    whole = answers(library, "red", COUNT)
    right = [(path, score) for path, score in whole if not path.endswith(BRICK)]
    assert (len(whole), len(right)) == (COUNT, COUNT - 1)
    damage(tmp_path / "s", value, with_checksum=with_checksum)
    library.close()
    if built_anew:
        for file in (tmp_path / "s" / "vectors").iterdir():
            file.unlink()
        report = library.index()
        assert [said for said in report.warnings if "The vectors of 1 images are damaged" in said]
    assert answers(library, "red", COUNT) == right
    assert answers(library, "red", COUNT) == right  # from what is kept in memory
    assert [finding.part for finding in library.check()] == ["vectors"]
    library.repair()
    library.index()
    assert answers(library, "red", COUNT) == whole


def test_a_photograph_whose_vector_is_damaged_may_still_ask(
    library: search.Library, photos: Path, tmp_path: Path
) -> None:
    path = photos / BRICK
    first = library.query(Query(image=str(path)), k=3)
    assert first[0].path == str(path)
    damage(tmp_path / "s", 1e30, with_checksum=False)
    library.close()
    again = library.query(Query(image=str(path)), k=2)
    assert [hit.path for hit in again] == [hit.path for hit in first[1:]]
    assert [hit.score for hit in again] == pytest.approx([hit.score for hit in first[1:]], abs=1e-6)


def test_an_index_that_is_found_damaged_when_it_is_asked_is_done_without(
    library: search.Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = answers(library, "red", 20)
    assert library.query("red").work.scanned == 0

    def damaged(*arguments: object) -> None:
        raise StoreDamagedError("a list that was not used before")

    monkeypatch.setattr(ExactIndex, "search", damaged)
    assert answers(library, "red", 20) == right
    assert library.query("red").work.scanned == COUNT  # every vector of the catalog
