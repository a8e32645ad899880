"""The map over the API: made in a process of its own, read as bytes."""

from __future__ import annotations

import errno
import json
import os
import struct
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from search.library import open as open_library
from search.projection.map_file import map_file, read_map, write_map
from search.web.mapping.maker import MAPPING, MapMaker
from search.web.mapping.points import as_bytes
from search.web.service import Service
from tests.fixtures.web import problem

pytest.importorskip("openTSNE")


def made(client: TestClient) -> dict[str, Any]:
    """Make the map, and wait for it."""
    begun = client.post("/map")
    assert begun.status_code == 202, begun.text
    until = time.monotonic() + 60
    while (state := client.get("/map").json())["state"] == "computing":
        assert time.monotonic() < until
        time.sleep(0.1)
    found: dict[str, Any] = state
    return found


def test_a_map_is_made_and_read(own_client: TestClient, store: Path) -> None:
    assert own_client.get("/map").json() == {"state": "missing", "done": 0}
    missing = own_client.get("/map/points")
    assert (missing.status_code, missing.json()["type"]) == (404, "no-map")
    state = made(own_client)
    assert state["state"] == "ready", state
    assert map_file(store).exists()

    answer = own_client.get("/map/points")
    assert answer.headers["content-type"] == "application/octet-stream"
    magic, count, generation = struct.unpack("<4sId", answer.content[:16])
    assert (magic, count, generation) == (b"MAP1", state["count"], state["generation"])
    ids = np.frombuffer(answer.content, "<f8", count, 16)
    positions = np.frombuffer(answer.content, "<f4", 2 * count, 16 + 8 * count)
    assert len(answer.content) == 16 + 16 * count
    with open_library(store) as library:
        assert ids.tolist() == [each.id for each in library.items()]
    assert np.abs(positions).max() <= 1

    unchanged = own_client.get("/map/points", headers={"If-None-Match": answer.headers["etag"]})
    assert unchanged.status_code == 304
    times = map_file(store).stat()
    os.utime(map_file(store), ns=(times.st_atime_ns, times.st_mtime_ns + 1))  # as the same map on another machine
    assert own_client.get("/map/points", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    data = map_file(store).read_bytes()
    key = json.loads(data[8 : 8 + int.from_bytes(data[4:8], "little")])["key"]
    kept = read_map(store, key)
    assert kept is not None
    write_map(store, key, replace(kept, positions=-kept.positions))  # another map of the same photographs
    anew = own_client.get("/map/points", headers={"If-None-Match": answer.headers["etag"]})
    assert anew.status_code == 200
    assert anew.content != answer.content
    levels = own_client.get("/map/clusters").json()
    names = [each["name"] for level in levels for each in level["clusters"]]
    assert len(names) == len(set(names))
    assert own_client.post("/map").json()["state"] == "ready"


def test_a_map_that_was_damaged_is_made_anew(own_client: TestClient, store: Path) -> None:
    assert made(own_client)["state"] == "ready"
    before = own_client.get("/map/points").content
    map_file(store).write_bytes(b"no map")
    assert own_client.get("/map").json()["state"] == "missing"
    assert made(own_client)["state"] == "ready"
    assert own_client.get("/map/points").content == before


def test_what_was_forgotten_is_left_out(own_client: TestClient, store: Path) -> None:
    assert made(own_client)["state"] == "ready"
    before = own_client.get("/map").json()["count"]
    with open_library(store) as library:
        gone = next(iter(library.items()))
        library.forget(gone.path)
        kept = library.kept_map()
    assert kept is not None
    assert gone.id not in kept.ids.tolist()
    assert own_client.get("/map").json()["count"] == before - 1
    assert own_client.get("/map/points").content == as_bytes(kept)


def broken(client: TestClient, program: str) -> dict[str, Any]:
    """The state of a map whose process is this program."""
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    service.maps = MapMaker(service.library, replace(MAPPING, program=program))
    return made(client)


def test_a_process_that_dies_is_named_as_what_it_is(own_client: TestClient) -> None:
    state = broken(own_client, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert (state["state"], state["problem"]["type"]) == ("failed", "map-ended")
    assert state["problem"]["detail"].startswith("The process that makes the map ended by signal 9 before it was done;")
    assert "with exit code 3" in broken(own_client, "raise SystemExit(3)")["problem"]["detail"]


def test_one_that_cannot_be_started_too(own_client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr("search.web.indexing.own_process.subprocess.Popen", refused)
    said = problem(own_client.post("/map"), 503, "map-not-started")
    assert said.startswith("The process that makes the map cannot be started (Resource temporarily unavailable);")
    assert "The process that indexes cannot" in problem(own_client.post("/indexing"), 503, "indexing-not-started")


def test_why_it_failed_names_no_path(own_client: TestClient, store: Path) -> None:
    said = json.dumps({"problem": {"error": "StoreUnwritableError", "detail": f"It cannot be kept in {store}; try."}})
    state = broken(own_client, f"print({said!r})")
    assert (state["state"], state["problem"]["type"]) == ("failed", "store-unwritable")
    assert state["problem"]["detail"] == f"It cannot be kept in {store.name}; try."


def test_without_the_package_its_name_is_said(own_client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.projection.layout.importlib.util.find_spec", lambda _: None)
    answer = own_client.post("/map")
    assert answer.status_code == 422
    assert "pip install 'openTSNE" in answer.json()["detail"]


def test_a_search_within_many_ids(client: TestClient) -> None:
    items = client.get("/items", params={"limit": 1000}).json()["items"]
    ids = [each["id"] for each in items][:5]
    listed = ",".join(map(str, [*ids, *range(10**6, 10**6 + 900)]))
    found = client.get("/search", params={"q": f"red id:{listed}"})
    assert found.status_code == 200, found.text
    assert {hit["id"] for hit in found.json()["hits"]} <= set(ids)
    assert found.json()["hits"]
    over = client.get("/items", params={"where": "id:" + ",".join(map(str, range(1, 1002)))})
    assert over.status_code == 422
    assert "at most 1,000 ids" in over.json()["detail"]
