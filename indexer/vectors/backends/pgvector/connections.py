"""Connections to a PostgreSQL server that has pgvector: opened when needed, one a call, kept for the next.

psycopg is imported when the first is opened. Passwords are libpq's matter: PGPASSWORD, or ~/.pgpass.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from indexer import forking
from indexer.catalog.shared_statement import place_of
from indexer.errors import StoreError
from indexer.types import Float32, Int64
from indexer.vectors.backends.pgvector.binary import to_array
from indexer.vectors.backends.pgvector.errors import no_extension, saying_why, too_old, unreachable

#: How long a server may be silent: seconds to connect; then what tells a dead one from one that is at work.
TIMES: Final[Mapping[str, int]] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
#: The first pgvector that goes on searching where a filter left too few (`iterative_scan`).
EXTENSION_LEAST: Final = (0, 8)
#: Connections that are kept while nobody uses them.
KEPT: Final = 8


#: The numbers of the types `bigint` and `bigint[]`; those of an extension's differ.
BIGINT: Final = (20, 1016)


@dataclass(frozen=True, slots=True)
class GivenIds:
    """(n,) int64 as a parameter of a statement, in binary form."""

    values: Int64


@dataclass(frozen=True, slots=True)
class GivenVectors:
    """The same of (n, d) float32."""

    values: Float32


class Connections:
    """Safe to use from several threads; a forked process opens its own. `server`: how sentences name it; `place`: see
    `OpenIndex`."""

    def __init__(self, url: str, server: str) -> None:
        self.url, self.server = url, server
        parts = urlsplit(url)
        user = None if parts.username is None else unquote(parts.username)
        self.place = place_of(parts.hostname, parts.port, user, unquote(parts.path.removeprefix("/")))
        self._lock = forking.lock()
        self._idle: list[Any] = []
        self._process = os.getpid()

    @contextmanager
    def use(self) -> Iterator[Any]:
        """A connection for one call, each statement for itself; its errors become sentences. Raises StoreError."""
        connection = self._taken()
        try:
            with saying_why(self.server):
                yield connection
        finally:
            self._put_back(connection)

    def __del__(self) -> None:
        if self._process == os.getpid():
            for connection in self._idle:
                connection.close()

    def _taken(self) -> Any:
        with self._lock:
            if self._process != os.getpid():  # the parent's: neither used nor closed, which would end its sessions
                self._idle, self._process = [], os.getpid()
            connection = self._idle.pop() if self._idle else None
        if connection is not None and _answers(connection):
            return connection
        return self._opened()

    def _put_back(self, connection: Any) -> None:
        from psycopg.pq import TransactionStatus

        if connection.closed or connection.info.transaction_status != TransactionStatus.IDLE:
            connection.close()
            return
        with self._lock:
            if len(self._idle) < KEPT and self._process == os.getpid():
                self._idle.append(connection)
                return
        connection.close()

    def _opened(self) -> Any:
        psycopg = driver()
        try:
            connection = psycopg.connect(psycopg.conninfo.make_conninfo(self.url, **self._times()), autocommit=True)
        except psycopg.Error as error:
            raise unreachable(self.server, error) from error
        try:
            with saying_why(self.server):
                self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _times(self) -> dict[str, int]:
        return {name: value for name, value in TIMES.items() if f"{name}=" not in self.url}

    def _prepare(self, connection: Any) -> None:
        """Let it take `GivenIds` and `GivenVectors`. Raises StoreError for a server without what is needed."""
        row = self._numbers(connection)
        if row is None:
            if connection.info.server_version < 130_000:
                raise too_old(self.server, f"PostgreSQL {connection.info.server_version // 10_000}", "13")
            make_extension(connection, self.server)
            row = self._numbers(connection)
        if row is None:
            raise no_extension(self.server, "it is not there after it was created")
        version, element, array = row
        if tuple(int(part) for part in version.split(".")[:2]) < EXTENSION_LEAST:
            raise too_old(self.server, f"pgvector {version}", "0.8")
        connection.adapters.register_dumper(GivenVectors, _dumper(element, array))
        connection.adapters.register_dumper(GivenIds, _dumper(*BIGINT))

    @staticmethod
    def _numbers(connection: Any) -> Any:
        """The extension's version and the numbers of its type and of an array of it; None where it is not there."""
        return connection.execute(
            "SELECT e.extversion, t.oid, t.typarray FROM pg_extension e JOIN pg_depend d ON d.refobjid = e.oid "
            "AND d.refclassid = 'pg_extension'::regclass AND d.classid = 'pg_type'::regclass "
            "JOIN pg_type t ON t.oid = d.objid AND t.typname = 'vector' WHERE e.extname = 'vector'"
        ).fetchone()


def driver() -> Any:
    """psycopg. Raises StoreError where it is not installed."""
    try:
        import psycopg
    except ImportError as error:
        raise StoreError(
            f"Vectors in PostgreSQL need a package that is not here ({error}); `pip install 'psycopg[binary]'` "
            "installs it."
        ) from error
    return psycopg


def make_extension(connection: Any, server: str) -> None:
    """Raises StoreError where it may not be, or is not there to be created."""
    import psycopg

    try:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except psycopg.errors.UniqueViolation:  # somebody else is making it
        return
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        raise no_extension(server, (error.diag.message_primary or str(error)).strip()) from error


def _answers(connection: Any) -> bool:
    """Whether a connection that was kept is still one: the server may have been started again."""
    try:
        connection.execute("")
    except Exception:  # whatever it is, another one tells
        connection.close()
        return False
    return True


def _dumper(element: int, array: int) -> type:
    """How `Given...` goes to the server: as an array of the type of number `array`, of elements of type `element`."""
    from psycopg.adapt import Dumper
    from psycopg.pq import Format

    class Binary(Dumper):  # type: ignore[misc]
        format = Format.BINARY
        oid = array

        def dump(self, given: GivenIds | GivenVectors) -> bytes:
            return to_array(given.values, element)

    return Binary
