"""Pages, records and logs of SQLite files, read without SQLite: the same rows that SQLite itself reads."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.catalog.sqlite_log import committed
from indexer.catalog.sqlite_pages import Pages
from indexer.catalog.sqlite_records import DamagedRecordError, record, varint

VALUES = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
    | st.binary(max_size=40)
    | st.integers(0, 20_000).map(bytes)
)
ROWS = st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), VALUES, VALUES), max_size=60, unique_by=lambda row: row[0])


def read(path: Path, table: str) -> list[tuple[object, ...]]:
    """(row id, values but that of the key) of a table, as we read it."""
    with Pages(path) as pages:
        tree = pages.tree(pages.roots()[table])
        assert tree.torn == 0
        return [(number, *values[1:]) for leaf in tree.leaves for number, values in pages.rows(leaf)]


def asked(path: Path, table: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()


@settings(deadline=None, max_examples=40)
@given(ROWS, st.sampled_from([512, 4096, 65536]), st.booleans())
def test_the_same_rows_as_sqlite(rows: list[tuple[object, ...]], size: int, wal: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, copy = Path(folder) / "a.sqlite", Path(folder) / "b.sqlite"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA page_size = {size}")
            connection.execute(f"PRAGMA journal_mode = {'WAL' if wal else 'DELETE'}")
            connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)")
            connection.execute("CREATE INDEX i ON t (a)")
            connection.execute("CREATE TABLE other (id INTEGER PRIMARY KEY, a)")
            connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
            connection.execute("DELETE FROM t WHERE id % 3 = 0")
            connection.commit()
            shutil.copy(path, copy)  # as after a kill: what the log holds is in no other place
            if wal:
                shutil.copy(f"{path}-wal", f"{copy}-wal")
            ours = read(copy, "t")
        assert ours == asked(path, "t")


@pytest.fixture
def logged(tmp_path: Path) -> Path:
    """A database with three transactions of a row each in its log."""
    path = tmp_path / "logged.sqlite"
    connection = sqlite3.connect(tmp_path / "live.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for number in (1, 2, 3):
        connection.execute("INSERT INTO t VALUES (?, ?)", (number, "x" * 3_000))  # a page each
    shutil.copy(tmp_path / "live.sqlite", path)
    shutil.copy(tmp_path / "live.sqlite-wal", f"{path}-wal")
    connection.close()
    return path


def test_what_comes_after_a_damaged_frame_of_the_log_is_read(logged: Path) -> None:
    log = Path(f"{logged}-wal")
    data = bytearray(log.read_bytes())
    frames = (len(data) - 32) // 4_120
    pages = [int.from_bytes(data[32 + 4_120 * at : 36 + 4_120 * at], "big") for at in range(frames)]
    assert len(asked_of(logged, data)) == 3
    hurt = bytearray(data)
    hurt[32 + 24 + 100] ^= 1  # in the first frame
    log.write_bytes(hurt)
    assert set(committed(bytes(hurt))) == set(pages[1:])
    assert len(read(logged, "t")) == 3
    with closing(sqlite3.connect(logged)) as connection:  # for SQLite there is no log any more
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


def asked_of(path: Path, log: bytes) -> list[tuple[object, ...]]:
    """What SQLite reads of a database with this log."""
    copy = path.with_name("copy.sqlite")
    shutil.copy(path, copy)
    Path(f"{copy}-wal").write_bytes(log)
    return asked(copy, "t")


def test_a_transaction_that_was_not_committed_is_not_read(logged: Path) -> None:
    data = Path(f"{logged}-wal").read_bytes()
    cut = data[: len(data) - 4_120]  # its last frame is missing
    assert len(asked_of(logged, cut)) == 2
    Path(f"{logged}-wal").write_bytes(cut)
    assert len(read(logged, "t")) == 2


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_record_or_none(data: bytes) -> None:
    for parse in (record, lambda each: varint(each, 0), committed):
        with suppress(DamagedRecordError):
            parse(data)


@pytest.mark.parametrize("length", [0, 15, 16, 18, 20, 63, 99])
def test_a_file_that_ends_in_its_header_has_no_rows(tmp_path: Path, length: int) -> None:
    path = tmp_path / "a.sqlite"
    path.write_bytes(b"SQLite format 3\0".ljust(100, b"\x02")[:length])
    with Pages(path) as pages:
        assert (pages.version, pages.roots(), [*pages.leaves()]) == (0, {"sqlite_schema": 1}, [])


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_file_is_read_without_an_error(data: st.DataObject) -> None:
    """A small database with bytes changed anywhere: no exception, and no work without end."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.sqlite"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA page_size = 512")
            connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
            connection.executemany("INSERT INTO t (a) VALUES (?)", [("x" * (50 * number),) for number in range(40)])
            connection.execute("DELETE FROM t WHERE id > 30")
            connection.commit()
        raw = bytearray(path.read_bytes())
        for at in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=20)):
            raw[at] = data.draw(st.integers(0, 255))
        path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
        with Pages(path) as pages:
            pages.free()
            leaves = [leaf for root in pages.roots().values() for leaf in pages.tree(root).leaves]
            assert sum(1 for leaf in {*leaves, *pages.leaves()} for _ in pages.rows(leaf)) <= 40 * 512
