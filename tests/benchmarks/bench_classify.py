"""A store of many photographs classified from its vectors: seconds of the clock and of the processor, and memory of its
own (without what is mapped of the catalog), of the whole command; medians of three.

    python -m tests.benchmarks.bench_classify [--photographs 200000] [--classes 101]

The vectors are drawn by chance, under the identity of the bundled encoder; the probe, too. Each command is a process of
its own, whose output goes to a file.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from indexer.catalog.contents import Contents
from indexer.catalog.encoders import Encoders
from indexer.catalog.photographs import Photographs
from indexer.catalog.vectors import Vectors
from indexer.encoders.base import EncoderId
from indexer.encoders.registry import load_encoder
from indexer.store import Store
from indexer.types import Kind, Metadata
from search.classification.linear_probe import LinearClassifier
from search.classification.probe_file import Probe, place_of, save
from tests.fixtures.catalog_rows import add_files

AT_ONCE = 5_000


def make_store(folder: Path, identity: EncoderId, count: int) -> None:
    """`count` photographs with vectors of unit norm."""
    generator = np.random.default_rng(0)
    store = Store.create(folder)
    with store.catalog.batch() as batch:
        row = Encoders(batch).add(identity)
        Encoders(batch).activate(row)
    for start in range(0, count, AT_ONCE):
        numbers = range(start, min(count, start + AT_ONCE))
        vectors = generator.normal(size=(len(numbers), identity.dimension)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        with store.catalog.batch() as batch:
            digests: dict[bytes, Kind] = {number.to_bytes(32, "big"): "image" for number in numbers}
            rows = list(Contents(batch).add(digests).values())
            Photographs(batch).save({content: Metadata(4_000, 3_000, "JPEG") for content in rows})
            Vectors(batch).add(row, dict(zip(rows, vectors, strict=True)))
            paths = (f"/photos/{number // 1_000:03}/IMG_{number:07}.jpg" for number in numbers)
            add_files(batch, dict(zip(paths, rows, strict=True)))
    store.close()


def measured(out: Path, *arguments: str) -> tuple[float, float, float]:
    """Seconds, those of the processor, and the most private memory in MB, of a command whose output goes to `out`."""
    started = time.perf_counter()
    with open(out, "wb") as stream:
        process = subprocess.Popen([sys.executable, "-m", "search", *arguments, "-q"], stdout=stream)
        most = 0
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            with suppress(OSError):
                said = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
                most = max([most, *(int(line.split()[1]) for line in said.splitlines() if line.startswith("RssAnon"))])
            time.sleep(0.02)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, most / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=int, default=200_000)
    parser.add_argument("--classes", type=int, default=101)
    arguments = parser.parse_args()
    identity = load_encoder("bundled").identity
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name) / "many.search", Path(name) / "out"
        make_store(folder, identity, arguments.photographs)
        classes = tuple(f"class {number}" for number in range(arguments.classes))
        weights = np.random.default_rng(1).normal(size=(len(classes), identity.dimension)).astype(np.float32)
        classifier = LinearClassifier(weights, np.zeros(len(classes), np.float32), 1.0, calibrated=True)
        save(place_of("p", folder), Probe(classes, identity, classifier, {}))
        listed = ",".join(classes)
        print(f"{arguments.photographs:,} photographs, {len(classes):,} classes")
        for what, more in {
            "probe, table": ("--probe", "p"),
            "probe, --json": ("--probe", "p", "--json"),
            "probe, --json --top 5": ("--probe", "p", "--json", "--top", "5"),
            "names, table": ("--classes", listed),
        }.items():
            runs = [measured(out, "classify", "-s", str(folder), *more) for _ in range(3)]
            seconds, computing, memory = np.median(runs, axis=0)
            written = out.stat().st_size / 1e6
            times = f"{seconds:6.1f} s  {computing:6.1f} s of the processor"
            print(f"{what:24} {times}  {memory:6,.0f} MB  {written:6.1f} MB written", flush=True)


if __name__ == "__main__":
    main()
