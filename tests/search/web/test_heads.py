"""HEAD is GET without content, wherever GET is."""

from __future__ import annotations

import http.client
from pathlib import Path

import httpx2
import pytest
from fastapi.testclient import TestClient

from tests.fixtures.served import asked, served
from tests.fixtures.web import problem
from tests.search.web.test_openapi import OPERATIONS

#: What else than the id of a photograph an address and its fields need.
FIELDS = {"q": "red", "field": "type", "by": "year"}
#: What an address takes, and is not given here: at /search `field` is another one.
UNWANTED = {("/api/v1/search", "field")}
READ = [
    (
        path,
        sorted(
            {each["name"] for each in operation.get("parameters", ())}
            & FIELDS.keys() - {name for at, name in UNWANTED if at == path}
        ),
    )
    for path, method, operation in OPERATIONS
    if method == "get" and "/uploads/" not in path
]


def named(answer: httpx2.Response) -> dict[str, str]:
    """Its headers. How long it is depends on the seconds that an answer of a search tells, and metrics on all that was
    asked before."""
    return {name: value for name, value in answer.headers.items() if name != "content-length"}


@pytest.mark.parametrize(("path", "fields"), READ, ids=str)
def test_every_get_is_answered_to_head_with_the_same_headers(
    own_client: TestClient, path: str, fields: list[str]
) -> None:
    address = path.removeprefix("/api/v1").replace("{id}", "1")
    given = {name: FIELDS[name] for name in fields}
    head = own_client.head(address, params=given)
    assert head.content == b""
    if path.endswith("/events"):  # which have no end; the head has one
        assert head.status_code == 200
        assert head.headers["content-type"].startswith("text/event-stream")
        return
    get = own_client.get(address, params=given)
    assert head.status_code == get.status_code == 200 or path.startswith("/api/v1/map/")  # there is none
    assert named(head) == named(get)
    assert get.content


def test_the_page_its_files_and_what_is_nowhere(client: TestClient) -> None:
    for address, status in (("/", 200), ("/page/main.js", 200), ("/page/world.json", 200), ("/nowhere", 404)):
        head, get = (client.request(method, f"http://127.0.0.1:8765{address}") for method in ("HEAD", "GET"))
        assert (head.status_code, head.content, dict(head.headers)) == (status, b"", dict(get.headers))


def test_who_has_it_is_told_so(client: TestClient) -> None:
    tag = client.head("/items/1/thumbnail").headers["ETag"]
    assert client.head("/items/1/thumbnail", headers={"If-None-Match": tag}).status_code == 304


def test_what_has_no_get_is_refused_with_what_it_takes(client: TestClient) -> None:
    head = client.head("/uploads")
    assert (head.status_code, head.content, head.headers["Allow"]) == (405, b"", "POST")
    refused = client.put("/search")
    problem(refused, 405, "wrong-method")
    assert refused.headers["Allow"] == "GET, HEAD, POST"
    assert client.patch("/indexing").headers["Allow"] == "GET, HEAD, POST, DELETE"


def test_heads_are_counted_as_what_they_are(own_client: TestClient) -> None:
    own_client.head("/health")
    line = 'search_requests_total{method="HEAD",route="/health",status="200"} 1.0'
    assert line in own_client.get("/metrics").text


def test_the_token_is_asked_for_and_a_first_visit_by_head_is_sent_on(red_store: Path) -> None:
    token = "a-token-of-a-test"
    with asked(red_store, "http://nas.local:8765", host="0.0.0.0", token=token, names=("nas.local",)) as client:
        assert client.head("/").status_code == 401
        assert client.head(f"/?token={token}").headers["Location"] == "/"
        assert client.head("/api/v1/items/1/original").status_code == 200  # by the cookie


def test_files_and_events_are_let_go_of_and_the_connection_goes_on(red_store: Path, tmp_path: Path) -> None:
    with served(red_store, tmp_path / "log") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        for _ in range(3):
            for path, length in (
                ("/items/1/original", str((tmp_path / "photos" / "red.png").stat().st_size)),
                ("/indexing/events", None),
                ("/health", None),
            ):
                connection.request("HEAD", f"/api/v1{path}")
                answer = connection.getresponse()
                assert (answer.status, answer.read()) == (200, b"")
                if length is not None:
                    assert answer.headers["Content-Length"] == length
        opened = []
        for _ in range(3):
            for _ in range(20):
                connection.request("HEAD", "/api/v1/items/1/original")
                connection.getresponse().read()
            opened.append(server.open_files())
        assert opened[-1] - opened[0] <= 2  # of the catalog, by threads
        connection.close()
        assert "ERROR" not in (tmp_path / "log").read_text()
