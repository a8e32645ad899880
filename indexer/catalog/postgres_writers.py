"""Who writes into a catalog in PostgreSQL, and who has which files in hand: locks of a session, and the table `claim`.

Whoever writes has a number, locked as long as its connection lives, and beside it the lock of runs: by itself, or
shared with others. The server frees both when the connection ends, however it does: of whom nothing is left there, no
claim counts. No time of a client goes into a statement.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any, Final

from sqlalchemy import Engine

from indexer.catalog.column_types import path_bytes
from indexer.catalog.postgres_errors import PostgresErrors
from indexer.catalog.statements import bounds
from indexer.errors import StoreBusyError

#: "SEMS", and what is locked under it: a transaction that writes, and runs that do. Under "SEMW" the number of each.
OURS: Final = 0x53454D53
BATCH: Final = 1
_RUN: Final = 2
_NUMBERS: Final = 0x53454D57
#: Seconds that a claim lasts, and after which it is put off: a window of files takes some seconds, one of large files
#: on a slow disk a minute.
LEASE: Final = 120
RENEWAL: Final = 20
#: Seconds that a run waits for one that has to be alone, and at its end for those at work, of which one over the same
#: folders ends at nearly the same time; and for which it sleeps between two looks.
PATIENCE: Final = 10.0
SOON: Final = 3.0
PAUSE: Final = 0.1

_OF_THIS_DATABASE: Final = (
    "locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
#: The numbers of those at work.
_AT_WORK: Final = f"SELECT objid::bigint FROM pg_locks WHERE {_OF_THIS_DATABASE} AND classid = {_NUMBERS}"  # noqa: S608
#: Who else holds the lock of runs: how, and from where.
_OTHERS: Final = (
    f"SELECT mode, client_addr FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE {_OF_THIS_DATABASE} "  # noqa: S608
    f"AND classid = {OURS} AND objid = {_RUN} AND pid <> pg_backend_pid()"
)
_NOW: Final = "extract(epoch FROM clock_timestamp())"
_OVER: Final = f"(until < {_NOW} OR writer NOT IN ({_AT_WORK}))"
_BELOW: Final = "(path = %(folder)s OR (path > %(low)s AND path < %(high)s))"

_PUBLISH: Final = f"""
INSERT INTO claim (path, writer, until)
SELECT path, %(number)s, {_NOW} + %(lease)s FROM unnest(%(paths)s::bytea[]) AS wanted (path)
WHERE NOT EXISTS (SELECT FROM claim WHERE claim.path = wanted.path)
ORDER BY path ON CONFLICT DO NOTHING RETURNING path"""  # noqa: S608
_TAKE_OVER: Final = f"""
UPDATE claim SET writer = %(number)s, until = {_NOW} + %(lease)s
WHERE path IN (
    SELECT path FROM claim WHERE {{which}} AND {_OVER} ORDER BY path LIMIT %(most)s FOR UPDATE SKIP LOCKED
) RETURNING path"""  # noqa: S608
_THESE: Final = _TAKE_OVER.format(which="path = ANY(%(paths)s::bytea[])")
_THOSE_BELOW: Final = _TAKE_OVER.format(which=_BELOW)
_HELD: Final = f"SELECT EXISTS (SELECT FROM claim WHERE {_BELOW} AND writer <> %(number)s)"  # noqa: S608
_KEEP: Final = f"UPDATE claim SET until = {_NOW} + %(lease)s WHERE writer = %(number)s"  # noqa: S608
_LEAVE: Final = "DELETE FROM claim WHERE path = ANY(%(paths)s::bytea[]) AND writer = %(number)s"
_CLEAR: Final = "DELETE FROM claim"


class PostgresWriters:
    """`Writers`, over a connection of their own, each statement a transaction by itself. Made by `writers`."""

    def __init__(self, connection: Any, database: PostgresErrors) -> None:
        self._connection, self._database = connection, database
        self._lock = threading.Lock()
        self._kept = time.monotonic()
        self.number = self._numbered()

    def take(self, paths: Sequence[str]) -> set[str]:
        """See `Writers`: those that nobody has, and those whose claim is over."""
        wanted = [path_bytes(path) for path in paths]
        new = self._rows(_PUBLISH, paths=wanted)
        if len(new) == len(wanted):
            return set(paths)
        return {os.fsdecode(path) for (path,) in (*new, *self._rows(_THESE, paths=wanted, most=len(wanted)))}

    def leave(self, paths: Sequence[str]) -> None:
        """See `Writers`."""
        if paths:
            self._rows(_LEAVE, paths=[path_bytes(path) for path in paths])

    def keep(self) -> None:
        """See `Writers`."""
        if time.monotonic() - self._kept >= RENEWAL:
            self._kept = time.monotonic()
            self._rows(_KEEP)

    def take_over(self, folder: str, most: int) -> list[str]:
        """See `Writers`."""
        return sorted(os.fsdecode(path) for (path,) in self._rows(_THOSE_BELOW, most=most, **_bounds(folder)))

    def others_hold(self, folder: str) -> bool:
        """See `Writers`."""
        return bool(self._rows(_HELD, **_bounds(folder))[0][0])

    def be_alone(self, waiting: Callable[[], None]) -> bool:
        """See `Writers`. The place beside the others is given up first: of runs that end together each may find that it
        was the last, and one of them does."""
        self._rows(f"SELECT pg_advisory_unlock_shared({OURS}, {_RUN})")
        until = time.monotonic() + SOON
        told = False
        while not self.try_alone():
            others = [mode for mode, _ in self._rows(_OTHERS)]
            if "ShareLock" in others and time.monotonic() >= until:
                return False
            if others and not told:
                waiting()
                told = True
            time.sleep(PAUSE)
        return True

    def try_alone(self) -> bool:
        """Hold the lock of runs by itself. What claims there are then are of runs that are gone."""
        if not self._rows(f"SELECT pg_try_advisory_lock({OURS}, {_RUN})")[0][0]:
            return False
        if self._rows("SELECT to_regclass('claim') IS NOT NULL")[0][0]:
            self._rows(_CLEAR)
        return True

    def try_beside(self) -> bool:
        """Hold it with others; one who is the first clears away what those before have left."""
        if self.try_alone():
            self._rows(f"SELECT pg_advisory_lock_shared({OURS}, {_RUN}), pg_advisory_unlock({OURS}, {_RUN})")
            return True
        return bool(self._rows(f"SELECT pg_try_advisory_lock_shared({OURS}, {_RUN})")[0][0])

    def who_else(self) -> str:
        """Who holds it, in words."""
        found = [address for _, address in self._rows(_OTHERS) if address is not None]
        return f"Another process at {found[0]}" if found else "Another process"

    def _numbered(self) -> int:
        while True:
            number = secrets.randbelow(2**31 - 1) + 1
            if self._run(f"SELECT pg_try_advisory_lock({_NUMBERS}, {number})", {})[0][0]:
                return number

    def _rows(self, statement: str, **given: object) -> list[Any]:
        return self._run(statement, {"number": self.number, "lease": LEASE, **given})

    def _run(self, statement: str, given: dict[str, object]) -> list[Any]:
        with self._lock, self._database.translated():
            cursor = self._connection.execute(statement, given)
            return list(cursor.fetchall()) if cursor.description else []


@contextmanager
def writers(engine: Engine, database: PostgresErrors, *, alone: bool) -> Iterator[PostgresWriters]:
    """Write into a catalog for as long as the block lasts, alone or beside others. Raises StoreBusyError where one is
    at work that has to be alone; beside others that is waited for a little: it may be a run that ends."""
    with closing(engine.raw_connection()) as connection:
        driver: Any = connection.driver_connection
        connection.detach()
        driver.autocommit = True
        found = PostgresWriters(driver, database)
        until = time.monotonic() + (0 if alone else PATIENCE)
        while not (found.try_alone() if alone else found.try_beside()):
            if time.monotonic() >= until:
                raise StoreBusyError(f"{found.who_else()} is writing to {database}; try again when it ends.")
            time.sleep(PAUSE)
        yield found
        with suppress(Exception):  # all is written; what is left of the connection ends with it
            driver.execute("SELECT pg_advisory_unlock_all()")


def is_at_work(number: int) -> str:
    """The statement that says whether the run of this number still holds it: a connection that was lost has not."""
    return f"SELECT {number} IN ({_AT_WORK})"


def _bounds(folder: str) -> dict[str, object]:
    low, high = bounds(folder)
    return {"folder": path_bytes(folder), "low": path_bytes(low), "high": path_bytes(high)}
