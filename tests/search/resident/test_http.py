"""A request over a socket, to servers that say anything."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.resident import http
from search.resident.http import HttpError, exchange

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs Unix sockets")


@contextmanager
def saying(*parts: bytes, hangs: float = 0.0) -> Iterator[tuple[socket.socket, list[bytes]]]:
    """A connection to a server that reads a request and says these parts, then hangs for a while."""
    ours, theirs = socket.socketpair()
    asked: list[bytes] = []
    end = threading.Event()

    def serve() -> None:
        with theirs:
            while b"\r\n\r\n" not in b"".join(asked):
                asked.append(theirs.recv(1 << 16))
            for part in parts:
                theirs.sendall(part)
            end.wait(hangs)

    thread = threading.Thread(target=serve)
    thread.start()
    ours.settimeout(0.2)
    with ours:
        yield ours, asked
    end.set()
    thread.join(20)


def test_an_answer() -> None:
    with saying(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nx-a:  2\r\n\r\nhe", b"llo") as (connection, asked):
        reply = exchange(connection, "GET", "/x?q=1", [("Accept", "text/plain")])
    assert (reply.status, reply.body, reply.all("X-A"), reply.one("X-A")) == (200, b"hello", ["1", "2"], None)
    assert b"".join(asked) == (
        b"GET /x?q=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: text/plain\r\n\r\n"
    )


def test_an_answer_without_a_body() -> None:
    with saying(b"HTTP/1.1 204 No Content\r\n\r\n") as (connection, _):
        assert exchange(connection, "GET", "/").status == 204


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello!",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 abc\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" * 10,
        b"o\0\0\0\0",
    ],
)
def test_what_is_no_whole_answer(said: bytes) -> None:
    with saying(said) as (connection, _), pytest.raises(HttpError):
        exchange(connection, "GET", "/")


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=100))
def test_anything_is_an_answer_or_none(said: bytes) -> None:
    with saying(said) as (connection, _), suppress(HttpError):
        assert exchange(connection, "GET", "/").status >= 0


def test_an_answer_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MOST", 100)
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + bytes(101)
    with saying(said) as (connection, _), pytest.raises(HttpError):
        exchange(connection, "GET", "/")


def test_who_says_nothing_is_given_up_unless_it_lives() -> None:
    with saying(hangs=20) as (connection, _), pytest.raises(TimeoutError):
        exchange(connection, "GET", "/")
    lives = iter([True, True, False])
    with saying(hangs=20) as (connection, _), pytest.raises(TimeoutError):
        exchange(connection, "GET", "/", lives=lambda: next(lives))
    assert next(lives, None) is None
