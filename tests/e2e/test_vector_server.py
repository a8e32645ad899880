"""A store whose vector indexes are on a server, from the shell: the answers of files, and one sentence without it."""

from __future__ import annotations

import json
import secrets
import socket
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.fixtures.pgvector_backend import pgvector

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
