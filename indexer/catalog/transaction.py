"""One transaction over the catalog, and the parts that read and write a subject each over it.

    with catalog.batch() as batch:
        Items(batch).delete(ids)
        Meta(batch).set("recall", "0.95")

A new subject is a new file with a `Part`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, CursorResult, Executable, Select, Table, select, update

from indexer.catalog import stored
from indexer.catalog.bounds import HIGHEST
from indexer.catalog.schema import meta
from indexer.catalog.shared_statement import SharedStatement

if TYPE_CHECKING:
    from indexer.catalog.database import Database, NameIndex, WordTable

_GENERATION = meta.c.key == "generation"


class Transaction:
    """A state to read or, when it is `writing`, changes that are kept whole or not at all.

    Everything that is written is an upsert: a batch that runs twice leaves the same state.
    """

    def __init__(self, connection: Connection, database: Database, *, writing: bool) -> None:
        self.connection = connection
        self.writing = writing
        #: (table, id) of what was read and left out, because its bytes are not what was written; the id of a vector or
        #: of tokens is that of their content. Whoever answers from this state says how many.
        self.left_out: set[tuple[str, int]] = set()
        self._database = database
        self._generation: int | None = None
        #: Contents to which something refers no more.
        self.let_go: set[int] = set()
        #: Files, and contents of photographs, of which rows changed that facts are derived from.
        self.restated_files: set[int] = set()
        self.restated_contents: set[int] = set()
        #: Paths of photographs of which something else was said.
        self.restated_paths: set[str] = set()
        #: Paths of photographs of which a JSON beside them says, or said, something.
        self.retold_paths: set[str] = set()

    @property
    def generation(self) -> int:
        """The counter that grows with every change that a search could see.

        In a batch, that of its own changes: asking for it makes the transaction count as one.
        """
        if self._generation is None:
            value = self.connection.execute(select(meta.c.value).where(_GENERATION)).scalar()
            found = 0 if value is None else stored.whole_number(value)
            if found is None or found >= HIGHEST - self.writing:
                raise stored.damaged("its generation")
            if self.writing:
                found += 1
                self.connection.execute(update(meta).where(_GENERATION).values(value=str(found)))
            self._generation = found
        return self._generation

    @property
    def is_change(self) -> bool:
        """Whether it made the generation grow."""
        return self.writing and self._generation is not None

    def write(
        self, statement: Executable, rows: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None = None
    ) -> CursorResult[Any]:
        """Execute a statement that changes something, once for each of `rows`. Raises RuntimeError in a snapshot."""
        if not self.writing:
            raise RuntimeError("A snapshot cannot write; use Catalog.batch().")
        return self.connection.execute(statement, rows)

    def lets_go(self, contents: Iterable[object]) -> None:
        """Something refers to these contents no more. What is no number, as in a damaged row, is no content."""
        self.let_go.update(one for one in contents if isinstance(one, int))

    @property
    def words(self) -> WordTable:
        """The table of words, as this database has it."""
        return self._database.words

    @property
    def names(self) -> NameIndex:
        """The index of parts of names."""
        return self._database.names

    def keeps_sums(self, table: Table) -> bool:
        """Whether rows of a table have checksums, and files the number of their items: not in an older store that
        cannot be written."""
        return self._database.keeps_sums(self.connection, table)

    def shared(self, statement: Select[Any]) -> SharedStatement | None:
        """A statement of this state as others can ask it; None where nobody else comes to this database."""
        return self._database.shared(self.connection, statement)

    def ids_ended(self) -> list[str]:
        """The tables that take no new row, because their ids are at their end."""
        return self._database.ids_ended(self.connection)

    def mend_ids(self) -> None:
        """Let them take new rows again."""
        self._database.mend_ids(self.connection)

    def integrity(self) -> list[str]:
        """What the database's own checks say; empty when all is well."""
        return self._database.integrity(self.connection)


class Part:
    """What one subject's file can read and write in a transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._read = transaction.connection.execute
        self._write = transaction.write
        #: What this part left out, of `Transaction.left_out`: for those who keep what they read.
        self.left_out: set[tuple[str, int]] = set()

    def _leave_out(self, table: str, numbers: Iterable[int]) -> None:
        found = {(table, number) for number in numbers}
        self.left_out |= found
        self._transaction.left_out |= found
