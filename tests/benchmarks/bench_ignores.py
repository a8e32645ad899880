"""What matching ignore patterns costs: many of them as one expression, against `pathspec` one by one.

    python tests/benchmarks/bench_ignores.py [--files 100000] [--runs 5]

Seconds of the processor for the names of so many files, the default patterns and three more. Nothing here asserts.
"""

from __future__ import annotations

import argparse
import statistics
import time

from pathspec import GitIgnoreSpec

from indexer.files.ignores import Ignores
from indexer.settings import DEFAULT_IGNORES

PATTERNS = (*DEFAULT_IGNORES, "*.png", "drafts/", "private/**")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    names = [(f"IMG_{number:07}.jpg", f"2019/album {number % 200:03}/") for number in range(given.files)]
    ours, theirs = Ignores(PATTERNS).match, GitIgnoreSpec.from_lines(PATTERNS).match_file
    times: dict[str, list[float]] = {"ours": [], "pathspec": []}
    for _ in range(given.runs):
        started = time.process_time()
        for name, prefix in names:
            ours(name, prefix, False)
        times["ours"].append(time.process_time() - started)
        started = time.process_time()
        for name, prefix in names:
            theirs(prefix + name)
        times["pathspec"].append(time.process_time() - started)
    for which, values in times.items():
        print(f"{which:<9} median {statistics.median(values):6.3f} s for {given.files:,} files")


if __name__ == "__main__":
    main()
