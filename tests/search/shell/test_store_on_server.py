"""A store whose catalog lies in PostgreSQL, by the commands that people use."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import search
from tests.conftest import Cli
from tests.fixtures.postgres_server import PostgresServer

NAMES = ("chelsea.png", "coffee.png", "rocket.jpg", "horse.png")


@pytest.fixture
def photos(real_photos: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in NAMES:
        shutil.copy(real_photos / name, folder / name)
    rows = [{"image": "coffee.png", "caption": "espresso at Ada's"}, {"image": "horse.png", "caption": "a black horse"}]
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_the_same_answers_as_from_a_file(
    cli: Cli, photos: Path, tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("SEARCH_RESIDENT", "off")
    address = str(postgres_server.new_database())
    file = tmp_path / "file.search"
    for store in (address, file):
        assert cli("index", photos, "--store", store, "--quiet").code == 0
    for asked in ("a cat", "espresso", "horse name:horse", 'text:"black horse"', 'a cat -"a dog"', "name:*e*.png"):
        answers = [cli("query", asked, "--store", store, "--json") for store in (address, file)]
        assert [answer.code for answer in answers] == [0, 0]
        found = [[(hit["path"], hit.get("score")) for hit in json.loads(answer.out)["hits"]] for answer in answers]
        assert found[0] == found[1] != []
    monkeypatch.setenv("SEARCH_STORE", address)
    status = json.loads(cli("status", "--json").out)
    assert (status["folder"], status["images"], status["texts"]) == (address, 4, 2)
    assert status["bytes"] > 100_000
    again = cli("index", photos, "--json")
    assert json.loads(again.out)["unchanged"] >= 4
    (photos / "rocket.jpg").unlink()
    assert cli("index", photos, "--quiet").code == 0
    assert cli("forget", photos / "horse.png").code == 0
    assert cli("compact").code == 0
    assert cli("doctor").out == "All is well.\n"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "of another machine"))
    with search.open(address) as library:
        assert {Path(hit.path).name for hit in library.query("an animal").hits} == {"chelsea.png", "coffee.png"}


def test_sentences_name_the_address_and_a_slip_makes_nothing(
    cli: Cli, photos: Path, tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    address = str(postgres_server.new_database())
    monkeypatch.setenv("SEARCH_STORE", address)
    no_folder = cli("index")
    assert (no_folder.code, no_folder.err) == (
        2,
        f"search: Name a folder to index; there is no index at {address} yet.\n",
    )
    assert cli("index", photos, "--encoder", "nonsense").code == 2
    assert cli("status").err.startswith(f"search: There is no index in {address}; ")  # neither has made one
    assert cli("index", photos, "--quiet").code == 0
    previous = cli("index", "--encoder", "previous", "--reencode")
    assert (previous.code, previous.err.partition(" has no previous encoder")[0]) == (2, f"search: {address}")
    asked = cli("serve", "--status")
    assert asked.out + asked.err == f"No server answers for {address}.\n"


def test_the_server_knows_what_a_large_run_brought(
    cli: Cli, photos: Path, tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or queries read what is pending in the index of words, until the server finds the time."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    address = postgres_server.new_database()
    counted = "SELECT reltuples, (SELECT count(*) FROM image_search.word) FROM pg_class WHERE relname = 'word'"
    for many, known in ((1_000, False), (1, True)):
        monkeypatch.setattr("indexer.pipeline.run.MANY", many)
        (photos / f"{many}.png").write_bytes((photos / "coffee.png").read_bytes() + bytes(many))
        assert cli("index", photos, "--store", str(address), "--quiet").code == 0
        [(rows, there)] = postgres_server.execute(counted, str(address.database))
        assert (rows == there > 0) is known


def test_a_server_that_is_not_there_ends_with_4(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    answer = cli("query", "a cat", "--store", "postgresql://me@127.0.0.1:1/photos")
    assert (answer.code, answer.err.count("\n")) == (4, 1)
    assert "postgresql://me@127.0.0.1:1/photos cannot be opened" in answer.err


def test_a_catalog_goes_to_a_server_and_back(
    cli: Cli, photos: Path, tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `merge`: nothing is encoded, and answers stay what they are."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("SEARCH_RESIDENT", "off")
    address = str(postgres_server.new_database())
    first, last = tmp_path / "first.search", tmp_path / "last.search"
    assert cli("index", photos, "--store", first, "--quiet").code == 0
    for source, target in ((first, address), (address, last)):
        done = cli("merge", source, "--into", target, "--json")
        assert done.code == 0, done.err
        said = json.loads(done.out)
        assert (said["into"], said["images"], said["texts"], said["known"]) == (str(target), 4, 2, 0)
    for asked in ("a cat", "espresso", "name:horse"):
        found = [
            [
                (hit["path"], hit.get("score"))
                for hit in json.loads(cli("query", asked, "-s", store, "--json").out)["hits"]
            ]
            for store in (first, address, last)
        ]
        assert found[0] == found[1] == found[2] != []
    assert "5 files unchanged" in cli("index", "--store", address).out
