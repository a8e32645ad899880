"""A store whose vector indexes are on a server, from the shell: the answers of files, and one sentence without it."""

from __future__ import annotations

import json
import secrets
import socket
from pathlib import Path

import numpy as np
import pytest

from indexer.vectors.backend import BuildPlan
from indexer.vectors.backends.pgvector import connections
from tests.conftest import Cli
from tests.fixtures.pgvector_backend import pgvector
from tests.fixtures.vectors import batches_of, clustered

pytest.importorskip("psycopg")


def paths(cli: Cli, store: Path) -> list[str]:
    answer = cli("query", "a cat", "--store", store, "--json", "--limit", 5)
    assert answer.code == 0, answer.err
    return [hit["path"] for hit in json.loads(answer.out)["hits"]]


def test_a_server_answers_as_files_do(cli: Cli, store: Path, pgvector_url: str) -> None:
    """Also where somebody has deleted the table."""
    right = paths(cli, store)
    name = f"n{secrets.token_hex(4)}"
    (store / "store.toml").write_text(f'[vectors]\nurl = "{pgvector_url}"\nname = "{name}"\n')
    assert paths(cli, store) == right  # built by the query that misses it
    state = json.loads(cli("status", "--store", store, "--json").out)
    backend = pgvector(pgvector_url, name=name)
    assert backend.version("image") is not None
    assert state["indexes"]["image"]["count"] == state["images"]
    with backend._connections.use() as connection:
        connection.execute(f'DROP TABLE "{backend.version("image")}"')
    assert paths(cli, store) == right
    assert backend.verify("image") == []  # and by that query, again


def test_a_server_that_is_away(cli: Cli, store: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"postgresql://u@127.0.0.1:{taken.getsockname()[1]}/db"
        (store / "store.toml").write_text(f'[vectors]\nurl = "{url}"\n')
        answer = cli("query", "a cat", "--store", store)
    assert answer.code == 4
    (line,) = answer.err.splitlines()
    assert line.startswith(f"search: The vector indexes in {url} cannot be reached (Connection refused); start")


def refused(cli: Cli, store: Path, url: str, *command: str, name: str = "refused") -> str:
    """The sentence of a command that ends with exit code 4: all that a query says; `index` shows more before."""
    (store / "store.toml").write_text(f'[vectors]\nurl = "{url}"\nname = "{name}"\n')
    answer = cli(*(command or ("query", "a cat")), "--store", store)
    assert (answer.code, answer.out) == (4, ""), answer
    *before, line = answer.err.splitlines()
    assert not before or command
    return line.removeprefix("search: ")


def test_a_milvus_that_is_away(cli: Cli, store: Path) -> None:
    pytest.importorskip("pymilvus")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"milvus://127.0.0.1:{taken.getsockname()[1]}"
        said = refused(cli, store, url)
    assert said.startswith(f"The vector indexes in {url} cannot be reached (Fail connecting to server on 127.0.0.1:")
    assert said.endswith("; start that server, or mend the url in store.toml.")


def test_a_wrong_password(cli: Cli, store: Path, pgvector_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "wrong")
    assert refused(cli, store, pgvector_url) == (
        f'{pgvector_url} refuses the user or the password (password authentication failed for user "postgres"); '
        "set PGPASSWORD, or write it into ~/.pgpass."
    )


def test_an_extension_of_another_version(
    cli: Cli, store: Path, pgvector_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "EXTENSION_LEAST", (0, 99))
    said = refused(cli, store, pgvector_url)
    assert said.startswith(f"{pgvector_url} runs pgvector 0.")
    assert said.endswith(", and 0.8 or newer is needed; upgrade it there.")


def test_without_the_extension(cli: Cli, store: Path, pgvector_url: str) -> None:
    """And without the right to make it."""
    name = f"u{secrets.token_hex(4)}"
    with pgvector(pgvector_url)._connections.use() as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'postgres'")
        connection.execute(f"CREATE DATABASE {name}")
    url = f"{pgvector_url.rpartition('/')[0]}/{name}".replace("postgres@", f"{name}@")
    assert refused(cli, store, url) == (
        f'{url} has no extension vector (permission denied to create extension "vector"); install pgvector there, and '
        'let one who may run "CREATE EXTENSION vector" in this database.'
    )


def test_an_index_of_another_store_and_dimension(cli: Cli, store: Path, pgvector_url: str) -> None:
    """It is neither asked nor written over: queries compare with the catalog, and `search index` says so."""
    right = paths(cli, store)
    name = f"n{secrets.token_hex(4)}"
    other = pgvector(pgvector_url, store="another", name=name)
    plan = BuildPlan("flat", 50, 48, 0.9, 7, "key")
    other.build("image", plan, batches_of(np.arange(50), clustered(50, 1, 48)))
    assert refused(cli, store, pgvector_url, "index", name=name) == (
        f"The image index {name} in {pgvector_url} belongs to another store; give this one another name in store.toml "
        "([vectors] name), or delete that index there."
    )
    assert paths(cli, store) == right
    assert other.verify("image") == []
