"""PostgreSQL: all that only this database understands. A class with the methods of `Database`, as `Sqlite`.

The tables lie in a schema of their own (`postgres_first.SCHEMA`) of the database that the URL names. It sums its own
pages, repairs itself after a crash, and has its own backups: there are no checksums of rows here, and no salvage.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, Select, Table, create_engine, event, text
from sqlalchemy.dialects import registry
from sqlalchemy.exc import DisconnectionError, NoSuchModuleError

from indexer.catalog import postgres_first
from indexer.catalog.postgres_errors import PostgresErrors
from indexer.catalog.postgres_first import SCHEMA
from indexer.catalog.postgres_words import NoNames, PostgresWords
from indexer.catalog.postgres_writers import BATCH, OURS, PostgresWriters, is_at_work, writers
from indexer.catalog.schema import first_lacking
from indexer.catalog.shared_statement import SharedStatement, place_of
from indexer.catalog.writers import Writers
from indexer.errors import StoreDamagedError, StoreError, StoreMissingError, StoreUnwritableError

#: The first version whose words are all known here (`MERGE`, identity columns, JSON) and that is still looked after.
OLDEST: Final = 15
#: Seconds until a server that does not answer is said not to.
PATIENCE: Final = 10
#: A writer waits this long (ms) for another one's transaction; a run longer: beside it others stand in line.
BUSY_TIMEOUT_MS: Final = 10_000
RUN_TIMEOUT_MS: Final = 120_000
#: Connections of one process; more threads wait their turn.
CONNECTIONS: Final = 16
_FOR_EVER: Final[Any] = None
#: Seconds after which a connection is tried before it is used, which costs a round trip. No server is started anew
#: between two steps of a query.
RESTED: Final = 1.0
_RESTS: Final = "rests since"


class Postgres(PostgresErrors):
    """The database that a URL names: `postgresql://user@host/database`."""

    def __init__(self, url: URL) -> None:
        super().__init__(url)
        self.words = PostgresWords()
        self.names = NoNames()
        self._number: int | None = None  # of the run that this process is

    # -- whether it is there, and connections to it ---------------------------------------------------------

    def make_room(self) -> None:
        """Look whether the server answers, is new enough, and lets us write what is there. Raises StoreError."""
        with self._looking() as connection:
            self._check_server(connection)
            if self._has_tables(connection) and not self._may_write(connection):
                raise self.unwritable()

    def find(self) -> bool:
        """Whether the catalog, which has to be there, may be written. Raises StoreMissingError or StoreError."""
        with self._looking() as connection:
            self._check_server(connection)
            if not self._has_tables(connection):
                self._check_rights(connection)
                raise StoreMissingError(f"There is no index in {self}; make one with `index(FOLDER)`.")
            return self._may_write(connection)

    def _may_write(self, connection: Connection) -> bool:
        may = text("SELECT NOT pg_is_in_recovery() AND has_table_privilege('meta', 'UPDATE')")
        return bool(connection.execute(may).scalar_one())

    @contextmanager
    def _looking(self) -> Iterator[Connection]:
        engine = self.connect(writable=False)
        try:
            with self.translated(), engine.connect() as connection, connection.begin():
                yield connection
        finally:
            engine.dispose()

    def _check_server(self, connection: Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        version: int = driver.info.server_version
        if version < OLDEST * 10_000:
            raise StoreError(
                f"The server of {self} is PostgreSQL {version // 10_000}, and a catalog needs {OLDEST} or later; "
                "upgrade it, or name another server with `store`."
            )

    def _check_rights(self, connection: Connection) -> None:
        """Tables of a schema that may not be used look as if they were not there."""
        may = text("SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = :name")
        if connection.execute(may, {"name": SCHEMA}).scalar() is False:
            raise StoreUnwritableError(
                f"{self} does not let this user read its index; ask its owner for the right (GRANT USAGE ON SCHEMA "
                f"{SCHEMA}, and SELECT on its tables), or name another `store`."
            )

    def connect(
        self, *, writable: bool, mapped: bool = False, alone: bool = False, prepare: Sequence[str] = ()
    ) -> Engine:
        """An engine for the database. The driver is asked to keep statements short of the planner's just-in-time
        compiler, which costs more than they do; `mapped`, `alone`, `prepare` are of files."""
        from indexer.catalog.postgres_dialect import DRIVER

        for name in ("psycopg", "sqlalchemy"):  # of a lost connection they warn on standard error; it is raised as well
            logger = logging.getLogger(name)
            if not logger.handlers:
                logger.addHandler(logging.NullHandler())
        registry.register(DRIVER.replace("+", "."), "indexer.catalog.postgres_dialect", "Dialect")
        given = {
            "connect_timeout": PATIENCE,
            "application_name": "image-collection-search",
            "options": f"-c search_path={SCHEMA} -c jit=off -c lock_timeout={BUSY_TIMEOUT_MS} -c timezone=UTC "
            "-c standard_conforming_strings=on",
        }
        try:
            engine = create_engine(
                self._url.set(drivername=DRIVER),
                connect_args=given,
                pool_size=CONNECTIONS,
                max_overflow=0,
                pool_timeout=_FOR_EVER,
                pool_use_lifo=True,
                use_native_hstore=False,  # else each connection asks the server for a type that is not used
            )
        except (ImportError, NoSuchModuleError) as error:
            raise self.lacks_driver() from error

        @event.listens_for(engine, "checkin")
        def _on_checkin(_connection: Any, record: Any) -> None:
            record.info[_RESTS] = time.monotonic()

        @event.listens_for(engine, "checkout")
        def _on_checkout(connection: Any, record: Any, _proxy: Any) -> None:
            if time.monotonic() - record.info.get(_RESTS, math.inf) > RESTED:
                try:
                    engine.dialect.do_ping(connection)
                except Exception as error:
                    raise DisconnectionError("The server was started anew.") from error

        @event.listens_for(engine, "begin")
        def _on_begin(connection: Connection) -> None:
            from psycopg import IsolationLevel

            writing = connection.get_execution_options().get("writing", False)
            driver: Any = connection.connection.dbapi_connection
            driver.read_only = not writing
            # Of writers there is one at a time: each statement sees what those before have left.
            driver.isolation_level = IsolationLevel.READ_COMMITTED if writing else IsolationLevel.REPEATABLE_READ
            if writing:
                if self._number is not None:
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {RUN_TIMEOUT_MS}")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({OURS}, {BATCH})")
                self._check_still_at_work(connection)

        return engine

    @contextmanager
    def only_writer(self) -> Iterator[None]:
        """Hold a lock of the database for as long as this process has the connection: the server frees it when that
        ends, however it does. Raises StoreBusyError."""
        with self._writing(alone=True):
            yield

    @contextmanager
    def among_writers(self) -> Iterator[Writers]:
        """Be one of several runs that write at once, none of which has to be alone. Raises StoreBusyError."""
        with self._writing(alone=False) as found:
            yield found

    @contextmanager
    def _writing(self, *, alone: bool) -> Iterator[PostgresWriters]:
        engine = self.connect(writable=True)
        try:
            with self.translated(), writers(engine, self, alone=alone) as found:
                self._number = found.number
                yield found
        finally:
            self._number = None
            engine.dispose()

    def _check_still_at_work(self, connection: Connection) -> None:
        """Of a run whose connection was cut the locks are gone, and another may be at work in its place."""
        if self._number is not None and not connection.exec_driver_sql(is_at_work(self._number)).scalar_one():
            raise StoreUnwritableError(
                f"The server of {self} has ended the connection of this run; run the same command again, it goes on "
                "from the last committed batch."
            )

    def place(self, *, writable: bool) -> tuple[object, ...] | None:
        """No file that could be another one."""
        return None

    def check_there(self) -> None:
        """What is gone the next statement says."""

    def was_in_use_at_fork(self) -> None:
        """Connections are opened anew, and locks are the server's."""

    def check_fork(self) -> None:
        """See above."""

    # -- tables ---------------------------------------------------------------------------------------------

    def _has_tables(self, connection: Connection) -> bool:
        return connection.execute(text("SELECT to_regclass('migration')")).scalar() is not None

    def version(self, connection: Connection) -> int:
        """How many migrations ran; 0 where none did. Raises StoreDamagedError for a schema of another program."""
        if self._has_tables(connection):
            return int(connection.execute(text("SELECT count(*) FROM migration")).scalar_one())
        others = text("SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace(:name)")
        if connection.execute(others, {"name": SCHEMA}).scalar_one():
            raise StoreDamagedError(
                f"{self} has a schema {SCHEMA} of another program; name another database with `store`."
            )
        return 0

    def begin(self, connection: Connection) -> int:
        """Make the tables with which a catalog begins here. Returns the schema version that they have."""
        postgres_first.make(connection)
        return postgres_first.VERSION

    def set_version(self, connection: Connection, number: int) -> None:
        """It is the number of the migrations that are noted."""

    def foreign(self, connection: Connection, tables: Iterable[Table]) -> str | None:
        """None is looked for: what a server holds its owner has put there, and no stranger sends it as a file."""
        return None

    def lacking(self, connection: Connection, tables: Iterable[Table]) -> str | None:
        """The first table or column of ours that is not there, in words."""
        return first_lacking(tables, self._columns(connection))

    def _columns(self, connection: Connection) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        columns = text(
            "SELECT relname, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
            "WHERE relnamespace = to_regnamespace(:name) AND relkind = 'r' AND attnum > 0 AND NOT attisdropped"
        )
        for table, column in connection.execute(columns, {"name": SCHEMA}):
            found.setdefault(table, set()).add(column)
        return found

    def stand_ins(self, connection: Connection, tables: Iterable[Table]) -> list[str]:
        """None. Raises StoreUnwritableError: whoever may write brings the catalog up to date."""
        raise StoreUnwritableError(
            f"An earlier version made {self}, and you may only read it; let somebody who may write run `index()` once."
        )

    def keeps_sums(self, connection: Connection, table: Table) -> bool:
        """All columns are there; that no row has a checksum the conditions know."""
        return True

    def shared(self, connection: Connection, statement: Select[Any]) -> SharedStatement:
        """See `Database.shared`. The state is kept for others until the transaction ends."""
        compiled = statement.compile(connection, compile_kwargs={"render_postcompile": True})
        processors: Any = compiled._bind_processors  # what SQLAlchemy itself applies when it runs a statement
        values = {
            name: processors[name](value) if name in processors else value
            for name, value in compiled.construct_params().items()
        }
        snapshot = str(connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one())
        url = self._url
        place = place_of(url.host, url.port, url.username, url.database)
        return SharedStatement(place, SCHEMA, snapshot, str(compiled), values)

    # -- its own care ---------------------------------------------------------------------------------------

    def integrity(self, connection: Connection) -> list[str]:
        """Nothing: it keeps references itself, and says of a damaged page when it reads it."""
        return []

    def ids_ended(self, connection: Connection) -> list[str]:
        """None."""
        return []

    def mend_ids(self, connection: Connection) -> None:
        """Nothing to do."""

    def live_bytes(self, connection: Connection) -> int:
        """Bytes of the tables with their indexes."""
        size = "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class"
        of_ours = text(f"{size} WHERE relnamespace = to_regnamespace(:name) AND relkind = 'r'")
        return int(connection.execute(of_ours, {"name": SCHEMA}).scalar_one())

    def rewrite(self, engine: Engine) -> bool:
        """Let free room be used again; what the server needs no more at the end of a file it gives back."""
        self.tidy(engine)
        return True

    def tidy(self, engine: Engine) -> None:
        """What the server does by itself in some minutes. Until then a query reads all that is pending in the index of
        words, for each word. Tables of another owner are left to them."""
        with closing(engine.raw_connection()) as connection:
            driver: Any = connection.driver_connection
            driver.autocommit = True
            cursor = connection.cursor()
            cursor.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'r'", [SCHEMA]
            )
            for (name,) in cursor.fetchall():
                cursor.execute(f"VACUUM (ANALYZE, SKIP_LOCKED) {name}")
            driver.autocommit = False
