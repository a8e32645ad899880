"""How the time and memory of indexing grow with the collection: vectors given, nothing decoded, nothing encoded.

    python tests/benchmarks/bench_growth.py [--sizes 1000,10000,100000,1000000] [--runs 3] [--json PATH]

Each size is a process of its own, that feeds prepared photographs to the indexer's own writer as fast as it takes
them, then builds the vector index. Reported for each size: seconds of both (without the drawing of the vectors),
peak resident memory, bytes of the catalog, and milliseconds of single reads, first and again. The exponent e of
seconds = c n^e is fitted by least squares on logarithms, over all sizes and between neighbours. Nothing here asserts.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from indexer.catalog.encoders import Encoders
from indexer.catalog.files import Files
from indexer.catalog.items import Items
from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors
from indexer.pipeline.ingest import Ingest
from indexer.progress import Silent
from indexer.store import Store
from indexer.types import Candidate, Report
from indexer.vectors.refresh import build_indexes
from tests.benchmarks.machine import about, save
from tests.fixtures.given_encoder import GivenEncoder, GivenTokenEncoder, given_images, pixels_of

#: Files that the pipeline hands over at once: a batch of the encoder.
BATCH = 16


def peak_mb() -> int:
    """Peak resident memory of this process so far, 10^6 bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)


def measure(count: int, folder: Path, *, tokens: bool, build: bool) -> dict[str, Any]:
    """Index `count` given photographs into a new store in `folder`."""
    encoder = GivenTokenEncoder(batch_size=BATCH) if tokens else GivenEncoder(batch_size=BATCH)
    encoder.encode_images(pixels_of(np.arange(BATCH)))
    encoder.seconds = 0.0
    result: dict[str, Any] = {"items": count, "start_mb": peak_mb()}
    store = Store.create(folder)
    with store.writing():
        with store.catalog.batch() as batch:
            row = Encoders(batch).add(encoder.identity)
            Encoders(batch).activate(row)
        started, own = time.perf_counter(), time.process_time()
        candidates = (
            Candidate(f"/photos/{number // 500:05}/IMG_{number:08}.jpg", 3_000_000 + number, 10**18 + number)
            for number in range(count)
        )
        images = given_images(candidates)
        with Ingest(store.catalog, encoder, row, Report(), tokens=tokens) as ingest:
            while some := list(islice(images, BATCH)):
                ingest.add(some)
        result["ingest_s"] = time.perf_counter() - started - encoder.seconds
        result["ingest_cpu_s"] = time.process_time() - own - encoder.seconds
        result["ingest_mb"] = peak_mb()
        log = folder / "catalog.sqlite-wal"
        result["log_mb"] = round(log.stat().st_size / 1e6) if log.exists() else 0
        started = time.perf_counter()
        if build:
            build_indexes(store.catalog, store.vectors, None, Silent())
        result["build_s"] = time.perf_counter() - started
        result["build_mb"] = peak_mb()
    store.close()
    result["catalog_mb"] = round((folder / "catalog.sqlite").stat().st_size / 1e6)
    result["reads_ms"] = reads(folder, row, encoder.identity.dimension)
    return result


def reads(folder: Path, row: int, dimension: int) -> dict[str, list[float]]:
    """Milliseconds of what opening a store and a query's start read: the first time on a new connection, and again."""
    calls: dict[str, Callable[[Transaction], object]] = {
        "total": lambda snapshot: Items(snapshot).total("image"),
        "sample": lambda snapshot: Vectors(snapshot).sample("image", row, dimension, 1_000),
        "changes": lambda snapshot: Vectors(snapshot).changes_since("image", snapshot.generation - 1, row, dimension),
        "count": lambda snapshot: Vectors(snapshot).count("image", row),
        "counts": lambda snapshot: (
            Items(snapshot).count("image"),
            Items(snapshot).count("text"),
            Files(snapshot).counts(),
        ),
        "vectors, one page": lambda snapshot: next(Vectors(snapshot).pages("image", row, dimension)),
    }
    times: dict[str, list[float]] = {}
    for name, call in calls.items():
        store = Store.open(folder)
        times[name] = []
        for _ in range(2):
            with store.catalog.snapshot() as snapshot:
                started = time.perf_counter()
                call(snapshot)
                times[name].append(round((time.perf_counter() - started) * 1e3, 2))
        store.close()
    return times


def exponents(sizes: list[int], seconds: list[float]) -> dict[str, float]:
    """Of seconds = c n^e: over everything, and between neighbouring sizes."""
    x, y = np.log(sizes), np.log(seconds)
    found = {"all": float(np.polyfit(x, y, 1)[0])} if len(sizes) > 1 else {}
    pairs = zip(zip(sizes, x, y, strict=True), list(zip(sizes, x, y, strict=True))[1:], strict=False)
    return found | {f"{a[0]:,} to {b[0]:,}": float((b[2] - a[2]) / (b[1] - a[1])) for a, b in pairs}


def in_a_process(count: int, given: argparse.Namespace) -> dict[str, Any]:
    """`measure` in a process of its own, so that its peak memory is its own."""
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        options = [f"--one={count}", f"--folder={name}"] + ["--tokens"] * given.tokens + ["--no-build"] * given.no_build
        done = subprocess.run([sys.executable, __file__, *options], check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def runs(given: argparse.Namespace) -> Iterator[list[dict[str, Any]]]:
    """The runs of each size; large ones once, they take minutes."""
    for size in map(int, given.sizes.split(",")):
        yield [in_a_process(size, given) for _ in range(given.runs if size < 1_000_000 else 1)]


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,10000,100000,1000000")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--tokens", action="store_true", help="with 3 kB of tokens a photograph")
    parser.add_argument("--no-build", action="store_true", help="leave the vector index out")
    parser.add_argument("--folder", type=Path, help="where to make the stores; default: the system's temporary folder")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one, given.folder / "s", tokens=given.tokens, build=not given.no_build)))
        return
    found = about(dimension=512, tokens=given.tokens)
    medians: list[dict[str, Any]] = []
    every: list[list[dict[str, Any]]] = []
    for results in runs(given):
        every.append(results)
        numbers = [key for key, value in results[0].items() if isinstance(value, int | float)]
        median = {key: statistics.median(result[key] for result in results) for key in numbers}
        medians.append(median)
        low, high = (bound(result["ingest_s"] for result in results) for bound in (min, max))
        each, own = (median[key] / median["items"] * 1e6 for key in ("ingest_s", "ingest_cpu_s"))
        print(f"{median['items']:>9,} items: ingest {median['ingest_s']:.2f} s ({low:.2f} to {high:.2f}), ", end="")
        print(f"{each:.0f} us each, {own:.0f} of the processor; build {median['build_s']:.2f} s")
        print(f"          peak {median['start_mb']:.0f} MB before, {median['ingest_mb']:.0f} after ingest,", end=" ")
        print(f"{median['build_mb']:.0f} after build; catalog {median['catalog_mb']:,.0f} MB, log", median["log_mb"])
        print("          ms, first and again:", results[0]["reads_ms"], flush=True)
    sizes = [int(median["items"]) for median in medians]
    fitted = {
        "ingest": exponents(sizes, [median["ingest_s"] for median in medians]),
        "ingest, processor": exponents(sizes, [median["ingest_cpu_s"] for median in medians]),
        "ingest and build": exponents(sizes, [median["ingest_s"] + median["build_s"] for median in medians]),
    }
    for name, values in fitted.items():
        print(f"exponent, {name}: " + ", ".join(f"{where} {value:.3f}" for where, value in values.items()))
    save(given.json, found, runs=every, exponents=fitted)


if __name__ == "__main__":
    main()
