"""Folders, forgotten paths and single values: what a page that is whole and wrong would lose without a word."""

from __future__ import annotations

import shutil
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

import search
from indexer import doctor
from indexer.settings import DEFAULT_IGNORES
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.damage import pages
from tests.fixtures.damaged import PAGE, run

#: Photographs; those that a pattern leaves out are more.
COUNT = 150

Damage = Callable[[bytearray, int, dict[str, list[int]]], None]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store over a folder with a pattern, and a folder elsewhere; two photographs are forgotten. To be copied."""
    folder = tmp_path_factory.mktemp("whole")
    photos, other = folder / "photos", folder / "other"
    photos.mkdir()
    other.mkdir()
    for number in range(COUNT):
        Image.new("RGB", (9, 9), (255 - number, number, 99)).save(photos / f"{number:03}.png")
    Image.new("RGB", (9, 9), "red").save(photos / "draft.png")
    Image.new("RGB", (9, 9), "blue").save(other / "blue.png")
    with search.open(folder / "s", encoder=ColourTokenEncoder()) as library:
        library.index(photos, settings=search.IndexSettings(ignores=("draft*",)))
        library.index(other)
        library.forget(photos / "005.png")
        library.forget(photos / "007.png")
    assert doctor.check(folder / "s") == []
    return folder / "s"


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    """A copy, to be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "s"))


def hurt(store: Path, damage: Damage, table: str) -> None:
    """Damage the first page of a table, or index."""
    path = store / "catalog.sqlite"
    tables, data = pages(path), bytearray(path.read_bytes())
    damage(data, (tables[table][0] - 1) * PAGE, tables)
    path.write_bytes(data)


def empty(data: bytearray, start: int, tables: dict[str, list[int]]) -> None:
    """The page of a table without rows in its place."""
    copied(data, start, tables["tombstone"][0])


def of_items(data: bytearray, start: int, tables: dict[str, list[int]]) -> None:
    """A page of rows of another table in its place."""
    copied(data, start, tables["item"][-1])


def of_files(data: bytearray, start: int, tables: dict[str, list[int]]) -> None:
    """A page of the index of files in its place."""
    copied(data, start, tables["sqlite_autoindex_file_1"][1])


def copied(data: bytearray, start: int, page: int) -> None:
    data[start : start + PAGE] = data[(page - 1) * PAGE : page * PAGE]


def zeroed(data: bytearray, start: int, tables: dict[str, list[int]]) -> None:
    data[start : start + PAGE] = bytes(PAGE)


def no_cells(data: bytearray, start: int, tables: dict[str, list[int]]) -> None:
    data[start + 3 : start + 5] = bytes(2)


def one_cell(data: bytearray, start: int, tables: dict[str, list[int]]) -> None:
    data[start + 3 : start + 5] = b"\0\1"


def asked(store: Path, statement: str) -> list[object]:
    with closing(sqlite3.connect(store / "catalog.sqlite")) as connection:
        return [row[0] for row in connection.execute(statement)]


def said_of_repair(store: Path) -> dict[str, str]:
    """Remedies by problems, without those of every repair."""
    found = {finding.problem: finding.remedy for finding in doctor.repair(store)}
    assert found.pop("the catalog was damaged").startswith("saved ")
    assert found.pop("the vector indexes were missing, damaged or out of date") == "built again"
    return found


@pytest.mark.parametrize("damage", [empty, of_items, no_cells, one_cell, zeroed])
def test_what_was_forgotten_stays_so(whole: Path, store: Path, damage: Damage) -> None:
    photos = whole.parent / "photos"
    hurt(store, damage, "exclusion")
    assert [finding.part for finding in doctor.check(store) if finding.grave] == ["catalog"]
    problem = f"2 forgotten paths were lost from the table (first: {photos}/005.png)"
    remedy = "written again, as the index of the table names them"
    if damage is one_cell:
        problem = f"1 forgotten path was lost from the table: {photos}/007.png"
        remedy = "written again, as the index of the table names it"
    assert said_of_repair(store) == {problem: remedy}
    with search.open(store, encoder=ColourTokenEncoder()) as library:
        assert library.index().encoded == 0
        assert library.check() == []
    assert asked(store, "SELECT path FROM exclusion") == [bytes(photos / f"00{number}.png") for number in (5, 7)]


@pytest.mark.parametrize("damage", [empty, of_items, no_cells, one_cell, zeroed])
def test_folders_come_back_and_their_patterns_are_said_to_be_lost(whole: Path, store: Path, damage: Damage) -> None:
    photos, other = whole.parent / "photos", whole.parent / "other"
    hurt(store, damage, "root")
    assert [finding.part for finding in doctor.check(store) if finding.grave] == ["catalog"]
    lost = [other] if damage is one_cell else [other, photos]
    assert said_of_repair(store) == {
        f"the patterns of {path}, by which it leaves files out, were lost": (
            f"the default ones take their place until `index({str(path)!r}, ignores=('PATTERN',))` adds its own"
        )
        for path in lost
    }
    with search.open(store) as library:
        known = {root.path: root.ignores for root in library.status().roots}
    own = ("draft*",) if damage is one_cell else ()
    assert known == {str(photos): (*DEFAULT_IGNORES, *own), str(other): DEFAULT_IGNORES}


@pytest.mark.parametrize("damage", [zeroed, empty, no_cells, of_files])
@pytest.mark.parametrize("table", ["exclusion", "root", "meta"])
def test_a_damaged_index_takes_nothing_from_its_table(store: Path, table: str, damage: Damage) -> None:
    key = "key" if table == "meta" else "path"
    before = asked(store, f"SELECT {key} FROM {table} ORDER BY 1")
    hurt(store, damage, f"sqlite_autoindex_{table}_1")
    assert [finding.part for finding in doctor.check(store) if finding.grave] == ["catalog"]
    assert said_of_repair(store) == {}
    assert set(before) <= set(asked(store, f"SELECT {key} FROM {table}"))
    if table != "meta":
        assert asked(store, f"SELECT {key} FROM {table} ORDER BY 1") == before


def test_nothing_is_said_to_be_lost_where_only_the_first_page_was(store: Path) -> None:
    tables = ("root", "exclusion", "encoder", "file", "item", "content")
    before = [asked(store, f"SELECT count(*) FROM {table}") for table in tables]
    hurt(store, zeroed, "sqlite_schema")
    assert said_of_repair(store) == {}
    assert [asked(store, f"SELECT count(*) FROM {table}") for table in tables] == before


def test_what_cannot_be_counted_is_not(store: Path) -> None:
    path = store / "catalog.sqlite"
    path.write_bytes(path.read_bytes()[: PAGE * 8])
    told = {problem for problem in said_of_repair(store) if problem.startswith("an unknown number of ")}
    assert {"an unknown number of folders of the index may be lost"} <= told
    assert {"an unknown number of forgotten paths may be lost"} <= told


def test_the_record_of_an_encoder_comes_back_from_its_index(store: Path) -> None:
    hurt(store, zeroed, "encoder")
    assert said_of_repair(store) == {}
    with search.open(store, encoder=ColourTokenEncoder()) as library:
        assert library.index().encoded == 0
        assert library.check() == []


def test_totals_are_kept_again_and_tokens_stay_when_single_values_were_lost(store: Path) -> None:
    crc = zlib.crc32(bytes(16))
    run(store / "catalog.sqlite", "UPDATE token SET data = zeroblob(16), crc = ? WHERE content_id = 3", values=[crc])
    before = asked(store, "SELECT crc FROM token ORDER BY content_id")
    assert crc in before  # which no run would make again
    hurt(store, zeroed, "meta")
    said = said_of_repair(store)
    assert [problem for problem in said if "values of the whole store were not what was written" in problem]
    assert asked(store, "SELECT value FROM meta WHERE key LIKE 'items:%' ORDER BY key") == [str(COUNT - 2 + 1), "0"]
    with search.open(store, encoder=ColourTokenEncoder()) as library:
        assert library.index().encoded == 0
        assert library.check() == []
    assert asked(store, "SELECT crc FROM token ORDER BY content_id") == before


def test_all_files_below_no_folder_are_counted(whole: Path, store: Path) -> None:
    run(store / "catalog.sqlite", f"DELETE FROM root WHERE path = CAST('{whole.parent}/photos' AS BLOB)", sums=True)
    first = whole.parent / "photos" / "000.png"
    assert f"{COUNT - 2} files lie below no folder of this index (first: {first})" in {
        finding.problem for finding in doctor.check(store)
    }


def test_sentences_are_said_once_and_on_one_line(store: Path) -> None:
    hurt(store, no_cells, "exclusion")
    (finding,) = doctor.check(store)
    assert "\n" not in finding.problem
    assert "***" not in finding.problem
    assert finding.problem.endswith(", and 1 more)")
    hurt(store, zeroed, "sqlite_schema")
    (finding,) = doctor.check(store)
    assert finding.problem.endswith("is damaged (file is not a database)")
    assert finding.remedy == "`repair()` saves what can be read"


def test_a_file_in_the_place_of_the_indexes_is_named(store: Path) -> None:
    shutil.rmtree(store / "vectors")
    (store / "vectors").write_text("x")
    problem = f"{store}/vectors is a file, and the indexes lie in a folder of this name"
    found = {(finding.problem, finding.remedy) for finding in doctor.check(store) if finding.part == "index"}
    assert found == {(problem, "delete the file, then `repair()` builds the indexes again")}
    with pytest.raises(search.SearchError) as raised:
        doctor.repair(store)
    assert str(raised.value) == f"{problem}; delete the file, then run the same command again."
    (store / "vectors").unlink()
    assert "the vector indexes were missing, damaged or out of date" in {each.problem for each in doctor.repair(store)}
    assert doctor.check(store) == []
