"""Whole commands as a person meets them: help, first and second indexing of a folder, a cold query.

    python tests/benchmarks/bench_commands.py FOLDER [--runs 5] [--json PATH]

FOLDER holds photographs (the demo's are in demo-out/photos). Each run is a process of its own; medians are printed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.machine import about, save

SEARCH = [sys.executable, "-m", "search"]


def seconds(*arguments: str) -> float:
    """How long one command takes from outside."""
    started = time.perf_counter()
    subprocess.run([*SEARCH, *arguments], check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = about(files=sum(1 for path in given.folder.rglob("*") if path.is_file()))
    times: dict[str, list[float]] = {"help": [], "index, first": [], "index, second": [], "query, cold": []}
    seconds("--help")  # bytecode is written, files are in the page cache
    for _ in range(given.runs):
        with tempfile.TemporaryDirectory() as temporary:
            store = ["-s", str(Path(temporary) / "store")]
            times["help"].append(seconds("--help"))
            times["index, first"].append(seconds("index", "-q", str(given.folder), *store))
            times["index, second"].append(seconds("index", "-q", str(given.folder), *store))
            times["query, cold"].append(seconds("query", "a red car", *store))
    for name, values in times.items():
        print(f"{name:<14} median {statistics.median(values):6.2f} s  ({min(values):.2f} to {max(values):.2f})")
    first, second = (statistics.median(times[f"index, {which}"]) for which in ("first", "second"))
    print(f"second / first {second / first:.3f}")
    save(given.json, found, seconds=times)


if __name__ == "__main__":
    main()
