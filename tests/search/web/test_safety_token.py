"""The token of a server that others can reach."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx2
import pytest

from indexer.errors import UsageError
from search.web.app import create_app
from search.web.settings import ServeSettings
from search.web.tokens import first_address, with_token
from tests.fixtures.served import API, asked, served

TOKEN = "T0ken-of-a-test-77"
REACHED = {"host": "0.0.0.0", "token": TOKEN}
ADDRESS = "http://192.168.1.5:8765"


def test_loopback_needs_none_and_any_other_address_does(red_store: Path) -> None:
    assert with_token(ServeSettings()) == (ServeSettings(), False)
    for host in ("0.0.0.0", "192.168.1.5", "::", "photos.example"):
        made, is_new = with_token(ServeSettings(host=host))
        assert is_new
        assert len(made.token or "") >= 40
        assert with_token(ServeSettings(host=host))[0].token != made.token
        with pytest.raises(UsageError, match="give it a token"):
            create_app(red_store, ServeSettings(host=host))
    for wrong, why in (
        *(("short", "has 5 characters, and fewer than 16 can be guessed"), ("", "has 0 characters")),
        *(("with a space in it", "a space or a line break"), ("ends-with-a-line-break\n", "a space or a line break")),
        *(
            ("ünicode-token-of-many", "of ASCII"),
            ("ümläutümläutümläut", "of ASCII"),
            ("line\nbreak-line-break", "ASCII"),
        ),
    ):
        with pytest.raises(UsageError, match=f"^The token .*{why}.*; give .*, or leave it out to have one made"):
            create_app(red_store, ServeSettings(token=wrong))


def test_a_server_that_listens_elsewhere_than_it_was_told_answers_nobody(red_store: Path) -> None:
    with asked(red_store, ADDRESS) as client:
        assert client.get(f"{API}/health", headers={"Host": "192.168.1.5:8765"}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN.lower()}"},
        {"Authorization": "Bearer t\xf6ken".encode("latin-1").decode("latin-1")},
        {"Authorization": f"Basic {TOKEN}"},
        {"Cookie": f"search-8765={TOKEN}"},
        {"Cookie": "search-8765="},
        {"Cookie": "=; search-8765"},
        {"X-Token": TOKEN},
    ],
)
def test_without_it_nothing_is_answered(red_store: Path, headers: dict[str, str]) -> None:
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    with asked(red_store, ADDRESS, **REACHED) as client:
        for path in ("/", f"{API}/health", f"{API}/items/1/original", f"{API}/openapi.json", f"{API}/search?q=red"):
            answer = client.get(path, headers=raw)  # type: ignore[arg-type]
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"] == "Bearer"
            assert TOKEN not in answer.text


def test_a_program_sends_it_in_a_header(red_store: Path) -> None:
    with asked(red_store, ADDRESS, **REACHED) as client:
        for scheme in ("Bearer", "bearer"):
            headers = {"Authorization": f"{scheme} {TOKEN}"}
            assert client.get(f"{API}/items/1/thumbnail", headers=headers).status_code == 200


def test_a_browser_shows_it_once_and_never_in_an_address_again(red_store: Path) -> None:
    with asked(red_store, ADDRESS, **REACHED) as client:
        first = client.get(f"/?token={TOKEN}&q=a+red+car")
        assert (first.status_code, first.headers["location"]) == (303, "/?q=a+red+car")
        assert first.headers["cache-control"] == "no-store"
        assert first.headers["referrer-policy"] == "no-referrer"
        cookie = first.headers["set-cookie"]
        assert {"httponly", "samesite=strict", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
        assert TOKEN not in cookie
        assert client.get(f"{API}/items/1/thumbnail").status_code == 200  # by the cookie
        assert client.get("/").status_code != 401
    with asked(red_store, ADDRESS, **REACHED) as other:
        assert other.get(f"/?token={TOKEN}x").status_code == 401
        assert other.get(f"/?token={TOKEN}").headers["location"] == "/"
        other.cookies.clear()
        assert other.get(f"{API}/health?token={TOKEN}").status_code == 401  # nowhere but at the first visit
        assert other.post(f"/?token={TOKEN}").status_code == 401


def test_the_cookie_of_another_token_or_port_is_nothing(red_store: Path) -> None:
    with asked(red_store, ADDRESS, **REACHED) as client:
        client.get(f"/?token={TOKEN}")
        cookie = client.cookies["search-8765"]
    with asked(red_store, ADDRESS, host="0.0.0.0", token="Another-token-of-a-test") as client:
        assert client.get(f"{API}/health", headers={"Cookie": f"search-8765={cookie}"}).status_code == 401
    with asked(red_store, "http://192.168.1.5:9000", **REACHED) as client:
        assert client.get(f"{API}/health", headers={"Cookie": f"search-9000={cookie}"}).status_code == 401


def test_the_address_that_is_shown_once() -> None:
    assert first_address(ServeSettings(), 1234) == "http://127.0.0.1:1234/"
    assert first_address(ServeSettings(host="::1"), 1234) == "http://[::1]:1234/"
    assert first_address(ServeSettings(host="10.0.0.1", token=TOKEN), 80) == f"http://10.0.0.1:80/?token={TOKEN}"
    assert first_address(ServeSettings(host="0.0.0.0"), 80) == f"http://{socket.gethostname()}:80/"
    assert first_address(ServeSettings(host="::", names=("nas.home", "nas")), 80) == "http://nas.home:80/"


def test_it_stands_in_no_log(red_store: Path, tmp_path: Path) -> None:
    with served(red_store, tmp_path / "log", token=TOKEN) as server:
        with httpx2.Client(base_url=server.address, follow_redirects=True) as client:
            client.get(f"/?token={TOKEN}&q=hidden")
            client.get(f"{API}/health", headers={"Authorization": f"Bearer {TOKEN}"})
            client.get(f"{API}/health?token={TOKEN}")
            client.get(f"{API}/nothing/{TOKEN}")
            client.get(f"/?token={TOKEN}", headers={"Host": "evil.example"})
        with server.connect() as connection:
            connection.sendall(f"GET /?token={TOKEN} HTTP/9.9\r\nbroken\r\n\r\n".encode())
            connection.recv(1_000)
    written = (tmp_path / "log").read_text()
    assert TOKEN not in written
    assert "hidden" not in written
