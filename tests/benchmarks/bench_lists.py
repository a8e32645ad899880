"""Whether the reader of inverted files without FAISS pays: a cold query over a large collection, with it and without.

    python tests/benchmarks/bench_lists.py [--items 200000] [--runs 15] [--store FOLDER] [--json PATH]

Both in turn, each a process of its own. FOLDER is filled where there is nothing, and kept. CPU seconds are of the
command and of what it starts. The reader stays as long as it makes the command more than 10 % faster.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.bench_rivals import fill
from tests.benchmarks.machine import about, save

#: Every index is opened as if it were to be asked many times.
WITHOUT = (
    "from indexer.vectors.backends.faiss_files.file_backend import FaissFiles as F\n"
    "opened = F.open\n"
    "F.open = lambda self, kind, key, once=False: opened(self, kind, key)\n"
)
RUN = "from search.__main__ import main\nmain()"


def seconds(program: str, store: Path) -> tuple[float, float]:
    """By the clock from outside, and of the processor."""
    before, started = os.times(), time.perf_counter()
    command = [sys.executable, "-c", program, "query", "a red car", "-s", str(store)]
    subprocess.run(command, check=True, capture_output=True)
    wall, after = time.perf_counter() - started, os.times()
    return wall, after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        store = given.store or Path(temporary) / "store"
        if not store.exists():
            fill(store, given.items)
        programs = {"with the reader": RUN, "without": WITHOUT + RUN}
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
        for program in programs.values():
            seconds(program, store)  # bytecode is written, files are in the page cache
        for _ in range(given.runs):
            for name, program in programs.items():
                times[name].append(seconds(program, store))
    for name, runs in times.items():
        wall, own = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"{name:<16} {wall:.3f} s, {own:.3f} s of the processor")
    save(given.json, about(items=given.items), seconds=times)


if __name__ == "__main__":
    main()
