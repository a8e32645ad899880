"""A catalog in PostgreSQL: what it says where it cannot be used. What it does as every other one: `tests/contract`."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, inspect, make_url, select

from indexer.catalog import postgres
from indexer.catalog.catalog import Catalog
from indexer.catalog.meta import Meta
from indexer.catalog.migrations.run import MIGRATIONS
from indexer.catalog.postgres_first import SCHEMA
from indexer.catalog.postgres_words import written
from indexer.catalog.schema import metadata, migration
from indexer.catalog.sqlite import file_url
from indexer.catalog.word_expressions import Phrase, phrase, within
from indexer.errors import (
    StoreBusyError,
    StoreDamagedError,
    StoreError,
    StoreMissingError,
    StoreTooNewError,
    StoreUnwritableError,
    UnfitValueError,
    UsageError,
)
from tests.fixtures.paths import ROOT
from tests.fixtures.postgres_server import PASSWORD, PostgresServer


@pytest.fixture
def address(postgres_server: PostgresServer) -> URL:
    return postgres_server.new_database()


@pytest.fixture
def guest(postgres_server: PostgresServer, address: URL) -> Iterator[URL]:
    """The address of a catalog for a user who may do nothing with it."""
    Catalog.create(address).close()
    postgres_server.execute(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'")
    yield address.set(username="guest")
    postgres_server.execute("DROP OWNED BY guest", str(address.database))
    postgres_server.execute("DROP ROLE guest")


def test_a_server_that_is_not_there(address: URL) -> None:
    said = re.escape(f"postgresql://postgres@127.0.0.1:1/{address.database} cannot be opened (connection")
    with pytest.raises(StoreUnwritableError, match=f"^{said}.*refused.*; start the server, or correct the host"):
        Catalog.open(address.set(port=1))


def test_a_database_that_is_not_there(address: URL) -> None:
    with pytest.raises(StoreUnwritableError, match=r'database "lost" does not exist\); make the database \(createdb\)'):
        Catalog.create(address.set(database="lost"))


@pytest.mark.parametrize("given", ["wrong", None])
def test_a_wrong_password_and_none(address: URL, monkeypatch: pytest.MonkeyPatch, given: str | None) -> None:
    if given is None:
        monkeypatch.delenv("PGPASSWORD")
        monkeypatch.setenv("PGPASSFILE", "/nowhere")
    else:
        monkeypatch.setenv("PGPASSWORD", given)
    with pytest.raises(StoreUnwritableError, match=r"password.*\); give the right user.* PGPASSWORD or ~/\.pgpass\.$"):
        Catalog.open(address)


@pytest.mark.parametrize("given", ["postgresql://a:secret@h/d", "postgresql://a@h/d?password=secret&sslmode=require"])
def test_a_password_in_the_address_is_refused_and_not_repeated(given: str) -> None:
    with pytest.raises(
        UsageError, match=r"give postgresql://a@h/d.*the password in PGPASSWORD or ~/\.pgpass"
    ) as caught:
        Catalog.open(make_url(given))
    assert "secret" not in str(caught.value)


def test_an_empty_database_holds_no_index(address: URL) -> None:
    with pytest.raises(
        StoreMissingError, match=r"There is no index in postgresql://.*; make one with `index\(FOLDER\)`"
    ):
        Catalog.open(address)


def test_a_server_that_is_too_old(address: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "OLDEST", 99)
    for door in (Catalog.open, Catalog.create):
        with pytest.raises(StoreError, match=r"is PostgreSQL \d+, and a catalog needs 99 or later; upgrade it"):
            door(address)


def test_a_driver_that_is_not_installed(address: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_given: object, **_named: object) -> None:
        raise ModuleNotFoundError("No module named 'psycopg'")

    monkeypatch.setattr(postgres, "create_engine", lacking)
    with pytest.raises(UsageError, match=r"needs a package that is not here; `pip install 'psycopg\[binary\]'`"):
        Catalog.open(address)


def test_who_may_not_read_is_told_so(guest: URL) -> None:
    with pytest.raises(StoreUnwritableError, match="does not let this user read its index; ask its owner"):
        Catalog.open(guest)
    with pytest.raises(StoreUnwritableError, match=r"does not let this user do that \(permission denied for database"):
        Catalog.create(guest.set(database="postgres"))


def test_who_may_only_read_reads(guest: URL, postgres_server: PostgresServer) -> None:
    postgres_server.execute("GRANT USAGE ON SCHEMA image_search TO guest", str(guest.database))
    postgres_server.execute("GRANT SELECT ON ALL TABLES IN SCHEMA image_search TO guest", str(guest.database))
    catalog = Catalog.open(guest)
    with catalog.snapshot() as snapshot:
        assert Meta(snapshot).get("store")
    with pytest.raises(StoreUnwritableError, match="may only be read by this user"), catalog.batch():
        pytest.fail("written")
    catalog.close()
    with pytest.raises(StoreUnwritableError, match="may only be read by this user"):
        Catalog.create(guest)


def test_an_older_schema_that_may_only_be_read_is_refused(guest: URL, postgres_server: PostgresServer) -> None:
    database = str(guest.database)
    postgres_server.execute(f"DELETE FROM image_search.migration WHERE name = '{MIGRATIONS[-1][0]}'", database)
    postgres_server.execute("GRANT USAGE ON SCHEMA image_search TO guest", database)
    postgres_server.execute("GRANT SELECT ON ALL TABLES IN SCHEMA image_search TO guest", database)
    with pytest.raises(
        StoreUnwritableError, match=r"An earlier version made .*, and you may only read it; let somebody"
    ):
        Catalog.open(guest)


def test_a_catalog_of_a_newer_version_is_refused(address: URL, postgres_server: PostgresServer) -> None:
    Catalog.create(address).close()
    postgres_server.execute("INSERT INTO image_search.migration VALUES ('9999_later', 'now')", str(address.database))
    for door in (Catalog.open, Catalog.create):
        with pytest.raises(StoreTooNewError, match="was written by a newer version"):
            door(address)


def test_a_schema_of_another_program_is_left_alone(address: URL, postgres_server: PostgresServer) -> None:
    postgres_server.execute("CREATE SCHEMA image_search CREATE TABLE theirs (a int)", str(address.database))
    with pytest.raises(StoreDamagedError, match="has a schema image_search of another program"):
        Catalog.create(address)


def test_a_table_that_was_dropped_is_said(address: URL, postgres_server: PostgresServer) -> None:
    Catalog.create(address).close()
    postgres_server.execute("ALTER TABLE image_search.file DROP COLUMN about", str(address.database))
    with pytest.raises(StoreDamagedError, match="it lacks the column 'about' of the table 'file'"):
        Catalog.open(address)


def test_a_connection_that_was_cut_is_said_and_the_next_one_works(
    address: URL, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = Catalog.create(address)
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{address.database}'"
    with pytest.raises(StoreUnwritableError, match="start the server"), catalog.batch() as batch:
        Meta(batch).set("key", "lost")
        postgres_server.execute(cut)
        Meta(batch).set("key", "lost too")
    with catalog.batch() as batch:
        assert Meta(batch).get("key") is None
        Meta(batch).set("key", "kept")
    postgres_server.execute(cut)
    monkeypatch.setattr(postgres, "RESTED", 0.0)
    with catalog.snapshot() as snapshot:  # it has rested
        assert Meta(snapshot).get("key") == "kept"
    catalog.close()


def test_what_libraries_say_of_a_lost_connection_is_not_printed_besides(address: URL) -> None:
    program = (
        "import logging, sys; from indexer.catalog.catalog import Catalog; from sqlalchemy import make_url;"
        "Catalog.create(make_url(sys.argv[1])).close();"
        "[logging.getLogger(name).error('lost') for name in ('psycopg', 'sqlalchemy.pool')]"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, address.render_as_string()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr == ""


def test_who_waits_too_long_for_another_writer_is_told(address: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Catalog.create(address)
    monkeypatch.setattr(postgres, "BUSY_TIMEOUT_MS", 1)
    second = Catalog(address, writable=True)
    with first.batch(), pytest.raises(StoreBusyError, match="Another process is writing"), second.batch():
        pytest.fail("two at once")
    first.close()
    second.close()


def test_a_value_that_does_not_fit_is_that_of_one_file(address: URL) -> None:
    catalog = Catalog.create(address)
    with pytest.raises(UnfitValueError, match="the file that brought it is left out"), catalog.batch() as batch:
        batch.connection.exec_driver_sql("SELECT 'x'::bigint")
    catalog.close()


def test_text_has_no_nul_there(address: URL) -> None:
    catalog = Catalog.create(address)
    with catalog.batch() as batch:
        Meta(batch).set("key", "a\0b")
        assert Meta(batch).get("key") == "a\ufffdb"
    catalog.close()


def test_the_tables_are_those_to_which_migrations_lead(address: URL, tmp_path: Path) -> None:
    file = file_url(tmp_path / "catalog.sqlite")
    found = []
    for url, plain, schema in ((file, file, None), (address, address.set(drivername="postgresql+psycopg"), SCHEMA)):
        catalog = Catalog.create(url)
        with catalog.snapshot() as snapshot:
            names = snapshot.connection.execute(select(migration.c.name).order_by(migration.c.name)).scalars().all()
        catalog.close()
        engine = create_engine(plain)
        there = inspect(engine)
        tables = {
            table.name: (
                {column["name"]: column["nullable"] for column in there.get_columns(table.name, schema)},
                there.get_pk_constraint(table.name, schema)["constrained_columns"],
                sorted(tuple(each["column_names"]) for each in there.get_unique_constraints(table.name, schema)),
            )
            for table in metadata.sorted_tables
        }
        engine.dispose()
        found.append((tables, names))
    assert found[0] == found[1]


def test_words_are_written_so_that_nothing_else_is_meant() -> None:
    assert written(phrase(["o", "b\\"])) == "('o' <-> 'b')"
    assert written(Phrase(("été",), begins=True)) == "('été':*)"
    assert written(within(("name", "folders"), Phrase(("a", "b"), begins=True))) == "('a':D <-> 'b':*D)"
    assert written(within(("place",), within(("name", "folders"), phrase(["a"])))) == written(phrase([])) == "' '"
