"""The server answers to its own names, and to its own page: no DNS rebinding, nothing on behalf of another site."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.fixtures.served import API, asked

TOKEN = "a token of a test"


def token_headers(**more: str) -> dict[str, str]:
    return {
        "Authorization": "Bearer a-token-of-a-test",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST:8765", "[::1]:8765", "127.0.0.2:8765"])
def test_its_own_names(red_store: Path, host: str) -> None:
    with asked(red_store) as client:
        assert client.get(f"{API}/items/1/thumbnail", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8765",
        "127.0.0.1",  # another port
        "127.0.0.1:80",
        "127.0.0.1:8765.evil.example",
        "localhost.evil.example:8765",
        "127.0.0.1.nip.io:8765",
        "evil.example/127.0.0.1:8765",
        "evil@localhost:8765",
        "localhost:8765@evil.example",
        "192.168.1.5:8765",
        "0.0.0.0:8765",
        "[::1]:8765, localhost:8765",
        "",
        "localhost:99999",
        "[::ffff:192.168.1.5]:8765",
    ],
)
def test_no_other_name(red_store: Path, host: str) -> None:
    with asked(red_store) as client:
        for path in (f"{API}/items/1/thumbnail", f"{API}/health", "/"):
            answer = client.get(path, headers={"Host": host})
            assert (answer.status_code, answer.json()["type"]) == (421, "wrong-host")


def test_names_that_were_given_and_the_machines_own(red_store: Path) -> None:
    given = {"host": "0.0.0.0", "token": "a-token-of-a-test", "names": ("photos.example",)}
    with asked(red_store, "http://192.168.1.5:8765", **given) as client:
        for host in ("192.168.1.5:8765", "photos.example", f"{socket.gethostname()}:8765", "localhost:8765"):
            assert client.get(f"{API}/health", headers=token_headers(Host=host)).status_code == 200, host
        for host in ("192.168.1.6:8765", "evil.example:8765", "0.0.0.0:8765"):
            assert client.get(f"{API}/health", headers=token_headers(Host=host)).status_code == 421, host


CROSS = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:3000"},
    {"Origin": "http://localhost:8765"},  # not the name that was asked for
    {"Origin": "http://127.0.0.1:8765.evil.example"},
    {"Origin": "file://"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    {"Sec-Fetch-Site": "nonsense"},
]


@pytest.mark.parametrize("headers", CROSS)
def test_nothing_is_done_for_another_site(red_store: Path, headers: dict[str, str]) -> None:
    with asked(red_store) as client:
        for method, path in (
            ("GET", "/items/1/thumbnail"),
            ("GET", "/search?q=red"),
            ("POST", "/items/1/reveal"),
            ("POST", "/uploads"),
            ("POST", "/downloads"),
            ("DELETE", "/uploads/" + "0" * 32),
        ):
            answer = client.request(method, API + path, headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (403, "cross-site"), (method, path)
            assert not [name for name in answer.headers if name.startswith("access-control")]


def test_nor_is_another_site_allowed_by_a_preflight(red_store: Path) -> None:
    with asked(red_store) as client:
        headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
        assert client.options(f"{API}/downloads", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://127.0.0.1:8765"},
        {"Origin": "http://127.0.0.1:8765", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_its_own_page_and_programs_may_ask(red_store: Path, headers: dict[str, str]) -> None:
    with asked(red_store) as client:
        assert client.get(f"{API}/items/1/thumbnail", headers=headers).status_code == 200
        assert client.delete(f"{API}/uploads/{'0' * 32}", headers=headers).status_code == 204


def test_a_link_of_another_site_leads_to_the_page_and_into_no_frame(red_store: Path) -> None:
    leading = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    with asked(red_store) as client:
        assert client.get("/", headers=leading).status_code != 403
        assert client.get("/", headers={**leading, "Sec-Fetch-Dest": "iframe"}).status_code == 403
        assert client.post("/", headers=leading).status_code == 403


def test_every_answer_tells_browsers_what_they_may_do(red_store: Path) -> None:
    with asked(red_store) as client:
        answers = [
            client.get(f"{API}/items/1/thumbnail"),
            client.get(f"{API}/items/1/original"),
            client.get(f"{API}/items/999/original"),
            client.get(f"{API}/nothing"),
            client.get("/nothing"),
            client.get(f"{API}/openapi.json"),
            client.get(f"{API}/health", headers={"Host": "evil.example"}),
            client.post(f"{API}/downloads", content=b"{"),
        ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["cache-control"] == "no-store"


def test_an_error_of_the_program_has_them_too(red_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fastapi.testclient import TestClient

    from search.web.app import create_app
    from search.web.settings import ServeSettings

    def fail(*_: object) -> None:
        raise RuntimeError("with a secret")

    app = create_app(red_store, ServeSettings())
    with TestClient(app, base_url="http://127.0.0.1:8765", raise_server_exceptions=False) as client:
        monkeypatch.setattr("search.web.pictures.original_of", fail)
        answer = client.get(f"{API}/items/1/thumbnail")
    assert answer.status_code == 500
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "secret" not in answer.text
