"""What a query does with a catalog that is not what was written: what it can read is right, and it says the rest."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

import search
from indexer.catalog import schema, sqlite_sums
from tests.fixtures.colour_encoder import ColourEncoder

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (16, 16), colour).save(photos / f"{name}.png")
    with search.open(tmp_path / "store", encoder=ColourEncoder()) as library:
        library.index(photos)
    return tmp_path / "store"


def change(store: Path, table: str, statement: str) -> None:
    """Change a row as damage does: behind the back of the triggers that keep checksums."""
    with closing(sqlite3.connect(store / "catalog.sqlite")) as connection:
        made = sqlite_sums.triggers(table, sqlite_sums.summed(schema.metadata.tables[table]))
        for trigger in made:
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute(statement)
        for trigger in made.values():
            connection.execute(trigger)
        connection.commit()


def asked(store: Path, words: str = "red") -> tuple[list[str], tuple[str, ...]]:
    with search.open(store, encoder=ColourEncoder()) as library:
        found = library.query(words, rerank=0)
    return [Path(hit.path).stem for hit in found], found.notes


def test_a_whole_catalog_is_not_called_damaged(store: Path) -> None:
    names, notes = asked(store)
    assert names[0] == "red"
    assert sorted(names) == sorted(COLOURS)
    assert not any("damaged" in note for note in notes)


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        (
            "photo",
            "UPDATE photo SET camera = 'X' WHERE content_id = (SELECT content_id FROM file WHERE path LIKE '%red%')",
        ),
        ("file", "UPDATE file SET mtime_ns = 3 WHERE path LIKE '%red%'"),
        ("item", "UPDATE item SET text = 'x' WHERE file_id = (SELECT id FROM file WHERE path LIKE '%red%')"),
        ("item", "DELETE FROM item WHERE file_id = (SELECT id FROM file WHERE path LIKE '%red%')"),
    ],
)
def test_a_damaged_row_is_left_out_and_told(store: Path, table: str, statement: str) -> None:
    change(store, table, statement.replace("path LIKE", "CAST(path AS TEXT) LIKE"))
    names, notes = asked(store)
    assert sorted(names) == ["blue", "green", "white"]
    assert [note for note in notes if "at least one item cannot be read" in note and "repair" in note]


def test_no_hit_is_ever_made_of_a_damaged_row(store: Path) -> None:
    change(store, "file", "UPDATE file SET path = x'2f6574632f706173737764' WHERE CAST(path AS TEXT) LIKE '%red%'")
    names, notes = asked(store)
    assert sorted(names) == ["blue", "green", "white"]
    assert any("at least one item" in note for note in notes)
