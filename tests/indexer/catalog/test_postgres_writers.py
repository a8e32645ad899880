"""Runs that write into one catalog at once: their places, their claims, and what is left of one that is gone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from sqlalchemy import URL, select

from indexer.catalog import postgres_writers
from indexer.catalog.catalog import Catalog
from indexer.catalog.claims import Claims
from indexer.catalog.meta import Meta
from indexer.catalog.schema import claim
from indexer.catalog.writers import Writers
from indexer.errors import StoreBusyError, StoreUnwritableError
from tests.fixtures.postgres_server import PostgresServer

PATHS = [f"/photos/{number}.jpg" for number in range(6)]


@pytest.fixture
def address(postgres_server: PostgresServer) -> URL:
    address = postgres_server.new_database()
    Catalog.create(address).close()
    return address


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_writers, "PATIENCE", 0.0)
    monkeypatch.setattr(postgres_writers, "SOON", 0.0)


@contextmanager
def at_work(address: URL) -> Iterator[Writers]:
    """A run, as on a machine of its own."""
    catalog = Catalog.create(address)
    with catalog.among_writers() as writers:
        assert writers is not None
        yield writers
    catalog.close()


def claims(address: URL) -> dict[str, int]:
    catalog = Catalog.open(address)
    with catalog.snapshot() as snapshot:
        found = {row.path: row.writer for row in snapshot.connection.execute(select(claim.c.path, claim.c.writer))}
    catalog.close()
    return found


def nobody() -> None:
    pytest.fail("waited for somebody")


def test_each_file_is_claimed_by_one(address: URL) -> None:
    with at_work(address) as one, at_work(address) as two:
        assert one.take(PATHS[:4]) == set(PATHS[:4])
        assert two.take(PATHS[2:]) == set(PATHS[4:])
        assert claims(address) == dict.fromkeys(PATHS[:4], one.number) | dict.fromkeys(PATHS[4:], two.number)
        assert (one.others_hold("/photos"), one.others_hold(PATHS[5]), one.others_hold("/phot")) == (True, True, False)
        two.leave([*PATHS[:2], *PATHS[4:]])
        assert claims(address) == dict.fromkeys(PATHS[:4], one.number)
        assert not one.others_hold("/photos")


def test_what_is_written_is_given_up_in_that_transaction(address: URL) -> None:
    catalog = Catalog.create(address)
    with catalog.among_writers() as writers:
        assert writers is not None
        writers.take(PATHS)
        with pytest.raises(ZeroDivisionError), catalog.batch() as batch:
            Claims(batch).give_up(writers.number, PATHS)
            raise ZeroDivisionError
        assert len(claims(address)) == 6
        with catalog.batch() as batch:
            Claims(batch).give_up(writers.number + 1, PATHS)
            Claims(batch).give_up(writers.number, PATHS[1:])
        assert claims(address) == {PATHS[0]: writers.number}
    catalog.close()


def test_who_is_gone_loses_its_claims_at_once(address: URL) -> None:
    with at_work(address) as two:
        with at_work(address) as one:
            one.take(PATHS)
            assert two.take_over("/photos", 9) == []
        assert two.take_over("/elsewhere", 9) == []
        assert two.take_over("/photos", 2) == PATHS[:2]
        assert two.take(PATHS) == set(PATHS[2:])
        assert claims(address) == dict.fromkeys(PATHS, two.number)


def test_who_says_nothing_for_too_long_loses_them_too(address: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    with at_work(address) as one, at_work(address) as two:
        monkeypatch.setattr(postgres_writers, "LEASE", -1)
        one.take(PATHS)
        monkeypatch.setattr(postgres_writers, "LEASE", 60)
        assert two.take_over("/photos", 2) == PATHS[:2]
        monkeypatch.setattr(postgres_writers, "RENEWAL", -1)
        one.keep()
        assert two.take_over("/photos", 9) == []
        one.leave(PATHS)
        assert claims(address) == dict.fromkeys(PATHS[:2], two.number)


def test_two_that_take_over_do_not_wait_for_each_other(address: URL, postgres_server: PostgresServer) -> None:
    import psycopg

    with at_work(address) as one:
        one.take(PATHS)
    given = {"host": "127.0.0.1", "port": postgres_server.port, "user": "postgres", "dbname": str(address.database)}
    with at_work(address) as two, psycopg.connect(**given) as other:  # type: ignore[arg-type]
        two.take(["/elsewhere"])  # the first one clears away what those before have left
        postgres_server.execute(
            "INSERT INTO image_search.claim SELECT ('/photos/' || n)::bytea, 1, 0 FROM generate_series(1, 3) AS n",
            str(address.database),
        )
        other.execute("SELECT FROM image_search.claim WHERE path = '/photos/2' FOR UPDATE")
        assert two.take_over("/photos", 9) == ["/photos/1", "/photos/3"]


def test_the_first_one_clears_away_what_those_before_have_left(address: URL) -> None:
    with at_work(address) as one:
        one.take(PATHS)
    with at_work(address):
        assert claims(address) == {}
    with at_work(address) as one:
        one.take(PATHS)
    catalog = Catalog.create(address)
    with catalog.only_writer():
        assert claims(address) == {}
    catalog.close()


def test_of_runs_that_end_the_last_is_alone(address: URL) -> None:
    with at_work(address) as one:
        with at_work(address) as two:
            assert not one.be_alone(nobody)
            assert two.be_alone(nobody)
            with pytest.raises(StoreBusyError, match=r"Another process at 127\.0\.0\.1 is writing"), at_work(address):
                pytest.fail("beside one that has to be alone")
        assert one.be_alone(nobody)


def test_who_ends_waits_for_one_that_does(address: URL) -> None:
    with at_work(address) as one, ExitStack() as stack:
        two = stack.enter_context(at_work(address))
        assert not one.be_alone(nobody)
        assert two.be_alone(nobody)
        waited: list[bool] = []

        def waiting() -> None:
            waited.append(True)
            stack.close()

        assert one.be_alone(waiting)
        assert waited == [True]


def test_alone_is_not_beside_others(address: URL) -> None:
    first, second = Catalog.create(address), Catalog.create(address)
    said = r"Another process at 127\.0\.0\.1 is writing to postgresql"
    with first.only_writer(), pytest.raises(StoreBusyError, match=said), second.among_writers():
        pytest.fail("beside one that has to be alone")
    with first.among_writers(), pytest.raises(StoreBusyError, match=said), second.only_writer():
        pytest.fail("alone beside another")
    first.close()
    second.close()


def test_a_run_whose_connection_was_cut_writes_no_more(address: URL, postgres_server: PostgresServer) -> None:
    catalog = Catalog.create(address)
    said = "ended the connection of this run; run the same command again"
    with pytest.raises(StoreUnwritableError, match=said), catalog.among_writers() as writers:
        assert writers is not None
        with catalog.batch() as batch:
            Meta(batch).set("key", "kept")
        postgres_server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_locks WHERE objid = {writers.number}")
        with catalog.batch() as batch:
            Meta(batch).set("key", "lost")
    with catalog.snapshot() as snapshot:
        assert Meta(snapshot).get("key") == "kept"
    catalog.close()


def test_claims_end_by_the_clock_of_the_server(
    address: URL, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine whose clock is wrong loses nothing, and keeps nothing from others: no time of it is in a statement."""
    from psycopg import Connection

    given: list[object] = []
    execute = Connection.execute

    def recorded(connection: Connection[object], statement: object, values: object = None, **named: object) -> object:
        given.append(values)
        return execute(connection, statement, values, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Connection, "execute", recorded)
    monkeypatch.setattr(postgres_writers, "RENEWAL", -1)
    with at_work(address) as one, at_work(address) as two:
        one.take(PATHS)
        one.keep()
        two.take_over("/photos", 9)
        now = "extract(epoch FROM clock_timestamp())"
        left = f"SELECT min(until) - {now} > 110, max(until) - {now} <= 120 FROM image_search.claim"
        assert postgres_server.execute(left, str(address.database)) == [(True, True)]
    numbers = {value for each in given if isinstance(each, dict) for value in each.values() if isinstance(value, int)}
    assert numbers == {one.number, two.number, postgres_writers.LEASE, 9}
    assert not any(isinstance(value, float) for each in given if isinstance(each, dict) for value in each.values())


def test_paths_that_are_no_text(address: URL) -> None:
    odd = os.fsdecode(b"/photos/\xff\\'.jpg")
    with at_work(address) as one:
        assert one.take([odd]) == {odd}
        assert claims(address) == {odd: one.number}
