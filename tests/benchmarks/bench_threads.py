"""Queries a second of one thread, of two and of four that share a library, and of a batch.

    python tests/benchmarks/bench_threads.py FOLDER [--queries 64] [--rounds 5] [--json PATH]

FOLDER holds photographs and `captions.jsonl` beside them (one JSON object a line, with `captions`): the photographs are
indexed into a store that is thrown away, and the first caption of each is a query. All ways answer the same queries,
in turn, so that what else the machine does falls on all of them; the ratios are of the same round. Prints medians, and
where the time of a query goes in one thread.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import search
from tests.benchmarks.machine import about, save

THREADS = (1, 2, 4)


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
    queries = captions(given.folder, given.queries)
    with tempfile.TemporaryDirectory() as temporary, search.open(Path(temporary) / "store") as library:
        photos = sorted(path for path in (given.folder / "images").iterdir())[: given.photos]
        library.index(*photos)
        ways: dict[str, Callable[[], list[search.Results]]] = {
            f"{count} threads" if count > 1 else "1 thread": lambda count=count: in_threads(library, queries, count)
            for count in THREADS
        }
        if hasattr(library, "query_many"):
            ways[f"a batch of {len(queries)}"] = lambda: library.query_many(queries)
        rates: dict[str, list[float]] = {name: [] for name in ways}
        steps: dict[str, float] = {}
        for name, way in ways.items():
            first = way()  # loads what it needs
            if name == "1 thread":
                expected = [[hit.id for hit in answer] for answer in first]
            elif [[hit.id for hit in answer] for answer in first] != expected:
                raise SystemExit(f"{name} answers otherwise than one thread.")
        for _ in range(given.rounds):
            for name, way in ways.items():
                started = time.perf_counter()
                answers = way()
                rates[name].append(len(queries) / (time.perf_counter() - started))
                if name == "1 thread":
                    for answer in answers:
                        for step, seconds in answer.seconds.items():
                            steps[step] = steps.get(step, 0.0) + seconds / len(queries) / given.rounds
    for name, values in rates.items():
        ratios = [value / one for value, one in zip(values, rates["1 thread"], strict=True)]
        print(f"{name:<16} {statistics.median(values):7.1f} queries/s   {statistics.median(ratios):.2f} times one")
    print("one query:", ", ".join(f"{step} {seconds * 1e3:.1f} ms" for step, seconds in steps.items()))
    save(given.json, found, rates=rates, steps=steps)


if __name__ == "__main__":
    main()
