"""`search serve` and the process that indexes for it: whatever ends the one ends the other."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import search
from indexer.store import writer
from tests.fixtures.paths import ROOT

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store of one photograph beside `photos`, in which 240 more wait: some seconds of work."""
    photos = tmp_path / "photos"
    photos.mkdir()
    rng = np.random.default_rng(0)

    def save(number: int) -> None:
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)).save(photos / f"{number:03}.png")

    save(0)
    with search.open(tmp_path / "a.search") as library:
        library.index(photos)
    for number in range(1, 241):
        save(number)
    return tmp_path / "a.search"


@contextmanager
def serving(store: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server and its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "search", "serve", "--store", str(store), "--port", "0"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield process, int(line.split("http://127.0.0.1:")[1].split("/")[0])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def ask(port: int, method: str, path: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, f"/api/v1{path}")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def indexing_child(process: subprocess.Popen[str], port: int) -> int:
    """The process that indexes, when some photographs are in."""
    assert ask(port, "POST", "/indexing")["state"] == "running"
    deadline = time.monotonic() + 60
    while ask(port, "GET", "/indexing")["done"] < 16:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    (child,) = all_children(process.pid)
    return int(child)


def all_children(pid: int) -> list[str]:
    """Of all threads: a child belongs to the one that started it."""
    return [child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]


def gone(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


def complete(store: Path) -> None:
    """Nothing is lost, and another run goes on."""
    assert writer(store) is None
    with search.open(store) as library:
        kept = library.status().images
        assert kept > 1
        assert library.check() == []
        assert library.index().encoded == 241 - kept


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda each: each.name)
def test_a_server_that_ends_ends_its_indexing(folder: Path, ending: signal.Signals) -> None:
    with serving(folder) as (process, port):
        listener = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        listener.request("GET", "/api/v1/indexing/events")  # and somebody listens
        events = listener.getresponse()
        child = indexing_child(process, port)
        process.send_signal(ending)
        code = process.wait(40)
        assert code == (-signal.SIGKILL if ending == signal.SIGKILL else 0)
        assert gone(child, 30 if ending == signal.SIGKILL else 1)
        if ending != signal.SIGKILL:
            assert b"event: state" in events.read()  # to its proper end
        listener.close()
    complete(folder)
