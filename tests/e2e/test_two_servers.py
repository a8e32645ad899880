"""Two servers over one catalog in PostgreSQL, each as on a machine of its own: no state of theirs shows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from indexer.store_address import store_folder
from tests.conftest import Cli
from tests.fixtures.postgres_server import PostgresServer
from tests.fixtures.served import API, Served, served

LINES = ("a cat", "espresso", "a rocket -animal", "name:horse", "horse type:png")


def found(server: Served, line: str) -> list[dict[str, object]]:
    """Hits, in their order, as a client of the API gets them."""
    with urlopen(f"{server.address}{API}/search?{urlencode({'q': line, 'k': 10})}") as answer:
        hits: list[dict[str, object]] = json.load(answer)["hits"]
    return hits


def test_they_answer_the_same_and_see_what_another_machine_has_indexed(
    cli: Cli, real_photos: Path, tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("chelsea.png", "coffee.png", "horse.png"):
        shutil.copy(real_photos / name, photos / name)
    (photos / "captions.csv").write_text("image,caption\ncoffee.png,espresso in a cup\n")
    address = str(postgres_server.new_database())

    def machine(name: str) -> Path:
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / name))
        return store_folder(address)

    machine("indexer")
    assert cli("index", photos, "--store", address, "--quiet").code == 0
    with served(machine("one"), tmp_path / "one.log") as one, served(machine("two"), tmp_path / "two.log") as two:
        for line in LINES:
            assert found(one, line) == found(two, line), line
        assert [hit["name"] for hit in found(one, "name:horse")] == ["horse.png"]
        shutil.copy(real_photos / "rocket.jpg", photos / "rocket.jpg")
        (photos / "horse.png").unlink()
        machine("indexer")
        assert cli("index", "--store", address, "--quiet").code == 0
        for line in LINES:
            assert found(one, line) == found(two, line), line
        assert found(two, "a rocket")[0]["name"] == "rocket.jpg"
        assert found(one, "name:horse") == []
    assert machine("one") != machine("two")
