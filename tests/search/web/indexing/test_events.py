"""Server-sent events about indexing."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from search.web import server_sent
from search.web.indexing.collections import Size
from search.web.indexing.growth import Growth
from search.web.problems import ProblemError
from tests.fixtures.running_server import RunningServer
from tests.search.web.indexing.test_indexing_routes import ended, served  # noqa: F401 (a fixture)


def test_progress_arrives_as_events(served: RunningServer) -> None:  # noqa: F811
    with served.events() as events:
        assert next(events)[1:] == ("state", {"state": "idle", "done": 0})
        served.post("/indexing")
        told = []
        for each in events:
            told.append(each)
            if each[1] == "state" and each[2]["state"] == "done":
                break
    states = [data for _, name, data in told if name == "state"]
    done = [data["done"] for data in states if data.get("total") == 40]
    assert done == sorted(done)
    assert len(set(done)) >= 5
    assert states[-1]["report"]["encoded"] == 40
    times = [at for at, name, _ in told if name == "state"]
    assert len(times) / (times[-1] - times[0]) <= 4.5
    sizes = [data for _, name, data in told if name == "collection"]
    assert [each["images"] for each in sizes] == sorted(each["images"] for each in sizes)
    assert len(sizes) >= 2
    assert len({each["generation"] for each in sizes}) == len(sizes)


def test_many_listeners_share_one_watcher(served: RunningServer) -> None:  # noqa: F811
    looks = 0
    read = served.service.growth._read

    def counted() -> Size:
        nonlocal looks
        looks += 1
        return read()

    served.service.growth._read = counted
    time.sleep(0.3)
    assert looks == 0
    with served.events() as one, served.events() as two, served.events() as three:
        for events in (one, two, three):
            assert {next(events)[1], next(events)[1]} == {"state", "collection"}
        time.sleep(1.2)
        assert 1 <= looks <= 4
    deadline = time.monotonic() + 10
    while served.service.growth._listeners:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    before = looks
    time.sleep(1.3)
    assert looks == before


def test_too_many_listeners_are_told(served: RunningServer) -> None:  # noqa: F811
    served.service.growth._most = 1
    with served.events() as events:
        next(events)
        answer = served.get("/indexing/events")
    assert answer.status == 503
    assert answer.headers["retry-after"] == "10"
    assert answer.json["type"] == "too-many-listeners"


def test_an_event_is_one_line_of_data() -> None:
    assert server_sent.event("state", {"phase": "a\nb\r\n\ndata: c"}) == (
        b'event: state\ndata: {"phase":"a\\nb\\r\\n\\ndata: c"}\n\n'
    )


def test_a_store_that_cannot_be_read_ends_no_watcher(tmp_path: Path) -> None:
    from indexer.errors import StoreError

    answers = iter([StoreError("gone"), Size(3, 7)])

    def size() -> Size:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def watch() -> Size | None:
        growth = Growth(size, 1, every=0.01)
        async with growth.listening():
            with pytest.raises(ProblemError):
                growth.check_room()
            while growth.size is None:
                await asyncio.sleep(0.01)
            return growth.size

    assert asyncio.run(watch()) == Size(3, 7)
