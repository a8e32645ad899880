"""What a database does for the catalog: `sqlite.py` and `postgres.py` each have a class that follows `Database`, and
`catalog.database_at` chooses by the URL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Select, Table

from indexer.catalog.shared_statement import SharedStatement
from indexer.catalog.word_expressions import Expression
from indexer.catalog.writers import Writers
from indexer.errors import StoreError, StoreUnwritableError


class WordTable(Protocol):
    """What a database does for the table of words. What reads gives None where the table is damaged, or not there."""

    def is_there(self, connection: Connection) -> bool:
        """Not in an older store that cannot be written."""

    def best(self, connection: Connection, expressions: Sequence[Expression], most: int) -> list[list[int]] | None:
        """Of each expression item ids, the `most` best by BM25, then by id."""

    def newest(self, connection: Connection, expressions: Sequence[Expression], most: int) -> list[list[int]] | None:
        """Of each the `most` newest."""

    def counts(self, connection: Connection, expressions: Sequence[Expression], most: int) -> list[int] | None:
        """Of each how many rows match, counted no further than `most`."""

    def rows(self, connection: Connection, ids: Sequence[int]) -> list[Any] | None:
        """The id and the columns of these items."""

    def write(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Put rows, `id` and the columns, in the place of those that are there."""

    def make_anew(self, connection: Connection) -> None:
        """The table, empty, whatever state it is in; its rows go with their items."""

    def rebuild(self, connection: Connection) -> None:
        """Leave nothing of the words that were deleted."""

    def vocabulary(self, connection: Connection) -> Iterator[tuple[str, int]] | None:
        """Each token of the index, and how often it is there. Reads all of it."""


class NameIndex(Protocol):
    """What a database does for the index of parts of names (`name_parts.py`)."""

    def is_there(self, connection: Connection) -> bool:
        """Whether there is one, by which names are looked up. Where there is none names are read one by one."""

    def make(self, connection: Connection) -> None:
        """The index of the names that are there."""

    def drop(self, connection: Connection) -> None:
        """Let go of it, whatever state it is in."""

    def rebuild(self, connection: Connection) -> None:
        """Leave nothing of the names that were deleted."""

    def holds(self, connection: Connection, wanted: Mapping[str, tuple[int, float]]) -> bool:
        """Whether it holds these parts, each so often and with this sum of ids, and nothing else."""


class Database(Protocol):
    """The database that a URL names; as text, what a sentence calls it."""

    @property
    def words(self) -> WordTable:
        """Its table of words."""

    @property
    def names(self) -> NameIndex:
        """Its index of parts of names."""

    # -- whether it is there, and connections to it ---------------------------------------------------------

    def make_room(self) -> None:
        """Make what a new catalog needs to be written into. Raises StoreError."""

    def find(self) -> bool:
        """Whether the catalog, which has to be there, may be written. Raises StoreMissingError or StoreError."""

    def connect(
        self, *, writable: bool, mapped: bool = False, alone: bool = False, prepare: Sequence[str] = ()
    ) -> Engine:
        """An engine, of which a transaction is a snapshot, or writes and is the only one that does (the execution
        option `writing`). The rest: see `sqlite.py`."""

    def only_writer(self) -> AbstractContextManager[None]:
        """Hold what tells the runs of other machines that one is at work. Raises StoreBusyError."""

    def among_writers(self) -> AbstractContextManager[Writers | None]:
        """Be one of several runs that write at once; None where there is one at a time, which is somebody else's to
        see to. Raises StoreBusyError."""

    def place(self, *, writable: bool) -> tuple[object, ...] | None:
        """What a connection holds on to; None: nothing that could be another one."""

    def check_there(self) -> None:
        """Raise StoreMissingError where the catalog is gone."""

    def was_in_use_at_fork(self) -> None:
        """This is a forked process, whose parent was reading or writing in another thread."""

    def check_fork(self) -> None:
        """Raise StoreError in a process in which the catalog cannot be used for that."""

    # -- what it raises -------------------------------------------------------------------------------------

    def translated(self) -> AbstractContextManager[None]:
        """Turn what the driver raises into the error tree."""

    def unwritable(self) -> StoreUnwritableError:
        """The error for a store that may only be read."""

    def full(self) -> StoreUnwritableError:
        """The error for a store whose disk has no room."""

    def lacks_room(self, error: StoreError) -> bool:
        """Whether `error`, of `translated`, says that it cannot even be opened to be read for want of room."""

    # -- tables ---------------------------------------------------------------------------------------------

    def version(self, connection: Connection) -> int:
        """The schema version; 0 for a new catalog. Raises StoreDamagedError for what is not ours."""

    def begin(self, connection: Connection) -> int:
        """Make the tables with which a new catalog begins here. Returns the schema version that they have."""

    def set_version(self, connection: Connection, number: int) -> None:
        """Note the schema version; it commits with the caller's transaction."""

    def foreign(self, connection: Connection, tables: Iterable[Table]) -> str | None:
        """What is there that this program does not make and a statement could run into, in words."""

    def lacking(self, connection: Connection, tables: Iterable[Table]) -> str | None:
        """The first table or column of ours that is not there, in words."""

    def stand_ins(self, connection: Connection, tables: Iterable[Table]) -> list[str]:
        """Statements that let a reader use a catalog of an older schema. Raises StoreUnwritableError."""

    def keeps_sums(self, connection: Connection, table: Table) -> bool:
        """Whether rows of a table have checksums, and all its columns are there."""

    def shared(self, connection: Connection, statement: Select[Any]) -> SharedStatement | None:
        """A statement of this state as others can ask it; None where nobody else comes to this database."""

    # -- its own care ---------------------------------------------------------------------------------------

    def integrity(self, connection: Connection) -> list[str]:
        """What the database's own checks say; empty when all is well."""

    def ids_ended(self, connection: Connection) -> list[str]:
        """The tables that take no new row, because their ids are at their end."""

    def mend_ids(self, connection: Connection) -> None:
        """Let them take new rows again."""

    def live_bytes(self, connection: Connection) -> int:
        """Bytes without the room that is free."""

    def tidy(self, engine: Engine) -> None:
        """After many rows came or went: leave nothing pending in indexes, and tell the planner how many there are."""

    def rewrite(self, engine: Engine) -> bool:
        """Give free room back. False where others were reading, so that it comes later."""
