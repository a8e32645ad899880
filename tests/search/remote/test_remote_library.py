"""What goes wrong between a client and a server. What goes well: tests/contract/test_library.py."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import search
from search.web.app import create_app
from search.web.settings import ServeSettings
from tests.fixtures.running_server import running


@contextmanager
def other_server(status: int, body: bytes, wait: float = 0) -> Iterator[str]:
    """A server that is none of ours; its address."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(wait)
            with suppress(BrokenPipeError):
                self._answer()

        def _answer(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Location", "http://127.0.0.1:9/")
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_nothing_is_asked_before_it_is_needed() -> None:
    with search.connect("http://127.0.0.1:9") as remote:
        assert remote.address == "http://127.0.0.1:9"


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(search.ServerError, match=r"cannot be reached \(Connection refused\); is `search serve`"):
            search.connect(address).query("a cat")
    for missing in (f"unix:{tmp_path}/none.sock", f"unix:/{'x' * 200}", "http://no-such-host.invalid"):
        with pytest.raises(search.ServerError, match="cannot be reached"):
            search.connect(missing).status()
    with pytest.raises(search.ServerError, match="cannot be reached"):
        search.connect(address).query_many(["a cat"])


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX: y", "é", "\0"])
def test_a_token_that_can_be_none_is_refused(token: str) -> None:
    with pytest.raises(search.UsageError, match="`token` can be none"):
        search.connect("http://127.0.0.1:9", token)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>", "something else than JSON"),
        (200, b"\xff\xfe", "something else than JSON"),
        (200, b"[]", "in another form than this version reads"),
        (200, json.dumps({"hits": [{"id": 1}], "notes": []}).encode(), "in another form"),
        (404, b"<html>", "status 404 and no sentence"),
        (302, b"", "status 302 and no sentence"),
        (500, b"[]", "status 500 and no sentence"),
    ],
)
def test_a_server_of_something_else_is_said(status: int, body: bytes, said: str) -> None:
    with other_server(status, body) as address, search.connect(address) as remote:
        for ask in (lambda: remote.query("a cat"), remote.status, remote.page, lambda: remote.values("camera")):
            with pytest.raises(search.ServerError, match=said if body != b"[]" or status != 200 else "form|JSON"):
                if ask() == []:  # no values are values
                    raise search.ServerError("in another form")


def test_a_server_that_takes_too_long_is_said() -> None:
    with (
        other_server(200, b"{}", wait=0.5) as address,
        search.connect(address, timeout=0.1) as remote,
        pytest.raises(search.ServerError, match=r"does not answer within 0.1 s; try again"),
    ):
        remote.query("a cat")


def test_a_server_wants_its_token(indexed: Path) -> None:
    with running(create_app(indexed, ServeSettings(token="the-right-token-of-it"))) as server:
        address = f"http://127.0.0.1:{server.port}"
        with search.connect(address, "the-right-token-of-it") as remote:
            assert remote.query("a cat", k=1).hits
        for wrong in (None, "another-token-of-it"):
            said = "as `token`" if wrong is None else "the `token` that it was started with"
            with search.connect(address, wrong) as remote, pytest.raises(search.UsageError, match=said):
                remote.query("a cat")


def test_an_image_that_the_server_refuses_is_named_once(indexed: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "notes.png"
    wrong.write_bytes(b"no image")
    with (
        running(create_app(indexed, ServeSettings())) as server,
        search.connect(f"http://127.0.0.1:{server.port}/api/v1/") as remote,
    ):
        for given, name in ((wrong, str(wrong)), (search.Query(image_bytes=b"GIF", name="the paste"), "the paste")):
            with pytest.raises(search.NotAnImageError) as refused:
                remote.query(given)
            assert str(refused.value).startswith(f"The query image {name} cannot be used: its content is ")
            assert str(refused.value).endswith("; send a JPEG, PNG, WebP or HEIC.")


def test_a_path_at_which_there_is_no_api_is_named(indexed: Path) -> None:
    with running(create_app(indexed, ServeSettings())) as server:
        address = f"http://127.0.0.1:{server.port}"
        with search.connect(f"{address}/api/v1") as remote:
            assert remote.status().images
        with (
            search.connect(f"{address}/photos/") as remote,
            pytest.raises(search.ServerError, match=r"There is no API below /photos at .*; leave /photos out"),
        ):
            remote.status()


def test_paths_begin_with_the_indexed_folder_where_no_more_is_told(indexed: Path) -> None:
    with (
        running(create_app(indexed, ServeSettings(show_paths=False))) as server,
        search.connect(f"http://127.0.0.1:{server.port}") as remote,
    ):
        assert remote.query("a ginger cat", k=1)[0].path == "photos/chelsea.png"
        assert {each.path.partition("/")[0] for each in remote.items()} == {"photos"}
        assert remote.collections()[0].path == "photos"
        assert remote.status().folder == "photos.search"
        assert str(indexed.parent) not in repr((remote.status(), remote.query("cat"), remote.item(1)))


def test_connections_are_kept_and_those_that_were_closed_are_made_anew(indexed: Path) -> None:
    with running(create_app(indexed, ServeSettings())) as server:
        remote = search.connect(f"http://127.0.0.1:{server.port}")
        remote.counts()
        (kept,) = remote._connection._idle
        remote.counts()
        assert remote._connection._idle == [kept]
        assert kept.sock is not None
        kept.sock.shutdown(socket.SHUT_RDWR)  # as a server closes what was idle too long
        assert remote.counts()["image"] > 20
        assert remote._connection._idle != [kept]
        remote.close()
        assert remote._connection._idle == []


def test_a_store_that_is_missing_is_the_same_error(tmp_path: Path) -> None:
    with (
        running(create_app(tmp_path / "none.search", ServeSettings())) as server,
        search.connect(f"http://127.0.0.1:{server.port}") as remote,
    ):
        for ask in (remote.status, remote.page, lambda: remote.query("a cat"), lambda: remote.query_many(["a cat"])):
            with pytest.raises(search.StoreMissingError):
                ask()
