"""Stores of every released schema are upgraded, answer as they did, and end with the schema of a new one."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Set
from contextlib import closing
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Column, Connection, Integer, MetaData, Text, select, text

import search
from indexer import doctor
from indexer.catalog import schema
from indexer.catalog.catalog import Catalog
from indexer.catalog.encoders import Encoders
from indexer.catalog.facts import RULES, Facts
from indexer.catalog.items import Items
from indexer.catalog.known_files import files_below
from indexer.catalog.meta import FACTS, WORDS
from indexer.catalog.migrations import run as migrations
from indexer.catalog.sqlite import file_url, keep_sums
from indexer.catalog.tokens import Tokens
from indexer.catalog.vectors import Vectors
from indexer.catalog.words import RULES as WORD_RULES
from indexer.errors import StoreUnwritableError
from tests.fixtures.catalog_rows import add_photo, new_catalog
from tests.fixtures.colour_encoder import ColourEncoder, ColourTokenEncoder
from tests.fixtures.damaged import salvage
from tests.fixtures.paths import ROOT

#: Where the photographs of the kept stores lay.
PHOTOS = "/photos"
STORES = ROOT / "tests" / "fixtures" / "stores"
RELEASED = [int(path.stem.partition("-")[2]) for path in sorted(STORES.glob("schema-*.sqlite"))]

#: What a table says of a photograph that is gone: versions before schema 7 did not find it.
HIDDEN_THEN = "white snow"

Answers = dict[str, list[dict[str, Any]]]


def kept(version: int, folder: Path) -> Path:
    """A copy of the kept store of a schema version."""
    folder.mkdir()
    shutil.copy(STORES / f"schema-{version}.sqlite", folder / "catalog.sqlite")
    return folder / "catalog.sqlite"


def expected(version: int) -> Answers:
    """What the version that made the store answered from it, as it is comparable."""
    told: Answers = json.loads((STORES / f"schema-{version}.json").read_text(encoding="utf-8"))
    return {question: comparable(hits, copies={f"{PHOTOS}/sub/copy.png"}) for question, hits in told.items()}


def comparable(hits: list[dict[str, Any]], copies: Set[str] = frozenset()) -> list[dict[str, Any]]:
    """Hits by id. Not what later versions judge otherwise from the same store: how probable a hit is, and so the order
    of photographs among texts; and that `copies` are no hits of their own."""
    judged = {"rank", "probability", "match", "weak", "also", "missing"}
    kept = [hit for hit in hits if hit["path"] not in copies]
    return [{key: hit[key] for key in hit.keys() - judged} for hit in sorted(kept, key=itemgetter("id"))]


def answers(folder: Path, version: int) -> Answers:
    """What the store answers now to the same questions, by meaning as then; what hits did not say then is left out."""
    encoder = ColourEncoder() if version == 1 else ColourTokenEncoder()
    found: Answers = {}
    with search.open(folder, encoder=encoder) as library:
        for question, told in expected(version).items():
            words, _, kind = question.partition(" -> ")
            hits = library.query(words, k=10, to=kind, rerank=0, by_words=False)  # type: ignore[arg-type]
            chances = [hit.estimate for hit in hits]
            assert chances == sorted(chances, reverse=True)
            assert {path for hit in hits for path in hit.also} <= {f"{PHOTOS}/sub/copy.png"}
            now = [hit for hit in comparable(hits.to_json()["hits"]) if version >= 7 or hit.get("text") != HIDDEN_THEN]
            if question == "white -> any":
                assert HIDDEN_THEN in [hit.text for hit in hits]
            found[question] = [{key: hit[key] for key in then} for hit, then in zip(now, told, strict=True)]
    return found


def tables_of(path: Path) -> set[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return set(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema"))


def rows_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the tables of the first version, but the record of migrations."""
    names = ["meta", "encoder", "root", "content", "vector", "photo", "file", "item", "tombstone"]
    with closing(sqlite3.connect(path)) as connection:
        rows = {}
        for name in names:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")][: FIRST_COLUMNS[name]]
            rows[name] = connection.execute(f"SELECT {', '.join(columns)} FROM {name} ORDER BY 1, 2").fetchall()
    return rows


#: How many columns each table had in the first version.
FIRST_COLUMNS = {
    "meta": 2,
    "encoder": 2,
    "root": 4,
    "content": 3,
    "vector": 4,
    "photo": 10,
    "file": 9,
    "item": 7,
    "tombstone": 3,
}


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be written, as far as the library can tell."""
    monkeypatch.setattr("os.access", lambda _path, mode: mode == os.R_OK)


def test_a_store_of_every_version_before_this_one_is_kept() -> None:
    assert list(range(1, migrations.SCHEMA_VERSION)) == RELEASED


@pytest.mark.parametrize("version", RELEASED)
@pytest.mark.parametrize("opening", [Catalog.open, Catalog.create])
def test_an_older_store_is_upgraded_and_keeps_every_row(
    tmp_path: Path, version: int, opening: Callable[[URL], Catalog]
) -> None:
    path = kept(version, tmp_path / "old")
    before = rows_of(path)
    opened = opening(file_url(path))
    with opened.snapshot() as snapshot:
        assert snapshot.integrity() == []
        names = snapshot.connection.execute(select(schema.migration.c.name).order_by("name")).scalars().all()
    opened.close()
    assert names == [name for name, _ in migrations.MIGRATIONS]
    before["meta"] = sorted({**dict(before["meta"]), FACTS: str(RULES), WORDS: str(WORD_RULES)}.items())
    assert rows_of(path) == before
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (migrations.SCHEMA_VERSION,)


@pytest.mark.parametrize("version", RELEASED)
def test_an_upgraded_store_has_the_schema_of_a_new_one(tmp_path: Path, version: int) -> None:
    path = kept(version, tmp_path / "old")
    Catalog.open(file_url(path)).close()
    new_catalog(tmp_path / "new.sqlite").close()
    assert tables_of(path) == tables_of(tmp_path / "new.sqlite")


@pytest.mark.parametrize("version", RELEASED)
def test_an_upgraded_store_answers_as_it_did(tmp_path: Path, version: int) -> None:
    path = kept(version, tmp_path / "old")
    assert answers(path.parent, version) == expected(version)
    assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone() == (migrations.SCHEMA_VERSION,)


@pytest.mark.parametrize("version", RELEASED)
@pytest.mark.usefixtures("read_only")
def test_an_older_store_that_cannot_be_written_answers_as_it_is(tmp_path: Path, version: int) -> None:
    path = kept(version, tmp_path / "old")
    before = path.read_bytes()
    assert answers(path.parent, version) == expected(version)
    opened = Catalog.open(file_url(path))
    for _ in range(2):
        with opened.snapshot() as snapshot:
            row, identity = Encoders(snapshot).required()
            assert Items(snapshot).count("image") == 4
            assert len(Vectors(snapshot).of_items([2, 6], row, identity.dimension).vectors) == 2
            assert (Tokens(snapshot).of_items([2, 6], row, 4) != {}) == (version >= 2)
            assert Tokens(snapshot).count_without(row) == (9 if version < 2 else 0)
            assert list(Tokens(snapshot).damaged()) == snapshot.integrity() == []
    with pytest.raises(StoreUnwritableError), opened.batch():
        pass
    assert len(list(files_below(opened, "/photos", row, tokens=True))) == 8
    opened.close()
    found = [each for each in doctor.check(path.parent) if each.grave]
    assert [each.part for each in found] == ["index", "index"]  # which is not kept with the stores
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", RELEASED)
def test_salvage_of_an_older_store_loses_nothing(tmp_path: Path, version: int) -> None:
    path = kept(version, tmp_path / "old")
    before = rows_of(path)
    assert sum(salvage(path).lost.values()) == 0
    after = rows_of(path)
    for name in ("content", "vector", "photo", "item"):
        assert after[name] == before[name]
    # Sizes apart: files that brought nothing are read again.
    assert [(row[:2], row[3:]) for row in after["file"]] == [(row[:2], row[3:]) for row in before["file"]]
    assert answers(path.parent, version) == expected(version)


@pytest.mark.parametrize("version", RELEASED)
@pytest.mark.parametrize("opening", [Catalog.open, Catalog.create])
def test_what_filters_ask_of_an_older_store_is_derived(
    tmp_path: Path, version: int, opening: Callable[[URL], Catalog]
) -> None:
    path = kept(version, tmp_path / "old")
    opened = opening(file_url(path))
    with opened.snapshot() as snapshot:
        assert Facts(snapshot).are_of_these_rules()
        assert Facts(snapshot).wrong() == []
    opened.close()
    rows = "SELECT d.path, f.name, f.type, f.size, f.width, f.height, f.date_from, f.captioned, c.text FROM fact f"
    names = "JOIN folder d ON d.id = f.folder_id LEFT JOIN device c ON c.id = f.camera_id"
    with closing(sqlite3.connect(path)) as connection:
        found = {row[1]: row for row in connection.execute(f"{rows} {names}")}
        size = dict(connection.execute("SELECT path, size FROM file"))
    assert found == {
        name: (folder.encode(), name, kind, size[f"{folder}/{name}".encode()], 24, 16, "file", captioned, camera)
        for folder, name, kind, captioned, camera in (
            (PHOTOS, "red.png", "png", 1, None),
            (f"{PHOTOS}/sub", "green.png", "png", 0, None),
            (PHOTOS, "white.png", "png", 0, None),
            (f"{PHOTOS}/sub", "copy.png", "png", 1, None),
            (PHOTOS, "blue.jpg", "jpeg", 0, "Maker Model 1"),
        )
    }


def test_the_tables_of_statements_are_those_of_the_last_migration(tmp_path: Path) -> None:
    path = tmp_path / "new.sqlite"
    new_catalog(path).close()
    with closing(sqlite3.connect(path)) as connection:
        for table in schema.metadata.sorted_tables:
            there = connection.execute(f"PRAGMA table_info({table.name})").fetchall()
            told = [(column.name, str(column.type), column.primary_key) for column in table.columns]
            assert told == [(row[1], row[2], bool(row[5])) for row in there]


# -- a column that a later migration adds -------------------------------------------------------------------


def _add_aperture(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE photo ADD COLUMN aperture TEXT"))
    connection.execute(text("ALTER TABLE photo ADD COLUMN stars INTEGER NOT NULL DEFAULT 3"))
    keep_sums(connection, "photo")


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> MetaData:
    """The program as it will be: a migration adds two columns to `photo`, and the tables name them."""
    known = MetaData()
    for table in schema.metadata.sorted_tables:
        table.to_metadata(known)
    known.tables["photo"].append_column(Column("aperture", Text))
    known.tables["photo"].append_column(Column("stars", Integer, server_default="3"))
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, ("9999_aperture", _add_aperture)))
    monkeypatch.setattr(migrations, "SCHEMA_VERSION", migrations.SCHEMA_VERSION + 1)
    monkeypatch.setattr("indexer.catalog.catalog.SCHEMA_VERSION", migrations.SCHEMA_VERSION)
    monkeypatch.setattr(schema, "metadata", known)
    monkeypatch.setattr("indexer.catalog.items.photo", known.tables["photo"])
    return known


def apertures(catalog: Catalog, known: MetaData) -> list[tuple[object, object]]:
    photo = known.tables["photo"]
    with catalog.snapshot() as snapshot:
        rows = snapshot.connection.execute(select(photo.c.aperture, photo.c.stars).order_by(photo.c.content_id))
        return [tuple(row) for row in rows]


def test_a_migration_adds_columns_to_a_new_store(tmp_path: Path, later: MetaData) -> None:
    catalog = new_catalog(tmp_path / "new.sqlite")
    with catalog.batch() as batch:
        add_photo(batch, 1, "/a.jpg", 1)
    assert apertures(catalog, later) == [(None, 3)]
    with catalog.snapshot() as snapshot:
        assert Items(snapshot).get([1])[1].metadata is not None
    catalog.close()


@pytest.mark.parametrize("version", RELEASED)
def test_a_migration_adds_columns_to_an_older_store(tmp_path: Path, later: MetaData, version: int) -> None:
    path = kept(version, tmp_path / "old")
    assert answers(path.parent, version) == expected(version)
    opened = Catalog.open(file_url(path))
    assert apertures(opened, later) == [(None, 3)] * 4
    opened.close()
    new_catalog(tmp_path / "new.sqlite").close()
    assert tables_of(path) == tables_of(tmp_path / "new.sqlite")


@pytest.mark.parametrize("version", RELEASED)
@pytest.mark.usefixtures("read_only")
def test_columns_stand_in_for_those_that_an_older_store_lacks(tmp_path: Path, later: MetaData, version: int) -> None:
    path = kept(version, tmp_path / "old")
    before = path.read_bytes()
    assert answers(path.parent, version) == expected(version)
    opened = Catalog.open(file_url(path))
    assert apertures(opened, later) == [(None, 3)] * 4
    opened.close()
    assert path.read_bytes() == before
