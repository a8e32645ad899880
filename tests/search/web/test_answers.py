"""What all answers have in common: ETags, compression, problems, counters."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from PIL import Image

import search
from search.web.app import create_app
from search.web.settings import ServeSettings
from tests.fixtures.web import BASE, client_of, problem

READING = (
    "/status",
    "/search?q=a+cat&k=3",
    "/items?limit=3",
    "/items/2",
    "/items/2/similar?k=3",
    "/items/2/explain?q=a+cat",
    "/values?field=type",
    "/histogram?by=year",
)


@pytest.mark.parametrize("address", READING)
def test_what_a_client_has_is_not_sent_again(client: TestClient, address: str) -> None:
    first = client.get(address)
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    assert first.headers["cache-control"] == "private, no-cache"
    for known in (tag, tag.removeprefix("W/"), f'"x", {tag}'):
        again = client.get(address, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(address, headers={"If-None-Match": '"x"'}).status_code == 200


def test_each_request_has_a_tag_of_its_own(client: TestClient) -> None:
    tags = [client.get(address).headers["etag"] for address in (*READING, "/search?q=a+cat&k=4", "/items/4")]
    assert len(set(tags)) == len(tags)


def test_a_change_of_the_store_changes_the_tag(own_client: TestClient, store: Path, tmp_path: Path) -> None:
    tag = own_client.get("/items?limit=100").headers["etag"]
    (tmp_path / "more").mkdir()
    Image.new("RGB", (60, 40), "red").save(tmp_path / "more" / "red.png")
    with search.open(store) as writer:
        writer.index(tmp_path / "more")
    again = own_client.get("/items?limit=100", headers={"If-None-Match": tag})
    assert again.status_code == 200
    assert "red.png" in again.text


def test_long_answers_are_compressed_and_short_ones_are_not(client: TestClient) -> None:
    with client.stream("GET", "/items?limit=100", headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    plain = client.get("/items?limit=100", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert json.loads(gzip.decompress(raw)) == plain.json()
    assert len(raw) < len(plain.content) / 2
    assert "content-encoding" not in client.get("/health", headers={"Accept-Encoding": "gzip"}).headers


def test_what_is_not_there_and_what_is_not_done(client: TestClient) -> None:
    assert "nothing at this address" in problem(client.get("/nothing"), 404, "not-found")
    assert "nothing at this address" in problem(client.get("http://127.0.0.1:8765/x/y"), 404, "not-found")
    wrong = client.delete("/search")
    assert "does not take this method" in problem(wrong, 405, "wrong-method")
    assert wrong.headers["allow"] == "GET, HEAD, POST"


def test_an_error_of_the_program_is_a_problem_and_tells_nothing(
    indexed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(indexed, ServeSettings())
    router = APIRouter()

    @router.get("/broken")
    def broken() -> None:
        raise RuntimeError("the secret reason")

    app.include_router(router)
    with TestClient(app, base_url="http://127.0.0.1:8765", raise_server_exceptions=False) as client:
        answer = client.get("/broken")
        assert "secret" not in problem(answer, 500, "internal")
        assert client.get("/api/v1/health").status_code == 200
    assert "the secret reason" in caplog.text


def test_requests_and_queries_are_counted(indexed: Path) -> None:
    with client_of(indexed) as client:
        for _ in range(3):
            client.get("/search?q=a+cat&k=1")
        client.get("/items/999999")
        client.get("/strange/address")
        text = client.get("/metrics")
        assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
        rows = dict(line.rsplit(" ", 1) for line in text.text.splitlines() if not line.startswith("#"))
    assert rows['search_requests_total{method="GET",route="/search",status="200"}'] == "3.0"
    assert rows['search_requests_total{method="GET",route="/items/{id}",status="404"}'] == "1.0"
    assert rows['search_requests_total{method="GET",route="-",status="404"}'] == "1.0"
    assert rows["search_query_batch_sum"] == "3.0"
    assert rows['search_items{kind="image"}'] == "32.0"
    assert "strange" not in text.text


def test_the_document_is_served(client: TestClient) -> None:
    assert client.get("/openapi.json").json()["info"]["title"] == "search"
    for address in ("/docs", "/redoc", f"{BASE}/docs"):
        assert client.get(address).status_code == 404


def test_a_client_that_goes_away_is_worked_for_no_longer(indexed: Path) -> None:
    """It leaves while another query is worked on; what it asked is never begun."""
    calls: list[int] = []

    async def run() -> list[int]:
        app = create_app(indexed, ServeSettings())
        async with app.router.lifespan_context(app):
            service = app.state.service
            service.queries._told = lambda count, _: calls.append(count)
            go = threading.Event()
            query = service.library.query
            service.library.query = lambda *given, **more: (go.wait(30), query(*given, **more))[1]
            stays = asyncio.create_task(asked(app, "a cat", leaves=False))
            await asyncio.sleep(0.3)
            goes = asyncio.create_task(asked(app, "a dog", leaves=True))
            statuses = [await goes]
            go.set()
            return [*statuses, await stays]

    assert asyncio.run(run()) == [499, 200]
    assert calls == [1]


async def asked(app: FastAPI, line: str, *, leaves: bool) -> int:
    """The status of an answer to one who stays or leaves."""
    status, sent = [0], asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not sent.is_set():
            sent.set()
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.sleep(0.3 if leaves else 60)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            status[0] = message["status"]

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/api/v1/search", "raw_path": b"/api/v1/search", "query_string": f"q={quote(line)}".encode(),
        "root_path": "", "headers": [(b"host", b"127.0.0.1:8765")], "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8765), "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    return status[0]
