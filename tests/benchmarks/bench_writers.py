"""Several `search index` at once over the same photographs, beside one: how long until all are in.

    python tests/benchmarks/bench_writers.py PHOTOS [--count 2000] [--runs 1 2 3] [--encode MS] [--json OUT]

Each run is a process, as on a machine of its own, all over one new catalog in PostgreSQL (the tests' server, which does
not wait for its disk); the numbers of runs take turns. Here they share the processor. `--encode MS`: in the place of
the encoder that ships one that sleeps so long for each photograph, as if each run had a processor of its own: what is
left is what they share, the catalog. Nothing here asserts.
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
from tests.fixtures.paths import ROOT
from tests.fixtures.postgres_server import PASSWORD, PostgresServer, running

#: A run with an encoder that sleeps.
SLEEPER = """
import sys, search
from tests.fixtures.colour_encoder import ColourTokenEncoder
store, folder, wait = sys.argv[1:]
with search.open(store, encoder=ColourTokenEncoder(batch_size=16, wait=16 * float(wait) / 1000)) as library:
    library.index(folder)
"""


def took(server: PostgresServer, photos: Path, runs: int, encode: float | None) -> tuple[float, float]:
    """Seconds from the start of all to the end of the last, and those of the processor that they took together."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    store = server.new_database().render_as_string()
    if encode is None:
        command = [sys.executable, "-m", "search", "index", str(photos), "--store", store, "--quiet"]
    else:
        command = [sys.executable, "-c", SLEEPER, store, str(photos), str(encode)]
    with tempfile.TemporaryDirectory() as home:
        began = time.perf_counter()
        started = [
            subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | {"XDG_DATA_HOME": f"{home}/{number}", "SEARCH_WORKERS": "1"},
                stdout=subprocess.DEVNULL,
            )
            for number in range(runs)
        ]
        if any(run.wait() for run in started):
            raise SystemExit("A run failed.")
        seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--runs", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--encode", type=float, metavar="MS")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    os.environ["PGPASSWORD"] = PASSWORD
    found = about()
    seconds: dict[int, list[tuple[float, float]]] = {runs: [] for runs in given.runs}
    with tempfile.TemporaryDirectory() as folder, running() as server:
        for path in sorted(given.photos.rglob("*.jpg"))[: given.count]:
            os.symlink(path, Path(folder) / path.name)
        for _ in range(given.rounds):
            for runs, times in seconds.items():
                times.append(took(server, Path(folder), runs, given.encode))
                print(f"{runs} at once: {times[-1][0]:.1f} s, {times[-1][1]:.1f} s of CPU time", flush=True)
    for runs, times in seconds.items():
        median, cpu = (statistics.median(each) for each in zip(*times, strict=True))
        print(f"{runs} at once: median {median:.1f} s, {cpu:.1f} s of CPU time; {given.count / median:.0f} images/s")
    save(given.json, found, seconds=seconds)


if __name__ == "__main__":
    main()
