"""Rows carry a checksum that every way of writing keeps and a changed value breaks; what is not ours is refused."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from indexer.catalog import schema, sqlite_sums
from indexer.catalog.catalog import Catalog
from indexer.catalog.exclusions import Exclusions
from indexer.catalog.expressions import is_whole
from indexer.catalog.files import Files
from indexer.catalog.items import Items
from indexer.catalog.moves import Moves
from indexer.catalog.roots import Roots
from indexer.errors import StoreDamagedError
from tests.fixtures.catalog_rows import add_photo, new_catalog

SUMMED = [table for table in schema.metadata.sorted_tables if "sum" in table.columns]


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    made = new_catalog(tmp_path / "catalog.sqlite")
    with made.batch() as batch:
        for number in range(1, 6):
            add_photo(batch, 1, f"/photos/{number}.jpg", number)
        Roots(batch).add("/photos", ("*.tmp",))
        Exclusions(batch).add("/photos/out.jpg")
    yield made
    made.close()


def broken(catalog: Catalog) -> dict[str, int]:
    """How many rows of each table do not have their checksum, or none; tables without such rows are left out."""
    found: dict[str, int] = {}
    with catalog.snapshot() as snapshot:
        for table in SUMMED:
            rows = snapshot.connection.execute(select(table.c.sum, is_whole(table)).select_from(table)).all()
            bad = sum(total is None or not whole for total, whole in rows)
            found |= {table.name: bad} if bad else {}
    return found


def test_every_plain_table_is_summed() -> None:
    assert {table.name for table in SUMMED} == {
        "meta", "encoder", "root", "exclusion", "content", "photo", "file", "item",
    }  # fmt: skip


def test_every_way_of_writing_keeps_the_sums(catalog: Catalog) -> None:
    assert broken(catalog) == {}
    changes: list[Callable[[Any], object]] = [
        lambda batch: Files(batch).mark_vanished([1, 2]),
        lambda batch: Files(batch).mark_present([1]),
        lambda batch: Files(batch).forget("/photos/3.jpg"),
        lambda batch: Items(batch).touch([4, 5]),
        lambda batch: Moves(batch).move("/photos", "/pictures"),
        lambda batch: Roots(batch).finish("/pictures", "/"),
        lambda batch: Files(batch).forget_vanished(),
    ]
    for change in changes:
        with catalog.batch() as batch:
            change(batch)
        assert broken(catalog) == {}


@pytest.mark.parametrize(
    ("table", "value"),
    [
        ("item", "text = 'a dog'"),
        ("item", "generation = 0"),
        ("photo", "camera = 'Other'"),
        ("photo", "latitude = 1.5"),
        ("file", "path = x'2f62'"),
        ("file", "state = CAST(x'70ff' AS TEXT)"),  # no UTF-8
        ("file", "state = x'70726573656e74'"),  # the same bytes, of another type
        ("content", "kind = 'text'"),
        ("root", "ignores = '[]'"),
        ("exclusion", "path = x'2f62'"),
        ("encoder", "identity = '{}'"),
        ("meta", "value = '7'"),
    ],
)
def test_a_value_that_changed_by_itself_is_seen(catalog: Catalog, table: str, value: str) -> None:
    catalog.close()
    with closing(sqlite3.connect(catalog.url.database or "")) as connection:
        rows = connection.execute(f"SELECT max(rowid) FROM {table}").fetchone()[0]
        connection.executescript(f"DROP TRIGGER {table}_updated; UPDATE {table} SET {value} WHERE rowid = {rows};")
        for statement in sqlite_sums.triggers(table, sqlite_sums.summed(schema.metadata.tables[table])).values():
            if "_updated" in statement.split(" AFTER")[0]:
                connection.execute(statement)
        connection.commit()
    assert broken(catalog) == {table: 1}


def test_a_hit_whose_row_is_damaged_is_left_out(catalog: Catalog) -> None:
    catalog.close()
    with closing(sqlite3.connect(catalog.url.database or "")) as connection:
        connection.execute("DROP TRIGGER photo_updated")
        connection.execute("UPDATE photo SET camera = 'Other' WHERE content_id = 2")
        columns = sqlite_sums.summed(schema.photo)
        connection.execute(sqlite_sums.triggers("photo", columns)["photo_updated"])
        connection.commit()
    with catalog.snapshot() as snapshot:
        assert sorted(Items(snapshot).get([1, 2, 3])) == [1, 3]


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.binary() | st.floats(), max_size=5))
def test_the_sum_is_the_crc_of_the_values_in_ascii(values: list[object]) -> None:
    assert sqlite_sums.row_sum(*values) == zlib.crc32(ascii(tuple(values)).encode())


def test_one_and_the_text_one_and_one_point_zero_have_different_sums() -> None:
    assert len({sqlite_sums.row_sum(value) for value in (1, "1", b"1", 1.0, None, "None")}) == 6


# -- what this program does not make ------------------------------------------------------------------------

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id, i AS file_id FROM n"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (f"DROP TABLE item; CREATE VIEW item AS {ENDLESS}", "a view 'item'"),
        (f"CREATE VIEW more AS {ENDLESS}", "a view 'more'"),
        ("CREATE TABLE more (a)", "a table 'more'"),
        ("CREATE TRIGGER more AFTER DELETE ON item BEGIN DELETE FROM file; END", "a trigger 'more'"),
        (
            "DROP TRIGGER item_updated; CREATE TRIGGER item_updated AFTER UPDATE ON item BEGIN DELETE FROM file; END",
            "a trigger 'item_updated'",
        ),
        ("ALTER TABLE item ADD COLUMN more AS (length(text))", "a column 'more' of the table 'item'"),
        ("DROP TRIGGER item_updated", "lacks the trigger 'item_updated'"),
        ("ALTER TABLE root DROP COLUMN mount", "a trigger 'root_inserted'"),
        ("DROP TABLE exclusion", "lacks the table 'exclusion'"),
    ],
)
def test_a_catalog_with_other_tables_than_ours_is_refused(catalog: Catalog, script: str, said: str) -> None:
    catalog.close()
    with closing(sqlite3.connect(catalog.url.database or "")) as connection:
        if "DROP COLUMN mount" in script:  # SQLite refuses while a trigger names it
            script = "PRAGMA writable_schema = ON; " + script
        connection.executescript(script)
    for reopen in (Catalog.open, Catalog.create):
        with pytest.raises(StoreDamagedError, match="repair") as caught:
            reopen(catalog.url)
        assert said in str(caught.value)
