"""SQLite: all that only this database understands, so that another one can stand beside it.

A second database is a class with the methods of `Sqlite`, chosen by the URL in `catalog.database_at`.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    Select,
    create_engine,
    event,
)
from sqlalchemy.pool import NullPool

from indexer.catalog import sqlite_derived, sqlite_sums
from indexer.catalog.full_text import FullText
from indexer.catalog.full_text_names import NameIndex
from indexer.catalog.sqlite_beside import refuse_foreign
from indexer.catalog.sqlite_errors import SqliteErrors
from indexer.catalog.sqlite_tables import SqliteTables
from indexer.errors import StoreDamagedError, StoreError, StoreMissingError, StoreUnwritableError
from indexer.private import make_catalog
from indexer.reach import check_store_place, is_missing, look, reason, refuse_store

#: "SEMS" in the header says that the file is ours.
APPLICATION_ID: Final = 0x53454D53
#: A reader never waits for a writer in WAL mode; a writer waits this long (ms) for another one's transaction.
BUSY_TIMEOUT_MS: Final = 10_000
#: Pages of the WAL after which SQLite moves them into the database: about 16 MB.
CHECKPOINT_PAGES: Final = 4_000
#: Bytes of the file that a reader maps into memory; what lies beyond is read as usual. Fetching the tokens of 100
#: items at random takes 0.89 ms with the mapping and 0.99 ms without. A bound, because address space is one too.
MAPPED_BYTES: Final = 1 << 30
#: Connections of one process; more threads wait their turn. A query holds one for a few milliseconds.
CONNECTIONS: Final = 16
#: Steps of SQLite's machine, a few milliseconds, after which Python is asked whether somebody pressed Ctrl-C.
STEPS: Final = 200_000

#: Options of a table whose ids are never used again.
IDS_USED_ONCE: Final[dict[str, Any]] = {"sqlite_autoincrement": True}
#: The pool waits as long as it takes.
_FOR_EVER: Final[Any] = None
#: Files of which SQLite's memory is wrong in this process, for good.
_in_use_at_fork: set[Path] = set()


def partial(condition: ColumnElement[bool]) -> dict[str, Any]:
    """Options of an index of only some rows, which serves statements in which this very condition stands."""
    return {"sqlite_where": condition}


def keep_sums(connection: Connection, table: str) -> None:
    """For migrations: write the checksum of every row of a table, of all its columns, and keep it from now on.

    To be called for a table that has got the column of checksums, or any other while it has that one. On another
    database it does nothing: that sums its own pages.
    """
    if connection.dialect.name == "sqlite":
        sqlite_sums.keep(connection, table)


def go_with_items(connection: Connection, table: str) -> None:
    """For migrations: let the rows of a table that are derived from items go with them from now on."""
    sqlite_derived.keep(connection, table)


def _listen() -> None:
    """Python handles signals when it runs: what a handler raises here ends the statement."""


def file_url(path: Path) -> URL:
    """The URL of the database in a file."""
    return URL.create("sqlite", database=str(path))


class Sqlite(SqliteTables, SqliteErrors):
    """The database file that a URL names."""

    def __init__(self, url: URL) -> None:
        self.path = Path(url.database or "")
        self.words = FullText()
        self.names = NameIndex()

    def __str__(self) -> str:
        return str(self.path)

    def make_room(self) -> None:
        """Make the folder of a new file, and the file, which only its owner may read. Raises StoreUnwritableError where
        neither can be written."""
        try:
            make_catalog(self.path)
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

        Raises StoreDamagedError for files beside it that lead to others.
        """
        refuse_foreign(self.path)
        query = {"uri": "true", "mode": "rwc" if writable else "rw" if alone else "ro"}
        if alone:
            query["cache"] = "shared"
        elif not writable and self._is_still():
            query["immutable"] = "1"
        url = URL.create("sqlite", database="file:" + quote(os.fsencode(self.path)), query=query)
        given = {"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False}
        if alone:
            engine = create_engine(url, connect_args=given, poolclass=NullPool)
        else:
            engine = create_engine(
                url,
                connect_args=given,
                pool_size=CONNECTIONS,
                max_overflow=0,
                pool_timeout=_FOR_EVER,
                pool_use_lifo=True,
            )

        @event.listens_for(engine, "connect")
        def _on_connect(connection: sqlite3.Connection, _record: Any) -> None:
            connection.isolation_level = None  # transactions are begun by us, so that a read is a snapshot too
            connection.create_function(sqlite_sums.FUNCTION, -1, sqlite_sums.row_sum, deterministic=True)
            connection.set_progress_handler(_listen, STEPS)
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

    def only_writer(self) -> AbstractContextManager[None]:
        """Nothing more than the store's lock, which lies beside the file."""
        return nullcontext()

    def among_writers(self) -> AbstractContextManager[None]:
        """A file has one writer."""
        return nullcontext()

    def place(self, *, writable: bool) -> tuple[object, ...] | None:
        """What a connection holds on to: when it is another, or what was taken for still has changed, everything has
        to be opened again. None where the file cannot be looked at."""
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        which = (found.st_dev, found.st_ino)
        if writable or not self._is_still():
            return which
        return (*which, found.st_size, found.st_mtime_ns)

    def check_there(self) -> None:
        """Raise StoreMissingError when the file is gone; a repair that puts another in its place takes a moment."""
        for _ in range(5):
            if not is_missing(self.path):
                return
            time.sleep(0.02)
        raise StoreMissingError(
            f"The index at {self.path.parent} is no longer there; if it was moved, open it at its new place, else make "
            "one with `index(FOLDER)`."
        )

    def _is_still(self) -> bool:
        """Whether nobody writes, as far as one can see who may not make the index of the log beside the file."""
        if os.access(self.path.parent, os.W_OK):
            return False
        log = self.files[1]
        return not log.exists() or log.stat().st_size == 0

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

    def begin(self, connection: Connection) -> int:
        """None: here a catalog begins with the first of all migrations."""
        return 0

    def set_version(self, connection: Connection, number: int) -> None:
        """Write owner and version; they commit with the caller's transaction."""
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version = {number}")

    def shared(self, connection: Connection, statement: Select[Any]) -> None:
        """Nobody else comes to a file."""

    def live_bytes(self, connection: Connection) -> int:
        """Bytes of the file without its free pages."""
        size, pages, free = (
            int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
            for name in ("page_size", "page_count", "freelist_count")
        )
        return size * (pages - free)

    def tidy(self, engine: Engine) -> None:
        """Indexes of a file are up to date, and its statements say themselves which of them to use."""

    def rewrite(self, engine: Engine) -> bool:
        """Write the file anew without its free pages, then the log into it. False where the log is in use.

        Raises what the driver raises.
        """
        connection = engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            found = cursor.fetchone()  # (in use, ...)
            cursor.close()
            return found is not None and not found[0]
        finally:
            connection.close()

    @property
    def files(self) -> list[Path]:
        """The database, its log, and the log's index."""
        return [self.path, *(self.path.with_name(self.path.name + end) for end in ("-wal", "-shm"))]
