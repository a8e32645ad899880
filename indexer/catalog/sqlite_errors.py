"""What SQLite raises, as the error tree of this product says it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy.exc import DBAPIError

from indexer.catalog.sqlite_ids import ids_ended
from indexer.errors import SearchError, StoreDamagedError, StoreError, StoreUnwritableError, UnfitValueError

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


def is_damage(error: BaseException) -> bool:
    """Whether it says that what is stored does not read; of a virtual table also that a part of it is missing."""
    return _code(error) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


class SqliteErrors:
    """The errors of the database in the file `path`."""

    path: Path

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

    def _ids_ended(self) -> bool:
        """Whether SQLite means ids where it speaks of a full disk."""
        try:
            name = f"file:{quote(os.fsencode(self.path))}?mode=ro"
            with closing(sqlite3.connect(name, uri=True)) as connection:
                return bool(ids_ended(lambda statement: [row[0] for row in connection.execute(statement)]))
        except sqlite3.Error:  # it says of itself what is wrong when it is used next
            return False

    def _translated(self, error: Exception) -> StoreError:
        cause = error.orig if isinstance(error, DBAPIError) else error
        extended = _code(error)
        code = extended & 0xFF  # primary result code
        if code == sqlite3.SQLITE_INTERRUPT:  # what a signal's handler raised, SQLite has swallowed
            raise KeyboardInterrupt from error
        if code == sqlite3.SQLITE_FULL and self._ids_ended():
            return StoreDamagedError(f"{self} can number nothing new (its ids are at their end); `repair()` mends it.")
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
