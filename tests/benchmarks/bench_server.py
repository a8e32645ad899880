"""Many clients at once at a real `search serve`: queries a second, how long one waits, errors, and memory.

    python tests/benchmarks/bench_server.py STORE [--clients 32] [--seconds 60] [--indexing] [--json PATH]

Each client asks, waits for the answer and asks again: everyday queries (tools/bundled/everyday.py), each with words
that make it another text, so that few have been asked before; ten hits, reranked. The clients share a process of
their own, which takes a part of the same cores. `--indexing`: the server compares all its files meanwhile, again
and again (`POST /indexing` with `verify`). STORE has to lie with its photographs. Nothing here asserts.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import statistics
import subprocess
import sys
import threading
import time
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from tests.benchmarks.machine import about, save
from tests.fixtures.visits import serve
from tools.bundled.everyday import QUERIES

#: Seconds in which everything is loaded before anything counts.
WARM: Final = 5.0
WORDS: Final = ("outside", "inside", "at night", "in winter", "in summer", "near a house", "in colour", "on the left")
API: Final = "/api/v1"


def line(number: int) -> str:
    """One of 624 queries that differ."""
    return f"{QUERIES[number % len(QUERIES)].text} {WORDS[number // len(QUERIES) % len(WORDS)]}"


async def ask(at: tuple[str, int], begin: float, end: float, first: int, waited: list[float], wrong: list[str]) -> None:
    """One client: what it waits for each answer is kept from `begin` to `end`, seconds of `time.monotonic`."""
    reader, writer = await asyncio.open_connection(*at)
    for number in count(first, 7):
        started = time.monotonic()
        if started >= end:
            break
        path = f"{API}/search?k=10&q={quote(line(number))}"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {at[0]}:{at[1]}\r\n\r\n".encode())
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = next(row for row in head.lower().split("\r\n") if row.startswith("content-length:"))
            content = await reader.readexactly(int(length.partition(":")[2]))
        except (OSError, EOFError) as error:
            wrong.append(repr(error))
            reader, writer = await asyncio.open_connection(*at)
            continue
        if " 200 " not in head.partition("\r\n")[0]:
            wrong.append(content[:200].decode())
        elif started >= begin:
            waited.append(time.monotonic() - started)
    writer.close()


async def clients(address: str, number: int, seconds: float) -> dict[str, Any]:
    """All of them, in this process."""
    parts = urlsplit(address)
    at = str(parts.hostname), int(parts.port or 80)
    waited: list[float] = []
    wrong: list[str] = []
    begin = time.monotonic() + WARM
    end = begin + seconds
    await asyncio.gather(*(ask(at, begin, end, 13 * each, waited, wrong) for each in range(number)))
    ordered = sorted(waited) or [0.0]
    return {
        "queries": len(waited),
        "a_second": round(len(waited) / seconds, 1),
        "p50": round(statistics.median(ordered), 3),
        "p99": round(ordered[int(0.99 * (len(ordered) - 1))], 3),
        "errors": len(wrong),
        "first_error": wrong[0] if wrong else None,
    }


def memory(pid: int) -> dict[str, int]:
    """Bytes of a process (Linux): `own`, what it would give back if it ended; `rss`, with each page of a file as often
    as it is mapped, once a connection to the catalog, though it lies in memory once, and the system may drop it."""
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    found = {name: 1024 * int(rest.split()[0]) for name, _, rest in (row.partition(":") for row in rows)}
    return {"own": found["Anonymous"], "rss": found["Rss"]}


def index_on(address: str, until: threading.Event) -> None:
    """Have all files compared, again and again."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    while not until.wait(0.5):
        connection.request("POST", f"{API}/indexing", b'{"verify": true}', {"Content-Type": "application/json"})
        connection.getresponse().read()  # one that is at work already is told so
    connection.request("DELETE", f"{API}/indexing")
    connection.getresponse().read()
    connection.close()


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--indexing", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--at", help=argparse.SUPPRESS)  # the process of the clients
    given = parser.parse_args()
    if given.at:
        print(json.dumps(asyncio.run(clients(given.at, given.clients, given.seconds))))
        return
    found = about(clients=given.clients, seconds=given.seconds, indexing=given.indexing)
    server = serve(Path(), given.store)
    until = threading.Event()
    indexing = threading.Thread(target=index_on, args=(server.address, until))
    try:
        before = memory(server.process.pid)
        if given.indexing:
            indexing.start()
        command = [sys.executable, __file__, str(given.store), "--at", server.address]
        command += ["--clients", str(given.clients), "--seconds", str(given.seconds)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        results = {**json.loads(done.stdout), "memory": [before, memory(server.process.pid)]}
    finally:
        until.set()
        if given.indexing:
            indexing.join()
        server.end()
    for name, value in results.items():
        print(f"{name:12} {value}")
    save(given.json, found, **results)


if __name__ == "__main__":
    main()
