"""SQLite: all that only this database understands, so that another one can stand beside it.

A second database is a class with the methods of `Sqlite`, chosen by the URL in `catalog.database_at`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import (
    URL,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Insert,
    Integer,
    Table,
    create_engine,
    event,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from indexer.errors import (
    SearchError,
    StoreDamagedError,
    StoreError,
    StoreMissingError,
    StoreUnwritableError,
    UnfitValueError,
)
from indexer.reach import check_store_place, look, reason, refuse_store

#: "SEMS" in the header says that the file is ours.
APPLICATION_ID: Final = 0x53454D53
#: A reader never waits for a writer in WAL mode; a writer waits this long (ms) for another one's transaction.
BUSY_TIMEOUT_MS: Final = 10_000
#: Pages of the WAL after which SQLite moves them into the database: about 16 MB.
CHECKPOINT_PAGES: Final = 4_000
#: Bytes of the file that a reader maps into memory; what lies beyond is read as usual. Fetching the tokens of 100
#: items at random takes 0.89 ms with the mapping and 0.99 ms without. A bound, because address space is one too.
MAPPED_BYTES: Final = 1 << 30
#: Where a table's last row id cannot be read, it is looked for up to here.
HIGHEST: Final = 2**40

#: Options of a table whose ids are never used again.
IDS_USED_ONCE: Final[dict[str, Any]] = {"sqlite_autoincrement": True}
#: Files of which SQLite's memory is wrong in this process, for good.
_in_use_at_fork: set[Path] = set()
_ROWID: ColumnElement[int] = literal_column("rowid", Integer)


#: Results that say that SQLite cannot write, of a file that it could open for that.
_NO_ROOM: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_IOERR_SHMOPEN,
        sqlite3.SQLITE_IOERR_SHMSIZE,
        sqlite3.SQLITE_IOERR_SHMMAP,
    }
)


def _code(error: BaseException | None) -> int:
    """SQLite's extended result code; 0 for what is none of its errors."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlite_errorcode", None) or 0


def partial(condition: ColumnElement[bool]) -> dict[str, Any]:
    """Options of an index of only some rows, which serves statements in which this very condition stands."""
    return {"sqlite_where": condition}


def off_index(column: Column[Any]) -> ColumnElement[Any]:
    """The column, in a condition by which SQLite is not to choose an index: a plus says so."""
    return literal_column(f"+{column.table.name}.{column.name}", column.type)


def upsert(table: Table, key: Sequence[str], change: Sequence[str] = ()) -> Insert:
    """Insert rows; one whose `key` is there gets the new values of the columns `change`, or stays as it is."""
    statement = insert(table)
    if not change:
        return statement.on_conflict_do_nothing()
    values = {name: statement.excluded[name] for name in change}
    return statement.on_conflict_do_update(index_elements=key, set_=values)


def file_url(path: Path) -> URL:
    """The URL of the database in a file."""
    return URL.create("sqlite", database=str(path))


class Sqlite:
    """The database file that a URL names."""

    def __init__(self, url: URL) -> None:
        self.path = Path(url.database or "")

    def __str__(self) -> str:
        return str(self.path)

    def make_room(self) -> None:
        """Make the folder of a new file. Raises StoreUnwritableError where neither can be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            check_store_place(self.path.parent)
            raise StoreUnwritableError(
                f"The store {self.path.parent} cannot be made ({reason(error)}); name another place with `store`."
            ) from error
        found = self._look()
        if found is not None and found.st_size and not os.access(self.path, os.W_OK):
            raise self.unwritable()

    def find(self) -> bool:
        """Whether the file, which has to be there, may be written.

        Raises StoreMissingError, StoreDamagedError or StoreUnwritableError, and UsageError where no store can be.
        """
        found = self._look()
        if found is None:
            check_store_place(self.path.parent)
            raise StoreMissingError(
                f"There is no index at {self.path.parent}; make one with `index(FOLDER)`"
                " (`store` or SEARCH_STORE names another place)."
            )
        if found.st_size == 0:
            raise StoreDamagedError(f"{self} is empty; `repair()` starts it anew, then `index()` fills it.")
        return os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK)

    def _look(self) -> os.stat_result | None:
        """The status of the file; None where it is not there. Raises as `refuse_store`."""
        try:
            return look(self.path)
        except OSError as error:
            refuse_store(self.path.parent, error)

    def connect(
        self, *, writable: bool, mapped: bool = False, alone: bool = False, prepare: Sequence[str] = ()
    ) -> Engine:
        """An engine for the file; `mapped`: it is there to read, through a map of the file in memory.

        `prepare`: statements to run on every new connection; what they make lies in memory.
        A store on read-only media is opened without locks when it has no write-ahead log to read (immutable=1).

        `alone`: on a full disk, where the index of the log (-shm) has no room, it is kept in memory. That takes the
        whole file for this process while it reads; others wait. What reads at the same time here shares a connection
        below (cache=shared), or it would wait for itself, and nothing stays open in between.
        """
        query = {"uri": "true", "mode": "rwc" if writable else "rw" if alone else "ro"}
        if alone:
            query["cache"] = "shared"
        elif not writable and not os.access(self.path.parent, os.W_OK):
            log = self.files[1]
            if not log.exists() or log.stat().st_size == 0:
                query["immutable"] = "1"
        url = URL.create("sqlite", database="file:" + quote(str(self.path)), query=query)
        given = {"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False}
        engine = create_engine(url, connect_args=given, poolclass=NullPool if alone else None)

        @event.listens_for(engine, "connect")
        def _on_connect(connection: sqlite3.Connection, _record: Any) -> None:
            connection.isolation_level = None  # transactions are begun by us, so that a read is a snapshot too
            cursor = connection.cursor()
            if alone:
                cursor.execute("PRAGMA locking_mode = EXCLUSIVE")  # first of all
            cursor.execute("PRAGMA foreign_keys = ON")
            if mapped or prepare:
                cursor.execute("PRAGMA temp_store = MEMORY")  # what is sorted to be read needs no room on a disk
            for statement in prepare:
                cursor.execute(statement)
            if alone:
                cursor.execute("PRAGMA query_only = ON")
            if mapped:
                cursor.execute(f"PRAGMA mmap_size = {MAPPED_BYTES}")
            if writable:
                cursor.execute("PRAGMA journal_mode = WAL")
                cursor.execute("PRAGMA synchronous = FULL")  # what is committed survives a power cut
                cursor.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            cursor.close()

        @event.listens_for(engine, "begin")
        def _on_begin(connection: Connection) -> None:
            writing = connection.get_execution_options().get("writing", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

        return engine

    def was_in_use_at_fork(self) -> None:
        """This is a forked process, whose parent was reading or writing the file in another thread."""
        _in_use_at_fork.add(self.path)

    def check_fork(self) -> None:
        """Raise StoreError in a process in which SQLite would rely on locks that only the parent holds."""
        if self.path in _in_use_at_fork:
            raise StoreError(
                f"{self} was in use by another thread when this process was forked; fork while nothing is searched or "
                'indexed, or start processes anew (multiprocessing\'s "spawn").'
            )

    def version(self, connection: Connection) -> int:
        """The schema version in the header; 0 for a new file. Raises StoreDamagedError for a file that is not ours."""
        found = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        owner = int(connection.exec_driver_sql("PRAGMA application_id").scalar_one())
        tables = "SELECT count(*) FROM sqlite_schema"
        if owner != APPLICATION_ID and (found or owner or connection.exec_driver_sql(tables).scalar_one()):
            raise StoreDamagedError(f"{self} is a database of another program; name another place with `store`.")
        return found

    def set_version(self, connection: Connection, number: int) -> None:
        """Write owner and version; they commit with the caller's transaction."""
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version = {number}")

    def stand_ins(self, connection: Connection, tables: Iterable[Table]) -> list[str]:
        """Statements that let a reader use an older file that cannot be written; its indexes still serve.

        Temporary names hide those of the file: an empty table that of one that is not there, a view that of one that
        lacks columns, which then hold their defaults or nothing.
        """
        statements: list[str] = []
        for table in tables:
            there = self._columns(connection, table)
            lacking = [column for column in table.columns if column.name not in there]
            if not there:
                names = ", ".join(column.name for column in lacking)
                statements.append(f"CREATE TEMP TABLE {table.name} ({names})")
            elif lacking:
                defaults: list[Any] = [column.server_default for column in lacking]
                values = ["NULL" if default is None else default.arg for default in defaults]
                added = ", ".join(f"{value} AS {column.name}" for value, column in zip(values, lacking, strict=True))
                whole = f"SELECT *, {added} FROM main.{table.name}"  # noqa: S608  names of our own tables
                statements.append(f"CREATE TEMP VIEW {table.name} AS {whole}")
        return statements

    def _columns(self, connection: Connection, table: Table) -> set[str]:
        """Names of the columns that the file's own table has; none where it is not there."""
        return {row[1] for row in connection.exec_driver_sql(f"PRAGMA main.table_info({table.name})")}

    def integrity(self, connection: Connection) -> list[str]:
        """What SQLite's own checks say; empty when all is well."""
        rows = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        problems = [str(row) for row in rows if row != "ok"]
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        return problems + [f"a row of {row[0]} refers to a row of {row[2]} that is not there" for row in broken]

    def unwritable(self) -> StoreUnwritableError:
        """The error for a store that may only be read."""
        return StoreUnwritableError(
            f"{self.path.parent} cannot be written (read-only or not permitted); make it writable or name another "
            "`store`."
        )

    def full(self) -> StoreUnwritableError:
        """The error for a store whose disk has no room."""
        return StoreUnwritableError(
            f"The disk of {self.path.parent} is full; free some space and run the same command again, it goes on from "
            "the last committed batch."
        )

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn what SQLite raises into the error tree."""
        try:
            yield
        except SearchError:
            raise
        except (DBAPIError, sqlite3.Error) as error:
            raise self._translated(error) from error

    def lacks_room(self, error: StoreError) -> bool:
        """Whether `error`, of `translated`, says that nothing can be written beside the file, or to it."""
        return _code(error.__cause__) in _NO_ROOM

    def _translated(self, error: Exception) -> StoreError:
        cause = error.orig if isinstance(error, DBAPIError) else error
        extended = _code(error)
        code = extended & 0xFF  # primary result code
        if code == sqlite3.SQLITE_FULL or extended == sqlite3.SQLITE_IOERR_SHMSIZE:
            return self.full()
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
            return self.unwritable()
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return StoreDamagedError(f"{self} is damaged ({cause}); `repair()` saves what can be read.")
        if code == sqlite3.SQLITE_CANTOPEN:
            return StoreUnwritableError(f"{self} cannot be opened; check its permissions, or name another `store`.")
        if code == sqlite3.SQLITE_IOERR:
            return StoreUnwritableError(
                f"Reading or writing {self} failed ({cause}); check the disk and its free space, then run the same "
                "command again."
            )
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StoreUnwritableError(f"{self} stayed locked by another process; try again when it has finished.")
        if code in (sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH) or not code:
            return UnfitValueError(f"{self} cannot hold a value ({cause}); please report this.")
        return StoreDamagedError(f"{self} could not be used ({cause}); `check()` says more.")

    @property
    def files(self) -> list[Path]:
        """The database, its log, and the log's index."""
        return [self.path, *(self.path.with_name(self.path.name + end) for end in ("-wal", "-shm"))]

    def judge_references_late(self, connection: Connection) -> None:
        """Let rows refer to others that come later in the same transaction."""
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")

    def rows_between(self, connection: Connection, table: Table, low: int, high: int) -> list[dict[str, Any]]:
        """The rows whose row ids lie in a range, of the columns that the file has. Raises what the driver raises."""
        there = self._columns(connection, table)
        columns = [column for column in table.columns if column.name in there]
        statement = select(*columns).where(_ROWID.between(low, high)).order_by(_ROWID)
        return [dict(row) for row in connection.execute(statement).mappings()]

    def last_row(self, connection: Connection, table: Table) -> int:
        """The highest row id of a table, or a number above it; 0 when nothing of the table reads."""
        for statement in (
            select(func.max(_ROWID)).select_from(table),
            text("SELECT seq FROM sqlite_sequence WHERE name = :name").bindparams(name=table.name),
        ):
            try:
                found = connection.execute(statement).scalar()
            except DBAPIError:
                continue
            if isinstance(found, int) and found < HIGHEST:
                return found
            if found is None and "max" in str(statement):
                return 0
        return 0

    def keep_sequences(self, damaged: Connection, copy: Connection, tables: Iterable[Table]) -> None:
        """Ids are never used again, those of lost rows neither."""
        try:
            sequences = damaged.execute(text("SELECT name, seq FROM sqlite_sequence")).all()
        except DBAPIError:
            return
        names = {table.name for table in tables}
        for name, seq in sequences:
            if name in names and isinstance(seq, int):
                bound = {"name": name, "seq": seq}
                raised = text("UPDATE sqlite_sequence SET seq = max(seq, :seq) WHERE name = :name")
                if not copy.execute(raised, bound).rowcount:
                    copy.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"), bound)
