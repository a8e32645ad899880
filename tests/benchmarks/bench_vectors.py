"""How long the kinds of vector index take, how much they find and how much memory they hold, by size.

    python tests/benchmarks/bench_vectors.py [--sizes 20000,100000] [--kinds flat,ivf-sq8] [--json results.json]

On clustered vectors of 384 dimensions whose spectrum falls off as that of image embeddings does. A query is one
call of one vector, k = 40 (what the engine scores again); recall@10 is the share of the true first ten in it.
Nothing here asserts.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import faiss
import numpy as np

from indexer.types import Float32, Int64
from indexer.vectors import files
from indexer.vectors.base import INDEX_TYPES, IndexType, SearchParameters
from indexer.vectors.exact import ExactIndex
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.tuning import choose_type

QUERIES = 200
FETCHED = 40


def clustered(count: int, dimension: int, seed: int = 0) -> Float32:
    """(count, d) float32, unit norm: clusters of very different sizes, variance falling off as 1/rank."""
    rng = np.random.default_rng(seed)
    scale = (np.arange(1, dimension + 1) ** -0.5).astype(np.float32)
    rotation = np.linalg.qr(rng.standard_normal((dimension, dimension)))[0].astype(np.float32)
    share = np.arange(1, 2_001) ** -0.7
    centres = (rng.standard_normal((2_000, dimension)) * scale).astype(np.float32)
    out = np.empty((count, dimension), dtype=np.float32)  # (n, d)
    for start in range(0, count, 50_000):
        rows = min(50_000, count - start)
        own = rng.standard_normal((rows, dimension), dtype=np.float32) * scale
        vectors = (centres[rng.choice(2_000, rows, p=share / share.sum())] + 0.6 * own) @ rotation
        out[start : start + rows] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return out


def milliseconds(call: Callable[[int], object], repeats: int) -> dict[str, float]:
    times = []
    for turn in range(repeats):
        start = time.perf_counter()
        call(turn)
        times.append((time.perf_counter() - start) * 1e3)
    return {"p50": round(float(np.median(times)), 3), "p90": round(float(np.quantile(times, 0.9)), 3)}


def resident() -> dict[str, int]:
    """Resident megabytes of this process: its own, and those of mapped files (which the system may take back)."""
    with open("/proc/self/status", encoding="ascii") as status:
        lines = dict(line.split(":", 1) for line in status)
    return {name: int(lines[name].split()[0]) // 1024 for name in ("RssAnon", "RssFile")}


def opened(folder: Path) -> dict[str, object]:
    """In a process of its own: what opening the index and the first query cost."""
    dimension = files.read_stamp(folder, "image")
    assert dimension is not None
    query = clustered(1, dimension.dimension, seed=1)
    before = resident() if sys.platform == "linux" else {}
    start = time.perf_counter()
    loaded = files.load(folder, "image", encoder="bench")
    assert loaded is not None
    load = time.perf_counter() - start
    after = resident() if before else {}
    start = time.perf_counter()
    loaded[0].search(query, FETCHED)
    first = time.perf_counter() - start
    searched = resident() if before else {}
    return {
        "load_ms": round(load * 1e3, 2),
        "first_query_ms": round(first * 1e3, 2),
        "loaded_mb": {name: after[name] - before[name] for name in before},
        "after_one_query_mb": {name: searched[name] - before[name] for name in before},
    }


def recall(found: Int64, right: Int64) -> float:
    return round(float(np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, right, strict=True)])), 4)


def measure(kind: IndexType, ids: Int64, vectors: Float32, queries: Float32) -> dict[str, object]:
    dimension = vectors.shape[1]
    exact = ExactIndex(dimension)
    exact.add(ids, vectors)

    def batches() -> Iterator[tuple[Int64, Float32]]:
        for start in range(0, len(ids), 20_000):
            yield ids[start : start + 20_000], vectors[start : start + 20_000]

    start = time.perf_counter()
    index = FaissIndex.build(kind, dimension, batches, len(ids))
    result: dict[str, object] = {"kind": kind, "count": len(ids), "build_s": round(time.perf_counter() - start, 2)}
    chance = np.random.default_rng(3)
    cases = {
        "all": SearchParameters(),
        "effort 4": SearchParameters(effort=4.0),
        "50 %": SearchParameters(only=ids[chance.random(len(ids)) < 0.5]),
        "1 %": SearchParameters(only=ids[chance.random(len(ids)) < 0.01]),
        "but 500": SearchParameters(exclude=chance.choice(ids, 500, replace=False)),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stamp = files.save(folder, "image", index, generation=1, encoder="bench")
        result["file_mb"] = stamp.size // 2**20
        out = subprocess.run(
            [sys.executable, __file__, "--opened", name], check=True, capture_output=True, text=True
        ).stdout
        result["opened"] = json.loads(out)
        loaded = files.load(folder, "image", encoder="bench")
        assert loaded is not None
        for case, parameters in cases.items():
            right = exact.search(queries, 10, parameters)[1]
            found = loaded[0].search(queries, FETCHED, parameters)[1]
            times = milliseconds(lambda i, p=parameters: loaded[0].search(queries[i : i + 1], FETCHED, p), 60)
            result[case] = {**times, "recall@10": recall(found, right)}
        if kind == "flat":
            result["numpy"] = milliseconds(lambda i: exact.search(queries[i : i + 1], FETCHED), 20)
    return result


def machine() -> dict[str, object]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "machine": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version(),
        "faiss": faiss.__version__, "numpy": np.__version__, "commit": commit.stdout.strip(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", default="2000,20000,100000")
    parser.add_argument("--kinds", default=",".join(INDEX_TYPES))
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--opened", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.opened:
        print(json.dumps(opened(arguments.opened)))
        return
    report = {**machine(), "dimension": arguments.dimension, "results": []}
    print(json.dumps(report), flush=True)
    for size in map(int, arguments.sizes.split(",")):
        vectors = clustered(size + QUERIES, arguments.dimension)
        print(f"{size:,} vectors; chosen by size: {choose_type(size, arguments.dimension)}", flush=True)
        for kind in INDEX_TYPES:
            if kind in arguments.kinds.split(","):
                result = measure(kind, np.arange(size, dtype=np.int64) * 2, vectors[:size], vectors[size:])
                report["results"].append(result)
                print(json.dumps(result), flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
