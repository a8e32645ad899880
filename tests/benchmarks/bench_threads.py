"""Queries a second of one thread, of two and of four that share a library, and of a batch.

    python tests/benchmarks/bench_threads.py FOLDER [--queries 64] [--rounds 5] [--json PATH]

FOLDER holds photographs and `captions.jsonl` beside them (one JSON object a line, with `captions`): the photographs are
indexed into a store that is thrown away, and the first caption of each is a query. All ways answer the same queries,
in turn, so that what else the machine does falls on all of them; the ratios are of the same round. Prints medians, the
time of a core that a query takes, and where the time goes in one thread. First, what two processes that only count do
in a second beside one: no two threads can do better.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import search
from tests.benchmarks.machine import about, save

THREADS = (1, 2, 4)


#: Counts for a second, and says how far it came.
COUNT = """
import time
end, count = time.perf_counter() + 1, 0
while time.perf_counter() < end:
    count += 1
print(count)
"""


def ceiling() -> float:
    """How much more two processes do than one; what else runs on the machine counts."""

    def counted(processes: int) -> int:
        started = [
            subprocess.Popen([sys.executable, "-c", COUNT], stdout=subprocess.PIPE, text=True) for _ in range(processes)
        ]
        return sum(int(each.communicate()[0]) for each in started)

    return statistics.median(counted(2) / counted(1) for _ in range(3))


def captions(folder: Path, count: int) -> list[str]:
    """The first caption of each photograph, as many as are wanted."""
    lines = (folder / "captions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["captions"][0] for line in lines[:count]]


def in_threads(library: search.Library, queries: Sequence[str], threads: int) -> list[search.Results]:
    """The answers, asked by so many threads."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(library.query, queries))


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=400)
    parser.add_argument("--queries", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = about(photos=given.photos, queries=given.queries)
    print(f"two processes do {ceiling():.2f} times as much as one")
    queries = captions(given.folder, given.queries)
    with tempfile.TemporaryDirectory() as temporary, search.open(Path(temporary) / "store") as library:
        photos = sorted(path for path in (given.folder / "images").iterdir())[: given.photos]
        library.index(*photos)
        ways: dict[str, Callable[[], list[search.Results]]] = {
            f"{count} threads" if count > 1 else "1 thread": lambda count=count: in_threads(library, queries, count)
            for count in THREADS
        }
        ways[f"a batch of {len(queries)}"] = lambda: library.query_many(queries)
        ways["1, rerank=0"] = lambda: [library.query(query, rerank=0) for query in queries]
        ways["batch, rerank=0"] = lambda: library.query_many(queries, rerank=0)
        rates: dict[str, list[float]] = {name: [] for name in ways}
        cores: dict[str, list[float]] = {name: [] for name in ways}  # ms
        steps: dict[str, float] = {}
        for name, way in ways.items():
            first = way()  # loads what it needs
            if name in ("1 thread", "1, rerank=0"):
                expected = [[hit.id for hit in answer] for answer in first]
            elif [[hit.id for hit in answer] for answer in first] != expected:
                raise SystemExit(f"{name} answers otherwise than one thread.")
        for _ in range(given.rounds):
            for name, way in ways.items():
                started, spent = time.perf_counter(), time.process_time()
                answers = way()
                cores[name].append((time.process_time() - spent) / len(queries) * 1e3)
                rates[name].append(len(queries) / (time.perf_counter() - started))
                if name == "1 thread":
                    for answer in answers:
                        for step, seconds in answer.seconds.items():
                            steps[step] = steps.get(step, 0.0) + seconds / len(queries) / given.rounds
    for name, values in rates.items():
        base = rates["1, rerank=0" if "rerank=0" in name else "1 thread"]
        ratios = [value / one for value, one in zip(values, base, strict=True)]
        core = statistics.median(cores[name])
        print(
            f"{name:<16} {statistics.median(values):7.1f} queries/s   {statistics.median(ratios):.2f} times one   "
            f"{core:.0f} ms of a core each"
        )
    print("one query:", ", ".join(f"{step} {seconds * 1e3:.1f} ms" for step, seconds in steps.items()))
    save(given.json, found, rates=rates, cores=cores, steps=steps)


if __name__ == "__main__":
    main()
