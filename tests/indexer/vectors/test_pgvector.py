"""PostgreSQL as a vector backend, beside the contract: whose index is whose, and what a server refuses."""

from __future__ import annotations

import multiprocessing
import secrets
import socket
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest

from indexer.errors import StoreDamagedError, StoreError, StoreUnwritableError
from indexer.types import Int64
from indexer.vectors.backend import BuildPlan
from indexer.vectors.backends.pgvector import connections as connecting
from indexer.vectors.backends.pgvector.backend import PgVector
from indexer.vectors.backends.pgvector.connections import Connections
from tests.fixtures.pgvector_backend import pgvector
from tests.fixtures.postgres_server import PASSWORD
from tests.fixtures.vectors import DIMENSION, batches_of, clustered

pytest.importorskip("psycopg")

VECTORS = clustered(100, seed=1)
IDS: Int64 = np.arange(100, dtype=np.int64)


def build(backend: PgVector, generation: int = 7, key: str = "key", dimension: int = DIMENSION) -> None:
    vectors = clustered(100, seed=1, dimension=dimension)
    backend.build("image", BuildPlan("flat", 100, dimension, 0.9, generation, key), batches_of(IDS, vectors))


def tables(url: str, name: str) -> list[str]:
    with Connections(url, url).use() as connection:
        found = connection.execute(
            "SELECT relname FROM pg_class WHERE relname ~ %s", [f"^search_{name}_.*[0-9a-f]{{8}}$"]
        )
        return sorted(each for (each,) in found)


@pytest.fixture
def somebody(pgvector_url: str) -> Callable[..., str]:
    """Gives the URL of a new user in a new database."""

    def made(*statements: str) -> str:
        name = f"u{secrets.token_hex(4)}"
        with Connections(pgvector_url, "").use() as connection:
            connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
            connection.execute(f"CREATE DATABASE {name}")
        inside = f"{pgvector_url.rpartition('/')[0]}/{name}"
        driver = connecting.driver()
        with driver.connect(inside, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)
        return inside.replace("postgres@", f"{name}@")

    return made


def test_types_that_it_lacks_become_the_nearest(pgvector_url: str) -> None:
    for asked, index_type in (("ivf-sq8", "ivf-flat"), ("ivf-pq", "ivf-flat"), ("hnsw", "hnsw"), ("flat", "flat")):
        plan = BuildPlan(asked, 100, DIMENSION, 0.9, 7, "key")  # type: ignore[arg-type]
        state = pgvector(pgvector_url).build("image", plan, batches_of(IDS, VECTORS))
        assert (state.asked, state.index_type) == (asked, index_type)


def test_more_dimensions_than_an_index_has_are_compared(pgvector_url: str) -> None:
    backend = pgvector(pgvector_url)
    plan = BuildPlan("hnsw", 100, 2_001, 0.9, 7, "key")
    assert backend.build("image", plan, batches_of(IDS, clustered(100, 1, 2_001))).index_type == "flat"
    opened = backend.open("image", "key")
    assert opened is not None
    assert opened.index.search(clustered(100, 1, 2_001)[:5], 1)[1][:, 0].tolist() == IDS[:5].tolist()


def test_the_table_before_stays_until_the_next_run(pgvector_url: str) -> None:
    """Who has it open goes on; later the catalog answers, and the next query opens what is there."""
    backend = pgvector(pgvector_url, name="kept")
    build(backend)
    old = backend.open("image", "key")
    build(backend, generation=8)
    assert len(tables(pgvector_url, "kept")) == 2
    assert old is not None
    old.index.search(VECTORS[:1], 3)
    assert backend.keep("image")
    (left,) = tables(pgvector_url, "kept")
    assert "_8_" in left
    with pytest.raises(StoreDamagedError, match="its table is not there"):
        old.index.search(VECTORS[:1], 3)
    backend.discard("image")
    assert tables(pgvector_url, "kept") == []


def test_an_index_of_another_dimension_is_replaced(pgvector_url: str) -> None:
    """As after a change of the encoder."""
    backend = pgvector(pgvector_url)
    build(backend)
    build(backend, key="another", dimension=48)
    opened = backend.open("image", "another")
    assert opened is not None
    assert opened.index.dimension == 48


def test_a_name_of_another_store_is_not_taken(pgvector_url: str) -> None:
    build(pgvector(pgvector_url, store="one", name="taken"))
    other = pgvector(pgvector_url, store="another", name="taken")
    with pytest.raises(StoreUnwritableError, match=r"taken in .* belongs to another store; give this one another name"):
        build(other)
    other.discard("image")
    assert pgvector(pgvector_url, store="one", name="taken").state("image", "key") is not None


def test_a_lost_connection_is_no_damage_and_the_next_call_makes_another(pgvector_url: str) -> None:
    backend = pgvector(pgvector_url)
    build(backend)
    opened = backend.open("image", "key")
    assert opened is not None
    (idle,) = backend._connections._idle
    with Connections(pgvector_url, "").use() as other:
        other.execute("SELECT pg_terminate_backend(%s, 1000)", [idle.info.backend_pid])
    opened.index.search(VECTORS[:1], 3)
    with pytest.raises(StoreError, match="was lost") as error, backend._connections.use() as connection:
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert not isinstance(error.value, StoreDamagedError)
    opened.index.search(VECTORS[:1], 3)


def test_a_forked_process_opens_its_own(pgvector_url: str) -> None:
    backend = pgvector(pgvector_url)
    build(backend)
    before = backend.version("image")
    child = multiprocessing.get_context("fork").Process(target=lambda: sys.exit(backend.version("image") != before))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert backend.version("image") == before


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        backend = pgvector(f"postgresql://u@127.0.0.1:{taken.getsockname()[1]}/db")
        assert backend.version("image") is None
        with pytest.raises(StoreError, match=r"cannot be reached \(Connection refused\); start that server"):
            backend.open("image", "key")
        assert "cannot be reached" in backend.verify("image")[0]


def test_a_server_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "TIMES", {"connect_timeout": 2})  # libpq's least
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        start = time.monotonic()
        with pytest.raises(StoreError, match="cannot be reached"):
            pgvector(f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/db").state("image", "key")
        assert time.monotonic() - start < 60


def test_a_wrong_password(pgvector_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "wrong")
    with pytest.raises(StoreError, match=r"refuses the user or the password .*; set PGPASSWORD") as error:
        pgvector(pgvector_url).state("image", "key")
    assert "wrong" not in str(error.value)


def test_one_who_may_not_make_the_extension(somebody: Callable[..., str]) -> None:
    with pytest.raises(StoreError, match=r"has no extension vector \(permission denied.*install pgvector there"):
        pgvector(somebody()).state("image", "key")


def test_one_who_may_not_make_tables(somebody: Callable[..., str]) -> None:
    backend = pgvector(somebody("CREATE EXTENSION vector", "REVOKE CREATE ON SCHEMA public FROM PUBLIC"))
    assert backend.state("image", "key") is None
    with pytest.raises(StoreUnwritableError, match=r"cannot be written .*give its user the right to create tables"):
        build(backend)


def test_an_extension_of_another_age(pgvector_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "EXTENSION_LEAST", (0, 99))
    with pytest.raises(StoreError, match=r"runs pgvector 0\.8\.\d+, and 0\.8 or newer is needed"):
        pgvector(pgvector_url).state("image", "key")
