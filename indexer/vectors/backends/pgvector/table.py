"""One table of ids and vectors, searched by pgvector. Implements the `Engine` of `ServerIndex`.

`hnsw.iterative_scan = strict_order` goes on where a filter left too few, in the order of the scores; an inverted file
has `relaxed_order` alone, and is ordered here. Settings hold for one transaction, sent together with its one query, so
that nothing stays on a connection that others use (poolers between them included).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Protocol

import numpy as np

from indexer.catalog.shared_statement import SharedStatement
from indexer.types import Float32, Int64
from indexer.vectors.backends.pgvector.binary import COPY_HEADER, COPY_TRAILER, from_rows, row_type
from indexer.vectors.backends.pgvector.connections import GivenIds, GivenVectors
from indexer.vectors.backends.pgvector.errors import replaced
from indexer.vectors.backends.servers.allowed import Allowed
from indexer.vectors.exact import nothing

#: The most that pgvector lets `hnsw.ef_search` be.
EF_MOST: Final = 1_000
#: Ways to join with a condition of the catalog that lose the order of an index.
_JOINS: Final = ("enable_hashjoin", "enable_mergejoin")
#: Rows that are read at once, as bytes.
PAGE_BYTES: Final = 8_000_000


class Uses(Protocol):
    """What gives a connection for one call."""

    server: str

    @property
    def place(self) -> Hashable | None: ...

    def use(self) -> AbstractContextManager[Any]: ...


class OneConnection:
    """The connection of a build, whose table nobody else sees yet."""

    place = None

    def __init__(self, server: str, connection: Any) -> None:
        self.server = server
        self._connection = connection

    @contextmanager
    def use(self) -> Iterator[Any]:
        yield self._connection


class Table:
    """`method`: "hnsw", "ivfflat", or "" where there is no index. `lists` of an inverted file."""

    fetch_most = 2**31 - 1
    #: As FAISS: a graph finds few of them, and a primary key all.
    scan_count, scan_share = 20_000, 0.01

    def __init__(self, uses: Uses, kind: str, name: str, dimension: int, method: str = "", lists: int = 0) -> None:
        self._uses, self._kind, self._name, self._dimension = uses, kind, name, dimension
        self._method, self._lists = method, lists

    @property
    def place(self) -> Hashable | None:
        """See `Engine.place`."""
        return self._uses.place

    def nearest(self, queries: Float32, count: int, width: int, allowed: Allowed) -> tuple[Float32, Int64]:
        """See `Engine.nearest`."""
        own = {"hnsw.ef_search": min(width, EF_MOST), "hnsw.iterative_scan": "strict_order"}
        own["hnsw.max_scan_tuples"] = 2**31 - 1
        if self._method == "ivfflat":
            own = {"ivfflat.probes": width, "ivfflat.iterative_scan": "relaxed_order"}
            own["ivfflat.max_probes"] = self._lists
        # Whatever the planner thinks of it, the index answers.
        forced = dict.fromkeys(("enable_seqscan", "enable_sort", "enable_bitmapscan", *_JOINS), "off")
        return self._asked(queries, count, allowed, "t.vector <#> q.v", {**forced, **own})

    def compared(self, queries: Float32, count: int, allowed: Allowed) -> tuple[Float32, Int64]:
        """See `Engine.compared`."""
        usual: dict[str, object] = dict.fromkeys(("enable_seqscan", "enable_sort", "enable_bitmapscan", *_JOINS), "on")
        return self._asked(queries, count, allowed, "score DESC, t.id", usual)  # no order that an index has

    def ids(self) -> Int64:
        """See `Engine.ids`."""
        return np.concatenate([np.empty(0, np.int64), *(ids for ids, _ in self._rows("id", 0))])

    def rows(self) -> Iterator[tuple[Int64, Float32]]:
        """All rows, by their ids, some at a time. Raises StoreError, ValueError for rows of another form."""
        return self._rows("id, vector", self._dimension)

    def _rows(self, columns: str, dimension: int) -> Iterator[tuple[Int64, Float32]]:
        size = row_type(dimension).itemsize if dimension else _ID_ROW.itemsize
        with self._call() as connection:
            sql, name = _sql(self._name)
            statement = sql.SQL("COPY (SELECT {} FROM {} ORDER BY id) TO STDOUT (FORMAT BINARY)")
            waiting, started = bytearray(), False
            with connection.cursor().copy(statement.format(sql.SQL(columns), name)) as copy:
                for block in copy:
                    waiting += block
                    if not started:
                        started = True
                        del waiting[: len(COPY_HEADER)]
                    if len(waiting) >= PAGE_BYTES:
                        whole = len(waiting) // size * size
                        yield _page(bytes(waiting[:whole]), dimension)
                        del waiting[:whole]
            if waiting.endswith(COPY_TRAILER):
                del waiting[-len(COPY_TRAILER) :]
            yield _page(bytes(waiting), dimension)

    def _asked(
        self, queries: Float32, count: int, allowed: Allowed, order: str, settings: dict[str, object]
    ) -> tuple[Float32, Int64]:
        sql, name = _sql(self._name)
        statement = sql.SQL(
            "SELECT q.n, r.id, r.score FROM unnest(%(queries)s) WITH ORDINALITY AS q (v, n) CROSS JOIN LATERAL ("
            "SELECT t.id, -(t.vector <#> q.v) AS score FROM {} t WHERE {} ORDER BY {} LIMIT %(count)s) r"
        ).format(name, sql.SQL(_condition(allowed)), sql.SQL(order))  # type: ignore[arg-type, unused-ignore]
        given: dict[str, object] = {"queries": GivenVectors(queries), "count": count}
        for key, ids in (("only", allowed.only), ("exclude", allowed.exclude)):
            if ids is not None:
                given[key] = GivenIds(ids)
        settings = {"jit": "off", **settings}
        asked = None if allowed.selected is None else allowed.selected.statement
        if asked is not None:
            given |= asked.values
        set_all = "SELECT " + ", ".join(["set_config(%s, %s, true)"] * len(settings))
        values = [str(part) for pair in settings.items() for part in pair]
        with self._call() as connection, connection.cursor(binary=True) as cursor:
            with connection.pipeline(), connection.transaction():
                if asked is not None:
                    enter_state(connection, sql, asked)
                connection.execute(set_all, values)
                cursor.execute(statement, given, prepare=False)
            found = cursor.fetchall()
        return _by_query(found, len(queries), count)

    @contextmanager
    def _call(self) -> Iterator[Any]:
        import psycopg

        with self._uses.use() as connection:
            try:
                yield connection
            except psycopg.errors.UndefinedTable as error:
                raise replaced(self._uses.server, self._kind) from error


_ID_ROW: Final = np.dtype([("fields", ">i2"), ("id_size", ">i4"), ("id", ">i8")])


def _page(data: bytes, dimension: int) -> tuple[Int64, Float32]:
    if dimension:
        return from_rows(data, dimension)
    return np.frombuffer(data, _ID_ROW)["id"].astype(np.int64), np.empty((0, 0), np.float32)


def _condition(allowed: Allowed) -> str:
    if allowed.only is not None:
        return "t.id = ANY(%(only)s)"
    statement = None if allowed.selected is None else allowed.selected.statement
    parts = [] if statement is None else [f"t.id IN ({statement.text})"]
    parts += [] if allowed.exclude is None else ["t.id <> ALL(%(exclude)s)"]
    return " AND ".join(parts) or "true"


def enter_state(connection: Any, sql: Any, asked: SharedStatement) -> None:
    """Into the state of the catalog of which a statement of its own is to be asked, and where its tables are found."""
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(asked.snapshot))
    connection.execute(
        "SELECT set_config('search_path', quote_ident(%s) || ', ' || current_setting('search_path'), true)",
        [asked.schema],
    )


def _by_query(found: list[tuple[int, int, float]], queries: int, count: int) -> tuple[Float32, Int64]:
    """Rows (number of the query from 1, id, score) as scores and ids (q, count) each, in the order they came."""
    scores, ids = nothing(queries, count)
    if not found:
        return scores, ids
    numbers = np.array([row[0] for row in found], np.int64) - 1  # (m,)
    order = np.argsort(numbers, kind="stable")
    held = np.bincount(numbers, minlength=queries)  # (q,)
    places = np.arange(len(found)) - np.repeat(np.cumsum(held) - held, held)
    scores[numbers[order], places] = np.array([row[2] for row in found], np.float32)[order]
    ids[numbers[order], places] = np.array([row[1] for row in found], np.int64)[order]
    return scores, ids


def _sql(name: str) -> tuple[Any, Any]:
    from psycopg import sql

    return sql, sql.Identifier(name)
