"""How long `search index` takes over a folder in which nothing changed, and where that time goes.

    python tests/benchmarks/bench_scan.py [--files 100000] [--folders 200] [--runs 5] [--json PATH] [--keep FOLDER]

The files are a few bytes each and stand in the catalog as photographs with vectors and tokens, written there as the
indexer writes them. `start`: the same command over a folder of one such file; `scan`: the difference. Nothing here
asserts. `--keep`: make the folder and the store there, and use them again.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from indexer.catalog.encoders import Encoders
from indexer.catalog.roots import Roots
from indexer.catalog.tokens import Tokens
from indexer.encoders.graph_encoder import GraphEncoder
from indexer.files.scan import scan
from indexer.pipeline.ingest import Ingest
from indexer.settings import DEFAULT_IGNORES
from indexer.store import Store
from indexer.types import Report
from tests.benchmarks.machine import about, save
from tests.fixtures.given_encoder import GivenTokenEncoder, given_images

SEARCH = [sys.executable, "-m", "search"]


def make(folder: Path, files: int, folders: int) -> None:
    """`files` files in `folders` folders, two levels deep."""
    for number in range(files):
        if number % -(-files // folders) == 0:
            below = folder / f"{2000 + number * 20 // files}" / f"album {number:07}"
            below.mkdir(parents=True)
        (below / f"IMG_{number:07}.jpg").write_bytes(b"photo")


def fill(store_folder: Path, folder: Path) -> None:
    """Record everything below `folder` as encoded by the bundled encoder."""
    bundled = GraphEncoder()
    assert bundled.token_shape is not None
    encoder = GivenTokenEncoder(batch_size=1, identity=bundled.identity, shape=bundled.token_shape)  # no padding
    images = given_images(scan(str(folder), (), lambda failure: sys.exit(str(failure))))
    store = Store.create(store_folder)
    with store.writing():
        with store.catalog.batch() as batch:
            row = Encoders(batch).add(encoder.identity)
            Encoders(batch).activate(row)
            Tokens(batch).set_shape(row, encoder.token_shape)
            Roots(batch).add(str(folder), DEFAULT_IGNORES)
        ingest = Ingest(store.catalog, encoder, row, Report(), tokens=True)
        while some := list(islice(images, 512)):
            ingest.commit(some)
    store.close()


def seconds(*arguments: str) -> tuple[float, float]:
    """How long one command takes from outside, and how long it keeps the processor busy."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([*SEARCH, *arguments], capture_output=True, text=True, check=False)
    taken, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)}: {done.stdout}{done.stderr}")
    return taken, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def places(base: Path, given: argparse.Namespace) -> Iterator[tuple[str, Path, Path]]:
    """(name, photographs, store) of each case, made where they are missing."""
    for name, files, folders in (("start", 1, 1), ("all", given.files, given.folders)):
        photos, store = base / f"{name}-{files}" / "photos", base / f"{name}-{files}" / "photos.search"
        if not photos.exists():
            make(photos, files, folders)
        if not store.exists():
            fill(store, photos)
            seconds("index", "-q", str(photos), "-s", str(store))  # builds the vector index
        yield name, photos, store


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--folders", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    times: dict[str, list[tuple[float, float]]] = {"start": [], "all": [], "scan": []}
    with tempfile.TemporaryDirectory() as temporary:
        base = given.keep or Path(temporary)
        cases = list(places(base, given))
        for _ in range(given.runs):
            for name, photos, store in cases:
                times[name].append(seconds("index", "-q", str(photos), "-s", str(store)))
            (start, own_start), (whole, own_whole) = times["start"][-1], times["all"][-1]
            times["scan"].append((whole - start, own_whole - own_start))
    found = about(files=given.files, folders=given.folders)
    for name, pairs in times.items():
        (values, own) = zip(*pairs, strict=True)
        print(f"{name:<6} median {statistics.median(values):6.2f} s  ({min(values):.2f} to {max(values):.2f})", end="")
        print(f", of the processor {statistics.median(own):6.2f} s  ({min(own):.2f} to {max(own):.2f})")
    save(given.json, found, seconds=times)


if __name__ == "__main__":
    main()
