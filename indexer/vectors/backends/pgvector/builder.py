"""A table on its way to be an index: made, filled and tuned in the one transaction that puts it in place.

    all rows --COPY--> the table, and the queries' true neighbours, in one pass
    the table --> an index of pgvector --> its recall, the least width that reaches the target

A build that breaks off leaves nothing. pgvector has graphs and inverted files of whole vectors: what is asked for as
compressed becomes `ivf-flat`.
"""

from __future__ import annotations

import math
from typing import Any, Final

from indexer.progress import Progress
from indexer.vectors.backend import BuildPlan
from indexer.vectors.backends.pgvector.binary import COPY_HEADER, COPY_TRAILER, to_rows
from indexer.vectors.backends.pgvector.table import EF_MOST, OneConnection, Table
from indexer.vectors.backends.servers.building import INDEXED_LEAST, Passing, tried_in_turn
from indexer.vectors.backends.servers.server_index import ServerIndex
from indexer.vectors.base import IndexState, IndexType
from indexer.vectors.recall import exact, tune

HAS: Final[tuple[IndexType, ...]] = ("hnsw", "ivf-flat")
#: What is built of `IndexType`s that it lacks.
NEAREST: Final[dict[IndexType, IndexType]] = {"ivf-sq8": "ivf-flat", "ivf-pq": "ivf-flat"}
#: Dimensions of which pgvector makes an index; and of which a row fits into a page, and is not stored apart.
DIMENSION_MOST: Final = 2_000
#: Links a node and candidates while building, pgvector's own: twice the candidates took twice as long.
LINKS, CONSTRUCTION = 16, 64
#: Candidates while searching, until that was tuned.
SEARCH: Final = 64
#: Rows that a list of an inverted file holds at least: k-means needs some.
ROWS_A_LIST: Final = 40
LISTS_MOST: Final = 32_768


class PendingTable:
    """A table of this name, which only this transaction of `connection` sees."""

    def __init__(self, connection: Any, server: str, kind: str, name: str, plan: BuildPlan) -> None:
        self.name = name
        self.method, self.lists = "", 0
        self._connection, self._server, self._kind, self._plan = connection, server, kind, plan

    def fill(self, passing: Passing) -> None:
        """Raises ValueError on wrong rows, and what psycopg raises."""
        import psycopg

        self._run(f"CREATE TABLE {{}} (id bigint NOT NULL, vector vector({self._plan.dimension}) NOT NULL)")
        storage = "PLAIN" if self._plan.dimension <= DIMENSION_MOST else "EXTERNAL"
        self._run(f"ALTER TABLE {{}} ALTER COLUMN vector SET STORAGE {storage}")
        copying = self._statement("COPY {} (id, vector) FROM STDIN (FORMAT BINARY, FREEZE)")
        with self._connection.cursor().copy(copying) as copy:
            copy.write(COPY_HEADER)
            for ids, vectors in passing.rows():
                copy.write(to_rows(ids, vectors))
            copy.write(COPY_TRAILER)
        try:
            self._run("ALTER TABLE {} ADD PRIMARY KEY (id)")
        except psycopg.errors.UniqueViolation as error:
            raise ValueError("ids must not repeat") from error
        self._run("ANALYZE {}")

    def tuned(self, passing: Passing, progress: Progress) -> IndexState:
        """The state of the index after it was built, as what reaches the recall that is wanted."""
        plan = self._plan
        asked = NEAREST.get(plan.asked, plan.asked)
        if passing.count < INDEXED_LEAST and plan.dimension <= DIMENSION_MOST:
            return self._state(asked, passing, exact(plan.target))
        for index_type in tried_in_turn(asked, HAS) if plan.dimension <= DIMENSION_MOST else ():
            progress.phase(f"Building the {index_type} index of {passing.count:,} vectors in PostgreSQL")
            self.make_index(index_type, passing.count)
            progress.phase(f"Measuring the recall of the {self._kind} index")
            found, reached = tune(self.index(index_type, passing.count), passing.truth, plan.target)
            if reached:
                return self._state(index_type, passing, found)
            self._connection.execute(f"DROP INDEX {self._index_name()}")
            self.method, self.lists = "", 0
            progress.phase(f"{index_type} finds {found.recall:.3f} of the nearest at best; building a better index")
        return self._state("flat", passing, exact(plan.target))

    def make_index(self, index_type: IndexType, count: int) -> None:
        """An index of pgvector over the rows."""
        if index_type == "hnsw":
            self.method, self.lists = "hnsw", 0
            options = f"m = {LINKS}, ef_construction = {CONSTRUCTION}"
        else:
            self.method, self.lists = "ivfflat", lists_for(count)
            options = f"lists = {self.lists}"
        self._run(
            f"CREATE INDEX {self._index_name()} ON {{}} USING {self.method} (vector vector_ip_ops) WITH ({options})"
        )

    def index(self, index_type: str, count: int) -> ServerIndex:
        """What searches it, in this transaction."""
        uses = OneConnection(self._server, self._connection)
        table = Table(uses, self._kind, self.name, self._plan.dimension, self.method, self.lists)
        return opened_index(table, index_type, count, self._plan.dimension, self.method, self.lists)

    def _state(self, index_type: IndexType, passing: Passing, tuned: Any) -> IndexState:
        (size,) = self._connection.execute("SELECT pg_total_relation_size(%s::regclass)", [f'"{self.name}"']).fetchone()
        return IndexState(index_type, self._plan.asked, passing.count, size, 0, tuned, self._plan.generation)

    def _index_name(self) -> str:
        return f'"{self.name}_v"'

    def _run(self, statement: str) -> None:
        self._connection.execute(self._statement(statement))

    def _statement(self, statement: str) -> Any:
        from psycopg import sql

        return sql.SQL(statement).format(sql.Identifier(self.name))  # type: ignore[arg-type, unused-ignore]


def opened_index(table: Table, index_type: str, count: int, dimension: int, method: str, lists: int) -> ServerIndex:
    """The index that a table is, not tuned."""
    if not method:
        return ServerIndex(table, count, dimension, "flat")
    if method == "hnsw":
        return ServerIndex(table, count, dimension, index_type, width=SEARCH, width_most=EF_MOST)
    return ServerIndex(table, count, dimension, index_type, width=max(1, lists // 20), width_most=lists)


def lists_for(count: int) -> int:
    """Lists of an inverted file of `count` vectors: to find the nearest lists costs as much as to look into them."""
    return max(1, min(round(2 * math.sqrt(count)), count // ROWS_A_LIST, LISTS_MOST))
