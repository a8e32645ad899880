"""Indexing over HTTP, in processes of its own. What takes time is an encoder of colours that waits."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import search
from indexer.store import write_lock, writer
from search.web.app import create_app
from search.web.indexing.indexer import Indexer
from search.web.problems import ProblemError
from search.web.settings import ServeSettings
from tests.fixtures import slow_indexing
from tests.fixtures.colour_encoder import COLOURS, ColourEncoder
from tests.fixtures.running_server import RunningServer, running


def paint(folder: Path, first: int, count: int) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(first, first + count):
        colour = list(COLOURS.values())[number % len(COLOURS)]
        picture = Image.new("RGB", (8, 8), tuple(int(255 * part) for part in colour))
        picture.putpixel((0, 0), (number % 256, number // 256, 7))
        picture.save(folder / f"{number:04}.png")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[RunningServer]:
    """A server over a store of four photographs in `photos`, with forty that are not indexed yet."""
    paint(tmp_path / "photos", 0, 4)
    with search.open(tmp_path / "a.search", encoder=ColourEncoder()) as library:
        library.index(tmp_path / "photos")
    paint(tmp_path / "photos", 4, 40)
    with running(create_app(tmp_path / "a.search", ServeSettings())) as server:
        server.service.indexer = Indexer(tmp_path / "a.search", slow_indexing.SLOW)
        yield server


def until(server: RunningServer, right: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while True:
        state: dict[str, Any] = server.get("/indexing").json
        if right(state):
            return state
        assert time.monotonic() < deadline, state
        time.sleep(0.02)


def ended(server: RunningServer) -> dict[str, Any]:
    return until(server, lambda state: state["state"] not in ("running", "stopping"))


def count(server: RunningServer) -> int:
    """Images that a query of filters finds."""
    return len(server.get("/search?q=type:png&k=100").json["hits"])


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_folders_are_named_without_their_paths(served: RunningServer, tmp_path: Path) -> None:
    (found,) = served.get("/collections").json
    assert (found["name"], found["images"], found["texts"], found["present"]) == ("photos", 4, 0, True)
    assert found["indexed_at"].startswith("20")
    assert "folder" not in found
    assert str(tmp_path) not in served.get("/collections").body.decode()
    assert served.get("/collections?paths=true").json[0]["folder"] == str(tmp_path / "photos")


def test_a_server_that_tells_no_paths_tells_none(tmp_path: Path) -> None:
    paint(tmp_path / "photos", 0, 1)
    with search.open(tmp_path / "a.search", encoder=ColourEncoder()) as library:
        library.index(tmp_path / "photos")
    with running(create_app(tmp_path / "a.search", ServeSettings(show_paths=False))) as server:
        assert server.get("/collections?paths=true").status == 403
        assert server.get("/collections").status == 200


def test_the_store_grows_while_it_is_served(served: RunningServer, tmp_path: Path) -> None:
    assert served.get("/indexing").json == {"state": "idle", "done": 0}
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    assert count(served) == 4
    answer = served.post("/indexing")
    assert answer.status == 202
    assert answer.json["state"] == "running"
    halfway = until(served, lambda state: state["done"] >= 8)
    assert halfway["state"] == "running"
    assert halfway["total"] == 41
    assert 1 < halfway["images_per_second"] < 40
    assert halfway["phase"] == "Indexing photos"
    assert 4 < count(served) < 44
    state = ended(served)
    assert state["state"] == "done"
    assert "problem" not in state
    report = state["report"]
    assert (report["encoded"], report["unchanged"], report["failed"]) == (40, 4, 1)
    assert [(each["name"], each["folder"]) for each in report["failures"]] == [("broken.jpg", "photos")]
    assert report["failures"][0]["reason"]
    assert count(served) == 44
    assert served.get("/collections").json[0]["images"] == 44
    assert str(tmp_path) not in served.get("/indexing").body.decode()


def test_one_folder_of_several_is_looked_through(served: RunningServer, tmp_path: Path) -> None:
    paint(tmp_path / "other", 200, 1)
    with search.open(tmp_path / "a.search", encoder=ColourEncoder()) as library:
        library.index(tmp_path / "other")
    paint(tmp_path / "other", 201, 2)
    ids = {each["name"]: each["id"] for each in served.get("/collections").json}
    assert served.post("/indexing", {"collections": [ids["other"]]}).status == 202
    assert ended(served)["report"]["encoded"] == 2
    assert {each["name"]: each["images"] for each in served.get("/collections").json} == {"other": 3, "photos": 4}


def test_only_folders_that_are_indexed_may_be_named(served: RunningServer, tmp_path: Path) -> None:
    answer = served.post("/indexing", {"collections": [77]})
    assert answer.status == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["detail"] == "There is no collection 77 here; /collections names them."
    for wrong in ({"collections": []}, {"collections": ["/etc"]}, {"roots": [str(tmp_path)]}, [], "x"):
        assert served.post("/indexing", wrong).status == 422, wrong
    assert served.get("/indexing").json["state"] == "idle"


def test_files_are_verified_when_asked(served: RunningServer, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "photos")
    paint(tmp_path / "photos", 0, 4)
    file = tmp_path / "photos" / "0001.png"
    assert served.post("/indexing").status == 202
    ended(served)
    before = file.stat()
    Image.new("RGB", (8, 8), (9, 9, 9)).save(file)
    other = file.read_bytes()
    file.write_bytes(other.ljust(before.st_size, b"\0")[: before.st_size])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert served.post("/indexing", {"verify": True}).status == 202
    report = ended(served)["report"]
    assert report["unchanged"] == 3
    assert report["encoded"] + report["failed"] == 1


def test_a_second_run_is_refused(served: RunningServer) -> None:
    assert served.post("/indexing").status == 202
    answer = served.post("/indexing")
    assert answer.status == 409
    assert answer.json["type"] == "indexing-runs"
    assert "wait until it is done, or stop it" in answer.json["detail"]
    served.delete("/indexing")
    assert ended(served)["state"] == "stopped"
    assert served.post("/indexing").status == 202


def test_what_was_committed_before_a_stop_stays(served: RunningServer, tmp_path: Path) -> None:
    assert served.delete("/indexing").json["state"] == "idle"
    served.post("/indexing")
    until(served, lambda state: state["done"] >= 8)
    answer = served.delete("/indexing")
    assert answer.status == 202
    assert answer.json["state"] in ("stopping", "stopped")
    state = ended(served)
    assert state["state"] == "stopped"
    assert "problem" not in state
    kept = count(served)
    assert 12 <= kept < 44
    assert writer(tmp_path / "a.search") is None
    assert served.post("/indexing").status == 202
    assert ended(served)["report"]["encoded"] == 44 - kept


def test_a_process_that_is_killed_loses_nothing(served: RunningServer, tmp_path: Path) -> None:
    served.post("/indexing")
    until(served, lambda state: state["done"] >= 8)
    pid = served.service.indexer.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    state = ended(served)
    assert state["state"] == "failed"
    assert state["problem"]["type"] == "indexing-ended"
    assert "The process that indexes ended by signal 9" in state["problem"]["detail"]
    assert "another run goes on from there" in state["problem"]["detail"]
    kept = count(served)
    assert 4 < kept < 44  # what gathers for half a second is committed at once
    assert served.post("/indexing").status == 202
    assert ended(served)["report"]["encoded"] == 44 - kept
    with search.open(tmp_path / "a.search", encoder=ColourEncoder()) as library:
        assert library.check() == []


def test_a_process_that_heeds_nothing_is_killed(tmp_path: Path) -> None:
    indexer = Indexer(tmp_path, slow_indexing.DEAF)
    indexer.start([])
    while indexer.state.phase != "Looking away":
        assert indexer.state.is_active
        time.sleep(0.01)
    pid = indexer.pid
    assert pid is not None
    indexer.stop()
    with pytest.raises(ProblemError, match="Indexing is being stopped; begin anew when it has ended"):
        indexer.start([])
    started = time.monotonic()
    indexer.close(patience=0.1)
    assert time.monotonic() - started < 20
    assert not is_there(pid)
    assert indexer.state.state == "stopped"
    with pytest.raises(Exception, match="shutting down"):
        indexer.start([])


def test_a_server_that_ends_leaves_no_process(tmp_path: Path) -> None:
    paint(tmp_path / "photos", 0, 44)
    with search.open(tmp_path / "a.search", encoder=ColourEncoder()) as library:
        library.index(tmp_path / "photos" / "0000.png", tmp_path / "photos" / "0001.png")
        library.index(tmp_path / "photos", settings=search.IndexSettings(ignores=("00[1-9]*",)))
        library.index(tmp_path / "photos", settings=search.IndexSettings(unignores=("00[1-9]*",)))
    paint(tmp_path / "photos", 44, 60)
    with running(create_app(tmp_path / "a.search", ServeSettings())) as server, server.events() as events:
        server.service.indexer = Indexer(tmp_path / "a.search", slow_indexing.SLOW)
        server.post("/indexing")
        until(server, lambda state: state["done"] >= 4)
        pid = server.service.indexer.pid
        next(events)
    assert pid is not None
    assert not is_there(pid)
    assert writer(tmp_path / "a.search") is None


def test_a_store_that_another_process_writes_is_busy(served: RunningServer, tmp_path: Path) -> None:
    with write_lock(tmp_path / "a.search"):
        answer = served.post("/indexing")
    assert answer.status == 409
    assert answer.json["type"] == "store-busy"
    assert f"Another process ({os.getpid()}) is writing to the store" in answer.json["detail"]
    assert served.get("/indexing").json["state"] == "idle"


def test_a_writer_that_comes_first_is_told_as_a_problem(served: RunningServer, tmp_path: Path) -> None:
    with write_lock(tmp_path / "a.search"), pytest.MonkeyPatch.context() as patch:
        patch.setattr("search.web.indexing.indexer.writer", lambda folder: None)  # it came in between
        assert served.post("/indexing").status == 202
        state = ended(served)
    assert state["state"] == "failed"
    assert (state["problem"]["type"], state["problem"]["status"]) == ("store-busy", 409)
    assert "is writing to a.search" in state["problem"]["detail"]
    assert str(tmp_path) not in str(state)


def test_a_folder_that_is_gone_is_named(served: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    (found,) = served.get("/collections").json
    assert found["present"] is False
    served.post("/indexing", {"collections": [found["id"]]})
    state = ended(served)
    assert state["state"] == "failed"
    assert state["problem"]["type"] == "path-not-found"
    assert state["problem"]["detail"].startswith("photos is not there")


def test_a_store_that_is_missing_is_told(tmp_path: Path) -> None:
    with running(create_app(tmp_path / "none.search", ServeSettings())) as server, server.events() as events:
        assert next(events)[1:] == ("state", {"state": "idle", "done": 0})
        for answer in (server.get("/collections"), server.post("/indexing")):
            assert answer.status == 503
            assert answer.json["type"] == "store-missing"


def test_a_store_that_is_replaced_is_seen(served: RunningServer, tmp_path: Path) -> None:
    paint(tmp_path / "new", 300, 3)
    with search.open(tmp_path / "b.search", encoder=ColourEncoder()) as library:
        library.index(tmp_path / "new")
    assert served.get("/collections").json[0]["name"] == "photos"
    with served.events() as events:
        assert next(data for _, name, data in events if name == "collection")["images"] == 4
        (tmp_path / "a.search").rename(tmp_path / "away.search")
        (tmp_path / "b.search").rename(tmp_path / "a.search")
        assert next(data for _, name, data in events if name == "collection")["images"] == 3
    assert served.get("/collections").json[0]["name"] == "new"
    paint(tmp_path / "new", 303, 1)
    assert served.post("/indexing").status == 202
    assert ended(served)["report"]["encoded"] == 1


def test_the_bundled_encoder_indexes_and_finds(real_photos: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(real_photos / "coffee.png", photos)
    with search.open(tmp_path / "a.search") as library:
        library.index(photos)
    with running(create_app(tmp_path / "a.search", ServeSettings())) as server:
        shutil.copy(real_photos / "chelsea.png", photos)
        assert server.post("/indexing").status == 202
        assert ended(server)["report"]["encoded"] == 1
        hits = server.get("/search?q=a+ginger+cat").json["hits"]
        assert [os.path.basename(hit.get("name") or hit["path"]) for hit in hits] == ["chelsea.png", "coffee.png"]
