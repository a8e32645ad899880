"""What each means of a fast start gains, and what words beside meaning cost: a cold query as it is, and without one of
them, in turn.

    python tests/benchmarks/bench_fast_start.py STORE [--runs 15] [--json PATH]

Each run is a process of its own, and the means is taken away inside it. STORE: with captions, where words count. Prints
medians, of the time on the clock and of the processors' beside the query as it is in the same turn.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks.machine import about, save

#: What is run before the program, to take one means away.
WITHOUT = {
    "as it is": "",
    "typer reads the options": "import search.fast_start.plain_arguments as m; m.read = lambda *a: None",
    "no prefetch": "import search.fast_start.prefetch as m; m.prefetch_texts = lambda *a: None",
    "garbage collector on": "import gc; gc.disable = lambda: None",
    "modules taken apart": "import search.__main__ as m; m._is_flushed = lambda: False",
    "no words": "",
}


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    query = ["query", "a red car", "--no-resident", "-s", str(given.store)]
    times: dict[str, list[float]] = {name: [] for name in WITHOUT}
    spent: dict[str, list[float]] = {name: [] for name in WITHOUT}
    for run in range(given.runs + 1):  # the first fills the page cache
        for name, code in WITHOUT.items():
            program = f"{code}\nfrom search.__main__ import main; main()"
            options = ["--no-by-words"] if name == "no words" else []
            before, started = _processors(), time.perf_counter()
            subprocess.run([sys.executable, "-c", program, *query, *options], check=True, capture_output=True)
            if run:
                times[name].append(time.perf_counter() - started)
                spent[name].append(_processors() - before)
    usual = statistics.median(times["as it is"])
    for name, values in times.items():
        median = statistics.median(values)
        ratio = statistics.median(one / own for one, own in zip(spent[name], spent["as it is"], strict=True))
        print(
            f"{name:<26} {median * 1e3:6.0f} ms  {100 * (median / usual - 1):+5.0f} %  (best {min(values) * 1e3:.0f})  "
            f"processors {100 * (ratio - 1):+6.1f} %  (best {min(spent[name]) * 1e3:.0f} ms)"
        )
    save(given.json, about(runs=given.runs), seconds=times, processor_seconds=spent)


def _processors() -> float:
    """Seconds of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
