"""Processor seconds a photograph of each stage of indexing that looks at its bytes: read and hash, decode, encode.

    python tests/benchmarks/bench_stages.py FOLDER [FOLDER ...] [--count 200] [--json results.json]

FOLDERs hold JPEG files, of one size each. The bundled encoder, tokens included, in batches as the indexer gives them.
Writing is `bench_catalog_growth.py`, the scan `bench_scan.py`, another encoder `bench_rivals.py --rows limit`. Also the
bytes of a thumbnail. Nothing here asserts.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from pathlib import Path
from typing import Any

import numpy as np

from indexer.encoders.graph_encoder import GraphEncoder
from indexer.pipeline.decode import Decoder
from indexer.pipeline.values import ImageBytes, NewImage
from indexer.settings import DecodeLimits
from indexer.types import Candidate
from tests.benchmarks.machine import about, save


def measure(folder: Path, count: int, encoder: GraphEncoder) -> dict[str, Any]:
    """Milliseconds of the processor a photograph, means."""
    paths = sorted(folder.glob("*.jpg"))[:count]
    decoder = Decoder(encoder.identity.preprocessing, DecodeLimits())
    spent = dict.fromkeys(("read and hash", "decode", "encode"), 0.0)
    pixels, size = [], 0
    for number, path in enumerate(paths):
        started = time.process_time()
        data = path.read_bytes()
        digest = hashlib.sha256(data).digest()
        read = time.process_time()
        decoded = decoder(ImageBytes(Candidate(str(path), len(data), 0), digest, data))
        spent["read and hash"] += read - started
        spent["decode"] += time.process_time() - read
        size += len(data)
        assert isinstance(decoded, NewImage), (number, decoded)
        pixels.append(decoded.pixels)
    whole = len(pixels) // encoder.batch_size * encoder.batch_size
    encoder.encode_images(np.stack(pixels[: encoder.batch_size]), tokens=True)
    started = time.process_time()
    for start in range(0, whole, encoder.batch_size):
        encoder.encode_images(np.stack(pixels[start : start + encoder.batch_size]), tokens=True)
    spent["encode"] = (time.process_time() - started) * len(paths) / whole
    row: dict[str, Any] = {"folder": folder.name, "photographs": len(paths), "file_bytes": size // len(paths)}
    return row | {"cpu_ms": {name: round(1e3 * seconds / len(paths), 3) for name, seconds in spent.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    machine, encoder = about(), GraphEncoder()
    rows = []
    for folder in given.folders:
        rows.append(measure(folder, given.count, encoder))
        print(rows[-1], flush=True)
    save(given.json, machine, rows=rows)


if __name__ == "__main__":
    main()
