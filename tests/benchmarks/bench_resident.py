"""A query as a whole process, from the start of `search query` to its end: through the server on the store's own
socket, and without it, in turn.

    python tests/benchmarks/bench_resident.py FOLDER [--runs 50] [--json PATH]

FOLDER holds photographs (the demo's are in demo-out/photos); they are indexed into a store that is thrown away. Beside
both stand the interpreter that does nothing, which is the floor, and `search --help`. Prints medians and 90th
percentiles, and the median of the processor time.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.machine import about, save

SEARCH = [sys.executable, "-m", "search"]


def seconds(command: list[str]) -> tuple[float, float]:
    """How long one process takes from outside, and how much of the processors."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    took, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def percentiles(values: list[float]) -> tuple[float, float]:
    """The median and the 90th percentile."""
    return statistics.median(values), statistics.quantiles(values, n=10)[-1] if len(values) > 1 else values[0]


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = about(files=sum(1 for path in given.folder.rglob("*") if path.is_file()))
    with tempfile.TemporaryDirectory(prefix="r-") as temporary:  # a short path: a socket lies in it
        os.chmod(temporary, 0o700)
        os.environ["XDG_RUNTIME_DIR"] = temporary
        store = ["-s", str(Path(temporary) / "store")]
        subprocess.run([*SEARCH, "index", "-q", str(given.folder), *store], check=True)
        query = [*SEARCH, "query", "a red car", *store]
        picture = next(path for path in sorted(given.folder.rglob("*")) if path.is_file())
        by_image = [*SEARCH, "query", str(picture), *store]
        kinds = {
            "an empty interpreter": [sys.executable, "-c", "pass"],
            "search --help": [*SEARCH, "--help"],
            "query, served": query,
            "query, served, one stage": [*query, "--no-rerank"],
            "query, alone": [*query, "--no-resident"],
            "status, served": [*SEARCH, "status", *store],
            "image, served": by_image,
            "image, alone": [*by_image, "--no-resident"],
        }
        subprocess.run([*SEARCH, "serve", "--background", *store], check=True, capture_output=True)
        try:
            answers = {kind: subprocess.run(kinds[kind], check=True, capture_output=True).stdout for kind in kinds}
            if any(answers[f"{what}, served"] != answers[f"{what}, alone"] for what in ("query", "image")):
                sys.exit("The server answers otherwise than a process alone.")
            times: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
            for run in range(given.runs):
                for kind, command in kinds.items():
                    if not kind.endswith("alone") or run % 5 == 0:
                        times[kind].append(seconds(command))
            state = subprocess.run([*SEARCH, "serve", "--status", *store], check=True, capture_output=True, text=True)
        finally:
            subprocess.run([*SEARCH, "serve", "--stop", *store], check=True, capture_output=True)
    for kind, measured in times.items():
        values = [wall for wall, _ in measured]
        median, ninth = percentiles(values)
        computed = statistics.median(cpu for _, cpu in measured)
        spread = f"({min(values) * 1e3:.0f} to {max(values) * 1e3:.0f}; {len(values)} runs)"
        print(
            f"{kind:<25} p50 {median * 1e3:6.0f} ms  p90 {ninth * 1e3:6.0f} ms  cpu {computed * 1e3:4.0f} ms  {spread}"
        )
    print(state.stdout.strip())
    save(given.json, found, seconds=times)


if __name__ == "__main__":
    main()
