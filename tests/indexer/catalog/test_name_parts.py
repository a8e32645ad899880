"""Parts of names follow the names of photographs, and are found by every three letters; damage costs nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from indexer import doctor
from indexer.catalog import derived
from indexer.catalog.catalog import Catalog
from indexer.catalog.criteria import Named, NameMatches
from indexer.catalog.facts import Facts
from indexer.catalog.files import Files
from indexer.catalog.full_text_names import holding, parts_of
from indexer.catalog.moves import Moves
from indexer.catalog.name_parts import NameParts
from indexer.catalog.schema import fact, item
from indexer.catalog.selection import Selection
from indexer.catalog.sqlite import file_url
from indexer.errors import StoreDamagedError
from tests.fixtures.catalog_rows import add_photo, new_catalog, path_of


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """Of three photographs."""
    (tmp_path / "s").mkdir()
    made = new_catalog(tmp_path / "s" / "catalog.sqlite")
    with made.batch() as batch:
        for seed, name in enumerate(("IMG_0077.jpg", "Été à la mer.png", 'x"y[1].jpg')):
            add_photo(batch, 1, f"/photos/{name}", seed)
    yield made
    made.close()


def held(catalog: Catalog, *parts: str) -> list[int]:
    """The items whose names hold each of these parts, by the index alone; it holds just the names that there are."""
    with catalog.snapshot() as snapshot:
        assert NameParts(snapshot).are_right()
        return sorted(snapshot.connection.execute(holding(parts)).scalars())


def test_names_are_found_by_their_parts(catalog: Catalog) -> None:
    assert held(catalog, "img") == [1]
    assert held(catalog, "jpg", '"y[') == [3]
    assert held(catalog, "jpg") == [1, 3]
    assert held(catalog, "ete", "mer") == [2]
    assert held(catalog, "IMG") == []  # names are folded, and so is what is asked for
    assert held(catalog, "mer", "img") == []


def test_names_are_found_without_their_strokes_and_with_their_vowel_signs(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        add_photo(batch, 1, "/photos/Łódź.jpg", 7)
        add_photo(batch, 1, "/photos/कीमा.jpg", 8)
    assert held(catalog, "lod", "odz") == [4]
    assert (held(catalog, "कीम"), held(catalog, "कमा")) == ([5], [])


def test_they_follow_every_change(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        Moves(batch).move("/photos/IMG_0077.jpg", "/photos/beach.jpg")
    assert (held(catalog, "img"), held(catalog, "bea")) == ([], [1])
    with catalog.batch() as batch:
        Moves(batch).move("/photos", "/drive")
        add_photo(batch, 1, "/drive/beach bar.jpg", 9)
    assert held(catalog, "bea") == [1, 4]
    with catalog.batch() as batch:
        Files(batch).forget("/drive/beach.jpg")
    assert held(catalog, "bea") == [4]
    with catalog.batch() as batch:
        batch.write(item.delete())
    assert held(catalog, "bea") == held(catalog, "jpg") == []


def test_facts_that_are_made_anew_bring_them(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        derived.make_all(batch)
    assert held(catalog, "jpg") == [1, 3]
    with catalog.batch() as batch:
        Facts(batch).mend([1, 3])
        Moves(batch).move("/photos/IMG_0077.jpg", "/photos/beach.jpg")
    assert held(catalog, "jpg", "bea") == [1]


def test_common_parts_lead_nowhere(catalog: Catalog) -> None:
    rows = [
        {"item_id": 100 + at, "file_id": 1, "folder_id": 1, "name": f"img_{at:04}.jpg", "size": 1, "captioned": 0,
         "keyworded": 0} for at in range(500)
    ]  # fmt: skip
    with catalog.batch() as batch:
        batch.write(insert(fact), rows)
        assert NameParts(batch).rare("img_0077") == {"_00", "007", "077"}
        assert NameParts(batch).rare("img_") == NameParts(batch).rare("0") == set()
        assert NameParts(batch).rare("beach") == {"bea", "eac", "ach"}


letters = st.text("ab.", max_size=5)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(names=st.lists(letters, min_size=3, max_size=3), asked=letters)
def test_a_name_holds_what_its_letters_say(catalog: Catalog, names: list[str], asked: str) -> None:
    with catalog.batch() as batch:
        for number, name in enumerate(names, 1):
            batch.write(update(fact).values(name=name).where(fact.c.item_id == number))
        wanted = [number for number, name in enumerate(names, 1) if asked in name]
        assert sorted(Selection(batch).ids(Named(asked), "image").tolist()) == wanted
        found = set(batch.connection.execute(holding(parts_of(asked))).scalars()) if parts_of(asked) else {1, 2, 3}
        assert found >= set(wanted)
        matched = Selection(batch).ids(NameMatches(f"*{asked}?"), "image").tolist()
        assert sorted(matched) == [at for at, name in enumerate(names, 1) if name and name[:-1].endswith(asked)]


DAMAGES = (
    "DELETE FROM name_part_data WHERE id > 10",
    "UPDATE name_part_data SET block = x'0000ffff' WHERE id > 10",
    "DELETE FROM name_part_data",
    "DROP TABLE name_part_config",
)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_mended(catalog: Catalog, damage: str) -> None:
    place = path_of(catalog).parent
    catalog.close()
    with closing(sqlite3.connect(path_of(catalog), isolation_level=None)) as connection:
        connection.execute(damage)
    found = [finding.problem for finding in doctor.check(place) if finding.part == "facts"]
    assert found == ["the parts of names of files are damaged"]
    mended = [finding.remedy for finding in doctor.repair(place) if finding.part == "facts"]
    assert mended in (["made anew"], [])  # the second: all of the catalog was made anew
    opened = Catalog.open(file_url(place / "catalog.sqlite"))
    assert held(opened, "jpg") == [1, 3]
    with opened.snapshot() as snapshot:
        assert Selection(snapshot).ids(Named("img_0077"), "image").tolist() == [1]
    opened.close()


def test_a_name_too_many_or_too_few_is_seen(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        batch.connection.exec_driver_sql("INSERT INTO name_part(rowid, name) VALUES (9, 'other')")
        assert not NameParts(batch).are_right()
        batch.connection.exec_driver_sql("INSERT INTO name_part(name_part, rowid, name) VALUES ('delete', 9, 'other')")
        assert NameParts(batch).are_right()
        batch.connection.exec_driver_sql("DROP TRIGGER fact_name_updated")
        batch.write(update(fact).values(name="zebra.jpg").where(fact.c.item_id == 1))
        assert not NameParts(batch).are_right()
        NameParts(batch).make_all()
        assert NameParts(batch).are_right()


def test_a_table_that_is_made_otherwise_is_not_opened(catalog: Catalog) -> None:
    catalog.close()
    with closing(sqlite3.connect(path_of(catalog), isolation_level=None)) as connection:
        connection.execute("DROP TABLE name_part")
        connection.execute("CREATE VIRTUAL TABLE name_part USING fts5(name)")
    with pytest.raises(StoreDamagedError, match="a table 'name_part' that this program does not make"):
        Catalog.open(catalog.url)


def test_nothing_is_left_of_names_that_were_deleted(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        Files(batch).forget("/photos/IMG_0077.jpg")
        NameParts(batch).forget_deleted()
    with catalog.snapshot() as snapshot:
        blocks = snapshot.connection.exec_driver_sql("SELECT block FROM name_part_data").scalars().all()
        names = snapshot.connection.execute(select(fact.c.name)).scalars().all()
    assert len(names) == 2
    assert not any(b"077" in block for block in blocks)
    assert any(b"mer" in block or b"er." in block for block in blocks)
