"""Connections to the catalog: pragmas, explicit transactions, and SQLite's errors as ours."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from indexer.errors import SearchError, StoreDamagedError, StoreError, StoreUnwritableError

#: A reader never waits for a writer in WAL mode; a writer waits this long (ms) for another one's transaction.
BUSY_TIMEOUT_MS = 10_000
#: Pages of the WAL after which SQLite moves them into the database: about 16 MB.
CHECKPOINT_PAGES = 4_000
#: Bytes of the file that a reader maps into memory; what lies beyond is read as usual. Fetching the tokens of 100
#: items at random takes 0.89 ms with the mapping and 0.99 ms without. A bound, because address space is one too.
MAPPED_BYTES = 1 << 30


def connect(path: Path, *, writable: bool, mapped: bool = False, prepare: Sequence[str] = ()) -> Engine:
    """An engine for the SQLite file at `path`; `mapped`: it is there to read, through a map of the file in memory.

    `prepare`: statements to run on every new connection; what they make lies in memory.
    A store on read-only media is opened without locks when it has no write-ahead log to read (immutable=1).
    """
    query = {"uri": "true", "mode": "rwc" if writable else "ro"}
    if not writable and not os.access(path.parent, os.W_OK):
        log = path.with_name(path.name + "-wal")
        if not log.exists() or log.stat().st_size == 0:
            query["immutable"] = "1"
    url = URL.create("sqlite", database="file:" + quote(str(path)), query=query)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun by us, so that a read is a snapshot too
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        if prepare:
            cursor.execute("PRAGMA temp_store = MEMORY")
        for statement in prepare:
            cursor.execute(statement)
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


@contextmanager
def transaction(engine: Engine, path: Path, *, writing: bool) -> Iterator[Connection]:
    """One transaction: committed on leaving, rolled back on any exception.

    Raises StoreError (damaged, unwritable) in place of the driver's errors.
    """
    with translated(path), engine.connect() as connection:
        connection = connection.execution_options(writing=writing)
        with connection.begin():
            yield connection


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into the error tree."""
    try:
        yield
    except SearchError:
        raise
    except (DBAPIError, sqlite3.Error) as error:
        raise translate(error, path) from error


def translate(error: Exception, path: Path) -> StoreError:
    """The sentence for an error of SQLite."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = (getattr(cause, "sqlite_errorcode", None) or 0) & 0xFF  # primary result code
    text = str(cause)
    store = path.parent
    if code == sqlite3.SQLITE_FULL:
        return StoreUnwritableError(
            f"The disk of {store} is full; free some space and run the same command again, it goes on from the "
            "last committed batch."
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return StoreUnwritableError(
            f"{store} cannot be written (read-only or not permitted); make it writable or name another --store."
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreDamagedError(f"{path} is damaged ({text}); `search doctor --repair` saves what can be read.")
    if code == sqlite3.SQLITE_CANTOPEN:
        return StoreUnwritableError(f"{path} cannot be opened; check its permissions, or name another --store.")
    if code == sqlite3.SQLITE_IOERR:
        return StoreUnwritableError(
            f"Reading or writing {path} failed ({text}); check the disk and its free space, then run the same "
            "command again."
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreUnwritableError(f"{path} stayed locked by another process; try again when it has finished.")
    return StoreDamagedError(f"{path} could not be used ({text}); `search doctor` says more.")
