"""Vector indexes in PostgreSQL with pgvector: a table each, and one row of `search_vector_indexes` that names it.

    search_vector_indexes                       a row a store and kind: which table is the index, its state, its sums
    search_<name>_<kind>_<generation>_<random>  ids and vectors, never changed once they are there

The row is replaced in the transaction that makes the table, so a reader meets the old index or the new one. The table
before it stays until the next run, for readers who have it open; who still has it then reads the catalog.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

from indexer.errors import SearchError, StoreDamagedError, StoreError
from indexer.progress import Progress, Silent
from indexer.types import Float32
from indexer.vectors.backend import BuildPlan, OpenIndex
from indexer.vectors.backends.pgvector.builder import PendingTable, opened_index
from indexer.vectors.backends.pgvector.connections import Connections, driver
from indexer.vectors.backends.pgvector.errors import replaced
from indexer.vectors.backends.pgvector.table import Table
from indexer.vectors.backends.servers.building import Passing, is_checked_whole
from indexer.vectors.backends.servers.owner import FindOwner, Owner, refuse_other
from indexer.vectors.backends.servers.row_sums import RowSums
from indexer.vectors.base import Batches, IndexState
from indexer.vectors.state_json import state_of

_TABLE: Final = """CREATE TABLE IF NOT EXISTS search_vector_indexes (
    name text, kind text, store text NOT NULL, key text NOT NULL, relation text NOT NULL, dimension integer NOT NULL,
    method text NOT NULL, lists integer NOT NULL, sums text NOT NULL, state text NOT NULL,
    built timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (name, kind))"""
_COLUMNS: Final = ("store", "key", "relation", "dimension", "method", "lists", "sums", "state")


@dataclass(frozen=True, slots=True)
class Held:
    """A row of `search_vector_indexes`. `state`: as JSON. See `Table` for `method` and `lists`."""

    store: str
    key: str
    relation: str
    dimension: int
    method: str
    lists: int
    sums: str
    state: str


class PgVector:
    """Implements `VectorBackend`. Nothing is opened, and psycopg is not imported, before the first call."""

    def __init__(self, url: str, server: str, find_owner: FindOwner) -> None:
        """`url`: of libpq, without a password. `server`: how sentences name it."""
        self._connections = Connections(url, server)
        self._server = server
        self._find_owner = find_owner
        self._owner: Owner | None = None

    @property
    def owner(self) -> Owner:
        """Raises StoreError."""
        if self._owner is None:
            self._owner = self._find_owner()
        return self._owner

    def version(self, kind: str) -> Hashable | None:
        """See `VectorBackend.version`: one question to the server. None also where it cannot be reached; `open` says
        so."""
        with suppress(SearchError):
            held = self._held(kind)
            return None if held is None else held.relation
        return None

    def state(self, kind: str, key: str) -> IndexState | None:
        """See `VectorBackend.state`. Raises StoreDamagedError, StoreError."""
        held = self._held(kind)
        return None if held is None or held.key != key else self._state(kind, held)

    def open(self, kind: str, key: str, *, once: bool = False) -> OpenIndex | None:
        """See `VectorBackend.open`. Raises StoreDamagedError, StoreError."""
        held = self._held(kind)
        if held is None or held.key != key:
            return None
        state = self._state(kind, held)
        self._check(kind, held, state, is_checked_whole(state.count, held.dimension))
        index = opened_index(
            self._table(kind, held), state.index_type, state.count, held.dimension, held.method, held.lists
        )
        tuned = index if state.tuned is None else index.with_width(state.tuned.width)
        return OpenIndex(tuned, state, is_far=True, place=self._connections.place)

    def build(
        self,
        kind: str,
        plan: BuildPlan,
        batches: Batches,
        queries: Float32 | None = None,
        progress: Progress | None = None,
    ) -> IndexState:
        """See `VectorBackend.build`. Raises ValueError, StoreUnwritableError, StoreError."""
        progress = progress or Silent()
        owner = self.owner
        passing = Passing(plan, batches, queries)
        before = self._held(kind)
        if before is not None and before.store != owner.store:
            raise refuse_other(self._server, owner.name, kind)
        name = f"search_{owner.name}_{kind}_{plan.generation}_{secrets.token_hex(4)}"
        with self._connections.use() as connection:
            connection.execute(_TABLE)
            with connection.transaction():
                pending = PendingTable(connection, self._server, kind, name, plan)
                pending.fill(passing)
                state = pending.tuned(passing, progress)
                text = json.dumps(asdict(state))
                values = (owner.store, plan.key, name, plan.dimension, pending.method, pending.lists)
                connection.execute(_PUT, (owner.name, kind, *values, passing.sums.text, text))
        self._clean(kind, {name} | ({before.relation} if before is not None else set()))
        return state

    def keep(self, kind: str) -> bool:
        """See `VectorBackend.keep`. Raises StoreError."""
        held = self._held(kind)
        if held is None:
            return False
        try:
            state = self._state(kind, held)
            self._check(kind, held, state, is_checked_whole(state.count, held.dimension))
        except StoreDamagedError:
            return False
        self._clean(kind, {held.relation})
        return True

    def verify(self, kind: str) -> list[str]:
        """See `VectorBackend.verify`."""
        try:
            held = self._held(kind)
            if held is not None:
                self._check(kind, held, self._state(kind, held), True)
        except StoreError as error:
            return [str(error)]
        return []

    def discard(self, kind: str) -> None:
        """See `VectorBackend.discard`. Raises StoreError where the server cannot be reached."""
        held = self._held(kind)
        if held is None or held.store == self.owner.store:
            with self._connections.use() as connection:
                if held is not None:
                    connection.execute(
                        "DELETE FROM search_vector_indexes WHERE name = %s AND kind = %s", (self.owner.name, kind)
                    )
            self._clean(kind, set())

    def _held(self, kind: str) -> Held | None:
        """Raises StoreError."""
        psycopg = driver()
        name = self.owner.name
        with self._connections.use() as connection:
            try:
                row = connection.execute(
                    f"SELECT {', '.join(_COLUMNS)} FROM search_vector_indexes WHERE name = %s AND kind = %s",  # noqa: S608
                    (name, kind),
                ).fetchone()
            except psycopg.errors.UndefinedTable:  # nothing was ever built there
                return None
        return None if row is None else Held(*row)

    def _state(self, kind: str, held: Held) -> IndexState:
        """Raises StoreDamagedError."""
        try:
            return state_of(json.loads(held.state))
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise self._damaged(kind, "what is kept of it is no state") from error

    def _table(self, kind: str, held: Held) -> Table:
        return Table(self._connections, kind, held.relation, held.dimension, held.method, held.lists)

    def _check(self, kind: str, held: Held, state: IndexState, whole: bool) -> None:
        """Raises StoreDamagedError, StoreError."""
        if not whole:
            with self._connections.use() as connection:
                (there,) = connection.execute("SELECT to_regclass(%s)", [f'"{held.relation}"']).fetchone()
            if there is None:
                raise replaced(self._server, kind)
            return
        sums = RowSums(held.dimension)
        try:
            for ids, vectors in self._table(kind, held).rows():
                sums.see(ids, vectors)
        except ValueError as error:
            raise self._damaged(kind, str(error)) from error
        if sums.text != held.sums:
            raise self._damaged(kind, "its rows are not those that were written")

    def _damaged(self, kind: str, reason: str) -> StoreDamagedError:
        return StoreDamagedError(
            f"The {kind} index in {self._server} is damaged ({reason}); `repair()` or the next `index()` builds it "
            "again from the catalog."
        )

    def _clean(self, kind: str, keep: set[str]) -> None:
        """Delete the tables of earlier builds but these. What resists is left for the next time."""
        ours = f"^search_{re.escape(self.owner.name)}_{kind}_[0-9]+_[0-9a-f]{{8}}$"
        with suppress(StoreError), self._connections.use() as connection:
            found = connection.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ %s AND pg_table_is_visible(oid)", [ours]
            ).fetchall()
            for (name,) in found:
                if name not in keep:
                    with connection.transaction():
                        connection.execute("SET LOCAL lock_timeout = '2s'")  # somebody reads it just now
                        connection.execute(_drop(name))


_PUT: Final = (
    f"INSERT INTO search_vector_indexes (name, kind, {', '.join(_COLUMNS)}) "  # noqa: S608
    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (name, kind) DO UPDATE SET built = now(), "
    + ", ".join(f"{column} = EXCLUDED.{column}" for column in _COLUMNS)
)


def _drop(name: str) -> Any:
    from psycopg import sql

    return sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name))
