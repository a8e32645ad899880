"""Photographs to pixels: how fast, by threads or processes, and how far shrinking while decoding moves the result.

    python tests/benchmarks/bench_decode.py PHOTOGRAPHS [--json PATH]

PHOTOGRAPHS is a folder of JPEG files (`photographs.py` makes one; your own are better). Prints

    one      milliseconds for each on one core: decoded in full and shrunk, both brought to the encoder's size
    moved    the distance between the pixels of both ways, in grey levels, and the cosine between their vectors
             of the bundled encoder
    many     photographs a second, by threads and by processes that hand the pixels over, on every core
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from indexer.encoders.base import Preprocessing
from indexer.encoders.graph_encoder import GraphEncoder
from indexer.images.decoder import decode
from indexer.images.preprocess import to_pixels
from indexer.settings import DecodeLimits
from indexer.types import Pixels
from tests.benchmarks.machine import about, save

RUNS = 3
COMPARED = 400
LIMITS = DecodeLimits()


class Way:
    """A photograph's path -> pixels (h, w, 3) uint8; picklable, for processes."""

    def __init__(self, wanted: Preprocessing, *, shrunk: bool) -> None:
        self.wanted = wanted
        self.target = (wanted.width, wanted.height) if shrunk else None

    def __call__(self, path: Path) -> Pixels:
        return to_pixels(decode(path.read_bytes(), LIMITS, self.target), self.wanted)


def milliseconds(way: Way, paths: Sequence[Path]) -> list[float]:
    times = []
    for path in paths:
        started = time.perf_counter()
        way(path)
        times.append(1000 * (time.perf_counter() - started))
    return times


def rate(pool: Executor, way: Way, paths: Sequence[Path]) -> float:
    list(pool.map(way, paths[:8]))  # its workers start
    started = time.perf_counter()
    for _ in pool.map(way, paths):
        pass
    return len(paths) / (time.perf_counter() - started)


def moved(paths: Sequence[Path], encoder: GraphEncoder) -> dict[str, float]:
    """What shrinking changes, over the photographs that are shrunk at all."""
    wanted = encoder.identity.preprocessing
    full, shrunk = Way(wanted, shrunk=False), Way(wanted, shrunk=True)
    distances, cosines = [], []
    for path in paths:
        plain, fast = full(path), shrunk(path)
        if np.array_equal(plain, fast):
            continue
        distances.append(np.abs(plain.astype(np.int16) - fast).mean())
        a, b = encoder.encode_images(np.stack([plain, fast])).vectors
        cosines.append(float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))
    if not cosines:
        return {"photographs": 0}
    return {
        "photographs": len(cosines),
        "grey_levels": float(np.mean(distances)),
        "grey_levels_most": float(np.max(distances)),
        "cosine": float(np.mean(cosines)),
        "cosine_least": float(np.min(cosines)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    paths = sorted(path for path in given.photographs.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg"})
    if not paths:
        parser.error(f"{given.photographs} holds no .jpg files")
    with Image.open(paths[0]) as opened:
        size = opened.size
    sizes = [path.stat().st_size for path in paths]
    found = about(photographs=len(paths), first=size, bytes=int(np.mean(sizes)))
    encoder = GraphEncoder()
    wanted = encoder.identity.preprocessing
    ways = {"in full": Way(wanted, shrunk=False), "shrunk": Way(wanted, shrunk=True)}
    rows: dict[str, Any] = {}
    for name, way in ways.items():
        times = milliseconds(way, paths[:60])
        rows[f"one {name}"] = times
        print(f"one, {name:<10} {statistics.median(times):7.1f} ms ({min(times):.1f} to {max(times):.1f})", flush=True)
    chosen = [paths[at] for at in np.linspace(0, len(paths) - 1, min(COMPARED, len(paths))).astype(int)]
    rows["moved"] = moved(chosen, encoder)
    print(f"moved: {json.dumps(rows['moved'])}", flush=True)
    cores = os.cpu_count() or 1
    pools: dict[str, Callable[[], Executor]] = {
        "threads": lambda: ThreadPoolExecutor(cores),
        "processes": lambda: ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")),
    }
    speeds: dict[str, list[float]] = {name: [] for name in pools}
    for _ in range(RUNS):
        for name, make in pools.items():
            with make() as pool:
                speeds[name].append(rate(pool, ways["shrunk"], paths))
    for name, rates in speeds.items():
        rows[name] = rates
        print(
            f"many, {name:<10} {statistics.median(rates):7.1f} photographs/s ({min(rates):.1f} to {max(rates):.1f})",
            flush=True,
        )
    save(given.json, found, rows=rows)


if __name__ == "__main__":
    main()
