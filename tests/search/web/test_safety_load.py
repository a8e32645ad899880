"""How many requests are answered: at a rate, at once, and none is held up by those that are slow."""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from PIL import Image

from search.library import Library
from search.web.problems import ProblemError
from search.web.rates import Rates
from search.web.settings import Limits
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.pictures import noise
from tests.fixtures.served import API, Served, asked, served

GET = b"GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"


def test_a_bucket_fills_at_its_rate() -> None:
    now = [0.0]
    rates = Rates(2, 3, lambda: now[0])
    for _ in range(3):
        rates.take("10.0.0.1")
    with pytest.raises(ProblemError) as raised:
        rates.take("10.0.0.1")
    assert raised.value.problem.status == 429
    assert raised.value.headers == {"Retry-After": "1"}
    rates.take("10.0.0.2")  # another one has its own
    now[0] = 0.5
    rates.take("10.0.0.1")
    with pytest.raises(ProblemError):
        rates.take("10.0.0.1")
    now[0] = 100
    for _ in range(3):
        rates.take("2001:db8::1")
    with pytest.raises(ProblemError):
        rates.take("2001:db8::2")  # of one network
    rates.take("2001:db8:0:1::1")


def test_addresses_that_are_remembered_are_bounded() -> None:
    rates = Rates(1, 1)
    for number in range(20_000):
        rates.take(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(rates._buckets) <= 10_000


def test_too_many_requests_are_told_to_come_again(red_store: Path) -> None:
    with asked(red_store, limits=Limits(rate=0.01, burst=5)) as client:
        answers = [client.get(f"{API}/health") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert int(answers[-1].headers["retry-after"]) > 1
    assert answers[-1].headers["content-type"] == "application/problem+json"


def silent(server: Served, count: int, begin: bytes) -> list[socket.socket]:
    found = []
    for _ in range(count):
        connection = server.connect()
        connection.sendall(begin)
        found.append(connection)
    return found


def ended_after(connection: socket.socket, seconds: float, drip: bytes = b"") -> float:
    """When the server ends a connection, while a byte is sent now and then."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        try:
            if drip:
                connection.sendall(drip)
            if select.select([connection], [], [], 0.2)[0] and not connection.recv(65_536):
                return time.monotonic() - begun
        except OSError:
            return time.monotonic() - begun
    raise AssertionError(f"it is still open after {seconds} s")


@pytest.mark.parametrize(
    ("begin", "drip"),
    [
        (b"", b""),
        (b"GET / HT", b""),
        (GET % 1, b"X-a: b\r\n"),
        (b"POST /api/v1/uploads HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 100\r\n\r\n", b""),
    ],
    ids=["nothing", "half a line", "headers without end", "no body"],
)
def test_a_slow_loris_is_sent_away(red_store: Path, tmp_path: Path, begin: bytes, drip: bytes) -> None:
    with served(red_store, tmp_path / "log", {"silence": 1.5}) as server:
        connection = silent(server, 1, begin.replace(b"%d", str(server.port).encode()))[0]
        with connection:
            assert ended_after(connection, 12, drip) < 8


def test_a_drip_of_a_body_is_too_slow(red_store: Path, tmp_path: Path) -> None:
    with served(red_store, tmp_path / "log", {"silence": 0.5}) as server:
        head = f"POST /api/v1/uploads HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: 100000\r\n\r\n"
        with server.connect() as connection:
            connection.sendall(head.encode())
            assert ended_after(connection, 12, b"x") < 8


def test_a_client_that_leaves_within_its_upload_is_no_error(red_store: Path, tmp_path: Path) -> None:
    with served(red_store, tmp_path / "log") as server:
        head = f"POST /api/v1/uploads HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: 100000\r\n\r\n"
        with server.connect() as connection:
            connection.sendall(head.encode() + b"x" * 1_000)
            time.sleep(0.5)
        with httpx2.Client(base_url=server.address) as client:
            assert client.get(f"{API}/health").status_code == 200
        time.sleep(0.5)
    assert "failed" not in (log := (tmp_path / "log").read_text())
    assert "Traceback" not in log


def test_many_silent_connections_hold_nobody_up(red_store: Path, tmp_path: Path) -> None:
    with served(red_store, tmp_path / "log", {"connections": 40, "silence": 30}) as server:
        connections = silent(server, 150, GET % server.port)
        begun = time.monotonic()
        with httpx2.Client(base_url=server.address) as client:
            for _ in range(5):
                assert client.get(f"{API}/items/1/thumbnail").status_code == 200
        assert time.monotonic() - begun < 5
        if sys.platform == "linux":
            assert server.open_files() < 100
        for connection in connections:
            connection.close()


@pytest.fixture
def large_store(tmp_path: Path) -> Path:
    """A photograph of some megabytes, more than the buffers of a connection hold."""
    (tmp_path / "large").mkdir()
    noise(2_400, 1_600).save(tmp_path / "large" / "large.png", compress_level=1)
    assert (tmp_path / "large" / "large.png").stat().st_size > 8_000_000
    with Library(tmp_path / "s", encoder=ColourEncoder()) as library:
        library.index(tmp_path / "large")
    return tmp_path / "s"


def asking(server: Served, path: str, body: bytes = b"") -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.connect(("127.0.0.1", server.port))
    method = "POST" if body else "GET"
    head = f"{method} {API}{path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


def settled(found: Callable[[], int], wanted: int) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if found() <= wanted:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_a_client_that_goes_away_leaves_nothing_open(large_store: Path, tmp_path: Path) -> None:
    zipped = json.dumps({"ids": [1]}).encode()
    with served(large_store, tmp_path / "log") as server:
        with httpx2.Client(base_url=server.address) as client:
            client.get(f"{API}/items/1/thumbnail")
        before = server.open_files()
        for path, body in (("/items/1/original", b""), ("/downloads", zipped)) * 5:
            asking(server, path, body).close()
        assert settled(server.open_files, before + 1)
        with httpx2.Client(base_url=server.address) as client:
            assert len(client.get(f"{API}/items/1/original").content) > 8_000_000
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_clients_that_take_nothing_hold_nobody_up_and_are_left(large_store: Path, tmp_path: Path) -> None:
    with served(large_store, tmp_path / "log", {"stalled": 2.0}) as server:
        with httpx2.Client(base_url=server.address) as client:
            client.get(f"{API}/items/1/thumbnail")
            before = server.open_files()
            connections = [asking(server, "/items/1/original") for _ in range(50)]
            assert server.open_files() >= before + 50
            begun = time.monotonic()
            assert client.get(f"{API}/items/1/thumbnail").status_code == 200
            assert client.get(f"{API}/items/1/preview").status_code == 200
            assert time.monotonic() - begun < 8
            assert settled(server.open_files, before + 2)
        for connection in connections:
            connection.close()
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_more_at_once_than_are_worked_on_are_told_to_come_again(large_store: Path, tmp_path: Path) -> None:
    with served(large_store, tmp_path / "log", {"at_once": 4}) as server:
        connections = [asking(server, "/items/1/original") for _ in range(4)]
        answer = httpx2.get(f"{server.address}{API}/health")
        assert (answer.status_code, answer.json()["type"], answer.headers["retry-after"]) == (503, "busy", "1")
        for connection in connections:
            connection.close()
        time.sleep(0.5)
        assert httpx2.get(f"{server.address}{API}/health").status_code == 200


def test_many_requests_at_once_are_all_answered(tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    for number in range(30):
        noise(500, 400, number).save(tmp_path / "many" / f"{number}.jpg")
    Image.new("RGB", (50, 40), "red").save(tmp_path / "many" / "red.png")
    with Library(tmp_path / "s", encoder=ColourEncoder()) as library:
        library.index(tmp_path / "many")

    with served(tmp_path / "s", tmp_path / "log") as server, httpx2.Client(base_url=server.address) as client:

        def ask(number: int) -> int:
            kind = ("thumbnail", "thumbnail?size=768", "preview", "original")[number % 4]
            return client.get(f"{API}/items/{number % 31 + 1}/{kind}", timeout=60).status_code

        with ThreadPoolExecutor(32) as pool:
            assert set(pool.map(ask, range(400))) == {200}
    assert "Traceback" not in (tmp_path / "log").read_text()
    assert os.path.getsize(tmp_path / "log") < 10_000
