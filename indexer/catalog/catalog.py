"""The catalog: the truth about a store. Opened here, read in snapshots, written in batches."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection

from indexer import forking
from indexer.catalog import schema
from indexer.catalog.meta import SWEEP, Meta
from indexer.catalog.migrations.run import SCHEMA_VERSION, migrate, version
from indexer.catalog.transaction import Transaction
from indexer.errors import StoreDamagedError, StoreUnwritableError, UsageError

if TYPE_CHECKING:
    from indexer.catalog.database import Database
    from indexer.catalog.writers import Writers

#: Contents that are remembered one by one: some 20 MB.
REMEMBERED = 200_000


def database_at(url: URL) -> Database:
    """The database that a URL names. Raises UsageError for one of an unknown kind."""
    match url.get_backend_name():
        case "sqlite":
            from indexer.catalog.sqlite import Sqlite

            return Sqlite(url)
        case "postgresql":
            from indexer.catalog.postgres import Postgres

            return Postgres(url)
        case other:
            raise UsageError(f"A catalog cannot lie in a database of {other}; use a SQLite file, or PostgreSQL.")


class Catalog:
    """One store's catalog. Safe to use from several threads; any number of processes may read while one writes."""

    def __init__(self, url: URL, *, writable: bool, mapped: bool = False, alone: bool = False) -> None:
        """Open the database at `url`; use `Catalog.open` or `Catalog.create`."""
        self.url = url
        self.writable = writable
        self._database = database_at(url)
        self._mapped, self._alone = mapped, alone
        self._lock = forking.rlock()
        self._place = self._database.place(writable=writable)
        self._engine = self._database.connect(writable=writable, mapped=mapped, alone=alone)
        #: How often its transactions made the generation grow: where that grew more, others write too.
        self.changes = 0
        #: What its transactions let go of; None: too much to remember.
        self.let_go: set[int] | None = set()
        self._at_work: set[int] = set()  # threads
        self._is_idle = True  # no connection was taken since a fork was announced
        forking.register(self)

    @classmethod
    def create(cls, url: URL) -> Catalog:
        """Open a catalog for writing, making it or bringing its schema up to date when needed.

        Raises StoreTooNewError, StoreDamagedError or StoreUnwritableError.
        """
        database_at(url).make_room()
        catalog = cls(url, writable=True)
        catalog._migrate()
        return catalog

    @classmethod
    def open(cls, url: URL) -> Catalog:
        """Open an existing catalog to read it; an older schema is brought up to date when the store is writable.

        One that cannot be written, its disk being full or read-only, is read as it is: what a later schema added is
        missing in it.

        Raises StoreMissingError, StoreTooNewError, StoreDamagedError or StoreUnwritableError.
        """
        database = database_at(url)
        writable = database.find()
        try:
            return cls._open(database, url, writable=writable)
        except StoreUnwritableError as error:
            if not writable or not database.lacks_room(error):
                raise
            return cls._open(database, url, writable=False, alone=True)

    @classmethod
    def _open(cls, database: Database, url: URL, *, writable: bool, alone: bool = False) -> Catalog:
        catalog = cls(url, writable=writable, mapped=True, alone=alone)
        try:
            catalog._suit_schema()
        except BaseException:
            catalog.close()
            raise
        return catalog

    def _suit_schema(self) -> None:
        """Bring an older schema up to date, or let it be read as it is."""
        stand_ins: list[str] = []
        with self.snapshot() as snapshot:
            found = version(snapshot.connection, self._database)
            self._check_tables(snapshot.connection, found)
            if found < SCHEMA_VERSION and not self.writable:
                if not found:
                    raise StoreDamagedError(f"{self._database} holds nothing; `index(FOLDER)` fills it.")
                stand_ins = self._database.stand_ins(snapshot.connection, schema.metadata.sorted_tables)
        if stand_ins:
            self.close()
            self._engine = self._database.connect(writable=False, mapped=True, alone=self._alone, prepare=stand_ins)
        elif found < SCHEMA_VERSION and self.writable:
            self._migrate()

    def _migrate(self) -> None:
        from indexer.catalog import derived  # here and below: a query derives nothing

        with self._transaction(writing=True) as transaction:
            found = version(transaction.connection, self._database)
            self._check_tables(transaction.connection, found)
            if found < SCHEMA_VERSION:
                migrate(transaction.connection, self._database)
            derived.follow_rules(transaction)

    def _check_tables(self, connection: Connection, found: int) -> None:
        """Raise StoreDamagedError for a file of which a statement could do something else than is meant."""
        tables = schema.metadata.sorted_tables
        other = self._database.foreign(connection, tables)
        lacks = self._database.lacking(connection, tables) if found == SCHEMA_VERSION else None
        if other is not None:
            said = f"{self._database} holds {other} that this program does not make"
        elif lacks is not None:
            said = f"{self._database} is damaged (it lacks {lacks})"
        else:
            return
        raise StoreDamagedError(f"{said}; `repair()` saves what can be read.")

    def close(self) -> None:
        """Close every connection; SQLite folds its log into the database when the last one goes."""
        with self._database.translated():
            self._engine.dispose()

    def before_fork(self) -> None:
        """Close what is idle: neither SQLite's connections may cross a fork, nor what it knows of the locks they
        hold."""
        self._is_idle = True
        self._engine.dispose()

    def after_fork(self) -> None:
        """What other threads use belongs to the parent, and so do the locks that SQLite takes for held here."""
        if self._at_work or not self._is_idle:
            forking.keep_for_ever(self._engine.pool)
            self._engine.dispose(close=False)
            self._database.was_in_use_at_fork()

    @contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        """One consistent state to read, while others may write."""
        with self._transaction(writing=False) as transaction:
            yield transaction

    @contextmanager
    def batch(self) -> Iterator[Transaction]:
        """One transaction to write: all of it is kept, or nothing."""
        if not self.writable:
            raise self._database.full() if self._alone else self._database.unwritable()
        with self._transaction(writing=True) as transaction:
            yield transaction

    @contextmanager
    def only_writer(self) -> Iterator[None]:
        """Be the only run that writes, of all machines that come to this catalog. Raises StoreBusyError."""
        with self._database.only_writer():
            yield

    @contextmanager
    def among_writers(self) -> Iterator[Writers | None]:
        """Be one of the runs that write at once; None where a catalog has one at a time. Raises StoreBusyError."""
        with self._database.among_writers() as found:
            yield found

    def live_bytes(self) -> int:
        """Bytes of the database without the room in it that is free."""
        with self.snapshot() as snapshot:
            return self._database.live_bytes(snapshot.connection)

    def compact(self) -> bool:
        """Write the database anew without its free room, and fold the log into it. False where others were reading, so
        that the log is emptied later. Raises StoreUnwritableError where there is no room for that; nothing is lost."""
        if not self.writable:
            raise self._database.full() if self._alone else self._database.unwritable()
        self._database.check_fork()
        self._keep_up()
        with self._database.translated():
            return self._database.rewrite(self._engine)

    def tidy(self) -> None:
        """After a run that changed many rows, whose writer this is. Raises StoreError."""
        with self._database.translated():
            self._database.tidy(self._engine)

    def was_replaced(self) -> bool:
        """Whether the file is another than the one that was opened, or has changed though nobody seemed to write."""
        place = self._database.place(writable=self.writable)
        return place is not None and place != self._place

    def _keep_up(self) -> None:
        """Open the file again after it was replaced, by a repair or a copy, or by a writer that this reader cannot
        see at work because it may not write beside it. Raises StoreMissingError when it is gone."""
        place = self._database.place(writable=self.writable)
        if place is None and self._place is not None:
            self._database.check_there()
        if place is None or place == self._place:
            return
        with self._lock:
            if place == self._place:  # another thread was quicker
                return
            self._place = place
            self._engine.dispose()
            self._engine = self._database.connect(writable=self.writable, mapped=self._mapped, alone=self._alone)
            if self._mapped:  # opened to read: a writer has judged its tables itself
                self._suit_schema()

    @contextmanager
    def _transaction(self, *, writing: bool) -> Iterator[Transaction]:
        """Committed on leaving, rolled back on any exception. The driver's errors become StoreErrors."""
        self._database.check_fork()
        self._keep_up()
        me = threading.get_ident()
        if me in self._at_work:  # it would wait for itself where all connections are taken
            raise RuntimeError("A thread works in one transaction of a catalog at a time.")
        self._at_work.add(me)
        self._is_idle = False
        try:
            with self._database.translated(), self._engine.connect() as connection:
                connection = connection.execution_options(writing=writing)
                with connection.begin():
                    transaction = Transaction(connection, self._database, writing=writing)
                    yield transaction
                    if writing:
                        from indexer.catalog import derived

                        derived.refresh(transaction)
                    if transaction.let_go:
                        Meta(transaction).set(SWEEP, "due")
                self.changes += transaction.is_change
                self._remember(transaction.let_go)
        finally:
            self._at_work.discard(me)

    def _remember(self, let_go: set[int]) -> None:
        if self.let_go is not None and let_go:
            self.let_go |= let_go
            if len(self.let_go) > REMEMBERED:
                self.let_go = None
