"""How long queries take, and how often they wait, where the catalog lies on a server 0, 1 and 10 ms away and back.

    python tests/benchmarks/bench_round_trips.py FOLDER      # of photographs, a hundred will do

A proxy between holds back what is said. The library has answered before; medians of nine.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import search
from tests.fixtures.postgres_server import PASSWORD, running
from tests.fixtures.tcp_proxy import proxied

DELAYS = (0.0, 0.001, 0.01)


def main(folder: str) -> None:
    """Print a table."""
    os.environ["PGPASSWORD"] = PASSWORD
    with tempfile.TemporaryDirectory() as home, running() as server:
        os.environ["XDG_DATA_HOME"] = home
        url = server.new_database()
        with search.open(str(url)) as library:
            library.index(folder)
            photograph = next(iter(library.items())).path
        filtered = search.Query.parse("a cat on a beach size:<10mb")
        asked: dict[str, Callable[[search.Library], object]] = {
            "text, reranked": lambda library: library.query("a cat on a beach"),
            "text, first stage alone": lambda library: library.query("a cat on a beach", rerank=0),
            "text with a filter, reranked": lambda library: library.query(filtered),
            "an indexed photograph": lambda library: library.query(Path(photograph)),
            "a filter alone": lambda library: library.query(search.Query.parse("size:<10mb")),
            "the state, for an ETag": lambda library: library.state(),
        }
        for delay in DELAYS:
            with proxied(server.port, delay=delay) as proxy, search.open(str(url.set(port=proxy.port))) as library:
                for call in asked.values():
                    call(library)
                for name, call in asked.items():
                    times = []
                    for _ in range(9):
                        before, began = proxy.turns, time.perf_counter()
                        call(library)
                        times.append(time.perf_counter() - began)
                    trips = proxy.turns - before
                    print(
                        f"{1000 * delay:4.0f} ms  {name:30} {trips:3} trips {1000 * statistics.median(times):7.1f} ms"
                    )
            with proxied(server.port, delay=delay) as proxy:
                began = time.perf_counter()
                with search.open(str(url.set(port=proxy.port))) as library:
                    library.state()
                print(
                    f"{1000 * delay:4.0f} ms  {'opening':30} {proxy.turns:3} trips {time.perf_counter() - began:7.3f} s"
                )


def tell(delay: float, name: str, trips: int, seconds: float) -> None:
    print(f"{1000 * delay:4.0f} ms  {name:30} {trips:3} round trips {1000 * seconds:7.1f} ms", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
