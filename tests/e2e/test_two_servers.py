"""Two servers over one catalog in PostgreSQL, each as on a machine of its own: no state of theirs shows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

import search
from indexer.catalog.encoders import Encoders
from indexer.store_address import store_folder
from search.calibration import calibration_file
from search.calibration.calibration_file import Calibration, Entry
from search.calibration.curve import ProbabilityCurve, Slopes, TypicalBackground
from search.query.query_form import QUERY_FORMS
from tests.conftest import Cli
from tests.fixtures.postgres_server import PostgresServer
from tests.fixtures.served import API, Served, served
from tests.fixtures.tcp_proxy import TcpProxy, proxied

LINES = ("a cat", "espresso", "a rocket -animal", "name:horse", "horse type:png")
NAME = "search.example"
TOKEN = "a-token-of-both-servers"
#: What a client reads; ids are those of the catalog.
ADDRESSES = (
    *(f"/search?{urlencode({'q': line, 'k': 10})}" for line in LINES),
    "/items?limit=2", "/items/1", "/items/1/thumbnail", "/items/1/similar", "/collections", "/histogram?by=year",
    "/fields", "/values?field=camera", "/map/clusters",
)  # fmt: skip


@dataclass(frozen=True)
class Machines:
    """Two servers, and whoever indexes: each has a folder of its own for what it keeps beside the catalog."""

    address: str
    photos: Path
    one: Served
    two: Served
    folders: tuple[Path, Path, Path]


@pytest.fixture
def machines(
    cli: Cli, real_photos: Path, tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Machines]:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("chelsea.png", "coffee.png", "horse.png"):
        shutil.copy(real_photos / name, photos / name)
    (photos / "captions.csv").write_text("image,caption\ncoffee.png,espresso in a cup\n")
    address = str(postgres_server.new_database())

    def machine(name: str) -> Path:
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / name))
        return store_folder(address)

    folders = machine("one"), machine("two"), machine("indexer")
    assert len(set(folders)) == 3
    assert cli("index", photos, "--store", address, "--quiet").code == 0
    one = served(folders[0], tmp_path / "one.log", token=TOKEN, names=[NAME])
    with one as first, served(folders[1], tmp_path / "two.log", token=TOKEN, names=[NAME]) as second:
        yield Machines(address, photos, first, second, folders)


def asked(proxy: TcpProxy, address: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer, on a connection of its own."""
    connection = HTTPConnection("127.0.0.1", proxy.port, timeout=60)
    try:
        shown = {"Authorization": f"Bearer {TOKEN}"} if headers is None else headers
        connection.request("GET", address, headers={"Host": NAME} | shown)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def found(proxy: TcpProxy, line: str) -> list[dict[str, object]]:
    """Hits, in their order, as a client of the API gets them."""
    answer = asked(proxy, f"{API}/search?{urlencode({'q': line, 'k': 10})}")[2]
    hits: list[dict[str, object]] = json.loads(answer)["hits"]
    return hits


def sees_what_another_machine_does(cli: Cli, real_photos: Path, machines: Machines) -> None:
    with proxied(machines.one.port) as one, proxied(machines.two.port) as two:
        for line in LINES:
            assert found(one, line) == found(two, line), line
        assert [hit["name"] for hit in found(one, "name:horse")] == ["horse.png"]
        shutil.copy(real_photos / "rocket.jpg", machines.photos / "rocket.jpg")
        (machines.photos / "horse.png").unlink()
        assert cli("index", "--store", machines.address, "--quiet").code == 0
        for line in LINES:
            assert found(one, line) == found(two, line), line
        assert found(two, "a rocket")[0]["name"] == "rocket.jpg"
        assert found(one, "name:horse") == []
        before = found(one, "a cat")
        fit(machines.folders[2])
        assert found(one, "a cat") == found(two, "a cat") != before


def fit(folder: Path) -> None:
    """Percentages that nobody would measure, kept as `Library.calibrate` does."""
    with search.open(folder) as library, library._reading() as opened:
        with opened.store.catalog.snapshot() as snapshot:
            identity = Encoders(snapshot).required()[1]
        curve = ProbabilityCurve(0.25, Slopes(1.0, 0.0, 0.0, 0.0), TypicalBackground(0.1, 0.1))
        rerankers = {entry.reranker for entry in calibration_file.shipped_calibration(identity).entries}
        entries = [Entry("text", "image", each, curve, form=form) for form in QUERY_FORMS for each in rerankers]
        with opened.store.fitting():
            calibration_file.write(folder / calibration_file.NAME, Calibration(identity.weights, tuple(entries)))


def are_one_behind_a_proxy(machines: Machines) -> None:
    """Each request on a connection of its own, which the proxy leads to the one and to the other."""
    with proxied(machines.one.port, machines.two.port) as proxy:
        for address in ADDRESSES:
            first, second = asked(proxy, API + address), asked(proxy, API + address)
            assert (first[0], first[1].get("etag"), without_time(first[2])) == (
                second[0], second[1].get("etag"), without_time(second[2]),
            ), address  # fmt: skip
            assert first[0] in (200, 404), address
            if "etag" in first[1]:
                known = {"Authorization": f"Bearer {TOKEN}", "If-None-Match": first[1]["etag"]}
                assert [asked(proxy, API + address, known)[0] for _ in range(2)] == [304, 304], address
        page = json.loads(asked(proxy, f"{API}/items?limit=2")[2])
        rest = json.loads(asked(proxy, f"{API}/items?{urlencode({'limit': 2, 'cursor': page['cursor']})}")[2])
        assert len({item["id"] for item in page["items"] + rest["items"]}) == 3
        for number in range(2):  # shown to the one, known to both
            status, headers, _ = asked(proxy, f"/?{urlencode({'token': TOKEN})}", {})
            assert status == 303, number
            cookie = {"Cookie": headers["set-cookie"].partition(";")[0]}
            assert [asked(proxy, f"{API}/items?limit=1", cookie)[0] for _ in range(2)] == [200, 200]
        assert min(proxy.served.values()) > len(ADDRESSES)


def without_time(body: bytes) -> object:
    """An answer without how long it took."""
    try:
        content = json.loads(body)
    except ValueError:
        return body
    if isinstance(content, dict):
        content.pop("seconds", None)
    return content


def test_two_servers_answer_as_one(cli: Cli, real_photos: Path, machines: Machines) -> None:
    are_one_behind_a_proxy(machines)
    sees_what_another_machine_does(cli, real_photos, machines)
