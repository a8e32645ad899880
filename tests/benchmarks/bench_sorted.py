"""What sorted answers and listings cost in a large collection: processor time beside that of a ranking, in turn.

python tests/benchmarks/bench_sorted.py --folder /tmp/filters            # the store of bench_filters.py
python tests/benchmarks/bench_sorted.py --folder /tmp/filters --first 10000    # without looking at few first
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import search
from search.engine import arrangement
from search.query.query import Query
from tests.benchmarks.bench_filters import DIMENSION, WORDS, make
from tests.benchmarks.machine import about, save
from tests.fixtures.given_encoder import GivenEncoder

#: What is asked; {} stands for words.
LINES = {
    "ranking": "{}",
    "sorted": "{} sort:-date",
    "sorted, half": "{} sort:-date after:2012",
    "sorted, nothing cut": "{} sort:-date min:0",
    "listing, a year": "in:2012",
    "listing, a name": "name:*77.jpg",
    "listing, an hour": "time:3:00..3:05",
    "listing, nearly all": "after:2001 type:jpeg",
}


def measure(library: search.Library, rounds: int) -> dict[str, dict[str, Any]]:
    """Milliseconds of processor time, and of the count of listings by the clock, medians of those asked in turn."""
    spent: dict[str, list[float]] = {name: [] for name in LINES}
    counts: dict[str, list[float]] = {name: [] for name in LINES}
    found: dict[str, search.Results] = {}
    for number in range(rounds):
        for name, line in LINES.items():
            query = Query.parse(line.format(f"{WORDS[number % len(WORDS)]} {number}"))
            started = time.process_time()
            found[name] = library.query(query, rerank=0)
            spent[name].append((time.process_time() - started) * 1e3)
            counts[name].append(found[name].seconds.get("count", 0.0) * 1e3)
    return {
        name: {
            "line": LINES[name],
            "cpu_ms": round(statistics.median(spent[name]), 1),
            "least_cpu_ms": round(min(spent[name]), 1),
            "count_ms": round(min(counts[name]), 1),
            "matches": found[name].matches,
            "more_matches": found[name].more_matches,
        }
        for name in LINES
    }


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the store lies, or is made")
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--first", type=int, default=arrangement.FIRST, help="candidates that are looked at first")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    folder = given.folder / f"filters-{given.items}"
    if not (folder / "vectors" / "image.json").exists():
        make(folder, given.items)
    arrangement.FIRST = given.first  # type: ignore[misc]
    with search.open(folder, encoder=GivenEncoder(DIMENSION)) as library:
        measure(library, 1)
        results = measure(library, given.rounds)
    for name, row in results.items():
        more = "more than " if row["more_matches"] else ""
        print(f"{name:>20}: {row['cpu_ms']:7.1f} ms of processor ({row['least_cpu_ms']:.1f} at least), ", end="")
        print(f"{row['count_ms']:.1f} ms to count; {more}{row['matches']} match  {row['line']}", flush=True)
    save(
        given.json,
        about(items=given.items, dimension=DIMENSION, rounds=given.rounds, first=given.first),
        sorted=results,
    )


if __name__ == "__main__":
    main()
