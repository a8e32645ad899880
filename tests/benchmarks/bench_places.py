"""What it costs to scan photographs and to read them whole, in a folder and in a tar of it: CPU time, files in memory.

    python tests/benchmarks/bench_places.py FOLDER [--runs 5]

Nothing is decoded, and nothing here asserts.
"""

from __future__ import annotations

import argparse
import tarfile
import tempfile
import time
from pathlib import Path

from indexer.files.ignores import Ignores
from indexer.files.scan import candidate, walk
from indexer.files.scope import Scope
from indexer.images.decoder import read_file
from indexer.settings import DecodeLimits
from indexer.storage import storages
from indexer.types import Failure


def complain(failure: Failure) -> None:
    """Tell what could not be looked at."""
    print(failure)


def measured(top: str, runs: int) -> tuple[int, float, float]:
    """How many files there are, and the least seconds of a scan and of reading them."""
    scans, reads, files = [], [], []
    for _ in range(runs):
        storages._inside.cache_clear()  # as another process begins
        began = time.process_time()
        files = [candidate(each) for each in walk(Scope(top, top), Ignores(()), complain)]
        scanned = time.process_time()
        for each in files:
            read_file(each, DecodeLimits())
        scans.append(scanned - began)
        reads.append(time.process_time() - scanned)
    return len(files), min(scans), min(reads)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as base:
        tar = Path(base, "photos.tar")
        with tarfile.open(tar, "w") as written:
            written.add(given.folder, ".")
        for top in (str(given.folder.absolute()), str(tar)):
            count, scan, read = measured(top, given.runs)
            print(f"{top}: {count:,} files, scan {scan:.2f} s, read {read:.2f} s")


if __name__ == "__main__":
    main()
