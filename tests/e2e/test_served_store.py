"""A store that goes wrong under its server: each request one problem or a right answer, and all is well once it is."""

from __future__ import annotations

import http.client
import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import search
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.served import API, Served, served

#: What reads the store.
READS = (
    "/search?q=red&k=9",
    "/search?q=like:%231",
    "/search?q=in:2021",
    "/items",
    "/items/1",
    "/items/1/similar",
    "/items/1/explain?q=red",
    "/items/1/thumbnail",
    "/items/1/preview",
    "/items/1/original",
    "/status",
    "/collections",
    "/values?field=type",
    "/histogram?by=year",
)
#: Of these, what needs its encoder.
ENCODES = ("/search?q=red&k=9", "/items/1/explain?q=red")
#: What goes on in any case.
ALWAYS = ("/health", "/metrics", "/fields", "/indexing")


def make(store: Path, photos: Path, *colours: str) -> None:
    photos.mkdir()
    for colour in colours:
        Image.new("RGB", (64, 48), colour).save(photos / f"{colour}.png")
    with search.open(store) as library:
        assert library.index(photos).encoded == len(colours)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two stores, `one` and `two`, with different photographs. Not to be changed."""
    folder = tmp_path_factory.mktemp("made")
    make(folder / "one", folder / "first", "red", "green", "blue")
    make(folder / "two", folder / "second", "yellow", "white", "black", "purple")
    return folder


@pytest.fixture(scope="module")
def server(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Path]]:
    """It serves a copy of `one`, for all tests: whatever has happened in one, the next finds it at work."""
    folder = tmp_path_factory.mktemp("served")
    store = folder / "photos.search"
    shutil.copytree(made / "one", store)
    with served(store, folder / "log") as running:
        yield running, store
    assert "Traceback" not in (folder / "log").read_text()


def ask(server: Served, path: str, method: str = "GET", body: object = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, API + path, content, {"Content-Type": "application/json"} if content else {})
        answer = connection.getresponse()
        data = answer.read()
        return answer.status, json.loads(data) if "json" in answer.headers["Content-Type"] else data
    finally:
        connection.close()


def is_right(server: Served, *names: str) -> None:
    """It answers of these photographs."""
    for path in READS:
        status, answer = ask(server, path)
        assert status == 200, (path, answer)
    assert {each["name"] for each in ask(server, READS[0])[1]["hits"]} == set(names)
    assert {each["name"] for each in ask(server, "/items")[1]["items"]} == set(names)
    assert ask(server, "/status")[1]["images"] == len(names)
    status, answer = ask(server, "/downloads", "POST", {"ids": [1]})
    assert (status, answer[:2]) == (200, b"PK")
    goes_on(server)


def is_told(server: Served, kind: str, said: str, store: Path, paths: tuple[str, ...] = READS) -> None:
    """Each request gets this problem, which names no path of the machine."""
    for path in paths:
        status, answer = ask(server, path)
        assert (status, answer["type"]) == (503, kind), (path, answer)
        assert said in answer["detail"]
        assert str(store.parent) not in answer["detail"]
    goes_on(server)


def goes_on(server: Served) -> None:
    for path in ALWAYS:
        assert ask(server, path)[0] == 200, path


def put(store: Path, source: Path) -> None:
    """A copy of another store at the place of this one."""
    shutil.rmtree(store, ignore_errors=True)
    shutil.copytree(source, store)


FIRST = ("red.png", "green.png", "blue.png")


def test_a_store_that_is_deleted(server: tuple[Served, Path], made: Path) -> None:
    running, store = server
    put(store, made / "one")
    is_right(running, *FIRST)
    shutil.rmtree(store)
    is_told(running, "store-missing", "is no longer there", store)
    for method, path, body in (("POST", "/downloads", {"ids": [1]}), ("POST", "/indexing", {})):
        status, answer = ask(running, path, method, body)
        assert (status, answer["type"]) == (503, "store-missing"), path
    assert not store.exists()  # nobody has made a new one in its place
    put(store, made / "one")
    is_right(running, *FIRST)


def test_a_store_that_is_moved_and_comes_back(server: tuple[Served, Path], made: Path) -> None:
    running, store = server
    put(store, made / "one")
    is_right(running, *FIRST)
    store.rename(store.with_name("aside"))
    is_told(running, "store-missing", "is no longer there", store)
    store.with_name("aside").rename(store)
    is_right(running, *FIRST)


def test_a_catalog_that_becomes_garbage(server: tuple[Served, Path], made: Path) -> None:
    running, store = server
    put(store, made / "one")
    is_right(running, *FIRST)
    catalog = store / "catalog.sqlite"
    catalog.write_bytes(b"no database" * (catalog.stat().st_size // 11))  # in place: the server has it open
    is_told(running, "store-damaged", "is damaged", store)
    put(store, made / "one")
    is_right(running, *FIRST)


def test_a_catalog_that_is_cut_off_or_emptied(server: tuple[Served, Path], made: Path) -> None:
    running, store = server
    for left in (5_000, 0):
        put(store, made / "one")
        is_right(running, *FIRST)
        with (store / "catalog.sqlite").open("r+b") as stream:
            stream.truncate(left)
        for path in READS:
            status, answer = ask(running, path)
            assert status == 503, (left, path, answer)
        goes_on(running)
    put(store, made / "one")
    is_right(running, *FIRST)


def test_vectors_that_are_damaged_or_gone_are_made_anew(server: tuple[Served, Path], made: Path) -> None:
    running, store = server
    put(store, made / "one")
    for path in (store / "vectors").iterdir():
        path.write_bytes(b"garbage")
    is_right(running, *FIRST)
    shutil.rmtree(store / "vectors")
    is_right(running, *FIRST)


def test_another_store_in_its_place(server: tuple[Served, Path], made: Path) -> None:
    running, store = server
    put(store, made / "one")
    is_right(running, *FIRST)
    put(store, made / "two")
    is_right(running, "yellow.png", "white.png", "black.png", "purple.png")
    assert [each["name"] for each in ask(running, "/collections")[1]] == ["second"]
    put(store, made / "one")
    is_right(running, *FIRST)


def test_an_answer_of_the_store_before_is_not_taken_for_that_of_the_new_one(
    server: tuple[Served, Path], made: Path
) -> None:
    running, store = server
    put(store, made / "one")
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    connection.request("GET", f"{API}/items")
    answer = connection.getresponse()
    tag = answer.headers["ETag"]
    answer.read()
    for source, status in (("one", 304), ("two", 200)):
        put(store, made / source)
        connection.request("GET", f"{API}/items", headers={"If-None-Match": tag})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()


def test_a_store_that_is_encoded_anew_with_an_encoder_that_is_not_here(server: tuple[Served, Path], made: Path) -> None:
    running, store = server
    put(store, made / "one")
    is_right(running, *FIRST)
    with search.open(store, encoder=ColourEncoder()) as other:
        assert other.index(reencode=True).encoded == 3
    is_told(running, "encoder-unavailable", "was made with the encoder 'colours' of a program", store, ENCODES)
    assert [ask(running, path)[0] for path in ("/items", "/items/1/thumbnail", "/status")] == [200] * 3
    with search.open(store, encoder="bundled") as other:
        other.index(reencode=True)
    is_right(running, *FIRST)


def test_queries_while_it_is_encoded_anew(server: tuple[Served, Path], made: Path) -> None:
    """By another process, which begins and ends while clients ask: each answer is right, or says what the store is."""
    running, store = server
    put(store, made / "one")
    told = set()
    for encoder in (ColourEncoder(), "bundled"):
        with search.open(store, encoder=encoder) as other:
            work = threading.Thread(target=other.index, kwargs={"reencode": True})
            work.start()
            until = time.monotonic() + 20
            while work.is_alive() and time.monotonic() < until:
                status, answer = ask(running, "/search?q=red&k=9")
                told.add(status)
                assert len(answer["hits"]) == 3 if status == 200 else answer["type"].startswith("encoder"), answer
            work.join(60)
    assert told <= {200, 503}
    is_right(running, *FIRST)
