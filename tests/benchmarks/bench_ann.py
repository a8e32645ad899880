"""A vector index alone: how long it takes to build, how much it finds, how fast, and in how much memory.

    python tests/benchmarks/bench_ann.py [--sizes 100000] [--dimension 512] [--kinds chosen] [--json results.json]
    python tests/benchmarks/bench_ann.py --sizes 1000000 --dimension 512

Building and querying run in processes of their own, whose memory is what is reported. A query is one call of one
vector, held out from the collection, on one thread; recall@10 is the share of the true first ten among what the index
proposes. The engine then scores the proposals from the catalog: 0.35 ms for 16 rows. Nothing here asserts.

The vectors: one cluster centre for every 23 rows, clusters of very different sizes, variance falling off as 1/rank.
Checked against 16,528 photographs (Flickr8k, Caltech-101) under the bundled encoder, equally many of both, recall@10
with 1, 4, 8, 16, 32 of 510 lists probed; "moved" queries lie where captions do (`recall.STEP`):

                      items themselves                  moved                             intrinsic dimension   rank
    photographs       0.57  0.87  0.94  0.98  0.99      0.45  0.79  0.89  0.95  0.99      13.8, moved 31.9      44
    these vectors     0.67  0.86  0.91  0.93  0.96      0.43  0.77  0.87  0.93  0.97      13.1, moved 29.2      33

(Levina and Bickel 2004, 20 neighbours; rank: participation ratio of the covariance's eigenvalues.) From four lists on
they are harder than the photographs. With a fixed number of centres they would get easier as the collection grows.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from indexer.types import Float32, Int64
from indexer.vectors.backend import BuildPlan, OpenIndex
from indexer.vectors.backends.faiss_files.file_backend import FaissFiles
from indexer.vectors.base import SearchParameters, VectorIndex
from indexer.vectors.recall import RecallQueries, TrueNeighbours
from indexer.vectors.refresh import choose_type
from tests.benchmarks.machine import about, save

QUERIES = 400
BATCH = 8_192
MEMBERS = 23
SPREAD = 0.8
SHARES = {"all": 1.0, "90 %": 0.9, "50 %": 0.5, "20 %": 0.2, "5 %": 0.05, "1 %": 0.01, "0.1 %": 0.001}


def clustered(count: int, dimension: int, seed: int = 0) -> Iterator[Float32]:
    """`count` rows in batches (b, d) float32, unit norm: see the top of this file."""
    rng = np.random.default_rng(seed)
    centres_count = max(16, count // MEMBERS)
    scale = (np.arange(1, dimension + 1) ** -0.5).astype(np.float32)
    rotation = np.linalg.qr(rng.standard_normal((dimension, dimension)))[0].astype(np.float32)
    share = np.cumsum(np.arange(1, centres_count + 1) ** -0.7)
    centres = rng.standard_normal((centres_count, dimension), dtype=np.float32) * scale  # (c, d)
    for start in range(0, count, BATCH):
        rows = min(BATCH, count - start)
        own = rng.standard_normal((rows, dimension), dtype=np.float32) * scale
        of = np.searchsorted(share / share[-1], rng.random(rows))  # (b,)
        vectors = (centres[of] + SPREAD * own) @ rotation
        yield vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Collection:
    """Vectors in a file, read a batch at a time, as a catalog gives them; the last `QUERIES` rows are held out."""

    def __init__(self, path: Path, dimension: int) -> None:
        self.path, self.dimension = path, dimension
        self.count = path.stat().st_size // (4 * dimension) - QUERIES
        self.ids: Int64 = np.arange(self.count, dtype=np.int64) * 2

    def _rows(self, start: int, count: int) -> Float32:
        read = np.fromfile(self.path, np.float32, count * self.dimension, offset=4 * self.dimension * start)
        return read.reshape(count, self.dimension)

    @property
    def queries(self) -> Float32:
        return self._rows(self.count, QUERIES)

    def batches(self) -> Iterator[tuple[Int64, Float32]]:
        for start in range(0, self.count, BATCH):
            ids = self.ids[start : start + BATCH]
            yield ids, self._rows(start, len(ids))

    def kept(self, share: float) -> Int64 | None:
        """The ids of a filter that keeps a share by chance; None for all."""
        return None if share >= 1 else self.ids[np.random.default_rng(3).random(self.count) < share]


def resident() -> dict[str, float]:
    """Resident megabytes of this process: its own, and those of mapped files (which the system may take back)."""
    if sys.platform != "linux":
        return {}
    with open("/proc/self/status", encoding="ascii") as status:
        lines = dict(line.split(":", 1) for line in status)
    return {name: int(lines[name].split()[0]) / 1024 for name in ("RssAnon", "RssFile")}


class Peak:
    """The most private memory (RssAnon, MB) that a process had meanwhile, looked at every 20 ms."""

    def __init__(self) -> None:
        self.most = 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            self.most = max(self.most, resident().get("RssAnon", 0.0))
            time.sleep(0.02)


def build(collection: Collection, kind: Any, target: float, folder: Path) -> dict[str, object]:
    """In a process of its own."""
    before, peak = resident(), Peak()
    start = time.perf_counter()
    plan = BuildPlan(kind, collection.count, collection.dimension, target, 1, "bench")
    state = FaissFiles(folder).build("image", plan, collection.batches)
    return {
        "built_s": round(time.perf_counter() - start, 1),
        "cpu_s": round(time.process_time(), 1),
        "before_mb": round(before.get("RssAnon", 0)),
        "peak_private_mb": round(peak.most),
        "peak_with_mapped_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "file_mb": round(state.bytes / 2**20, 1),
        "index_type": state.index_type,
        "tuned": {name: getattr(state.tuned, name) for name in ("target", "recall", "width", "proposals")},
    }


def timed(index: VectorIndex, queries: Float32, count: int, parameters: SearchParameters) -> dict[str, float]:
    """Milliseconds of single calls: by the clock, and of this thread (other work on the machine does not count)."""
    wall, own = [], []
    for query in queries:
        start, start_own = time.perf_counter(), time.thread_time()
        index.search(query[None], count, parameters)
        own.append((time.thread_time() - start_own) * 1e3)
        wall.append((time.perf_counter() - start) * 1e3)
    p50, p90 = np.quantile(wall, [0.5, 0.9])
    return {"p50_ms": round(p50, 2), "p90_ms": round(p90, 2), "cpu_p50_ms": round(float(np.median(own)), 2)}


def query(collection: Collection, folder: Path) -> dict[str, object]:
    """In a process of its own: what opening costs, every filter's latency, and the memory after all that."""
    queries, before = collection.queries, resident()
    start = time.perf_counter()
    found = opened(folder)
    loaded = time.perf_counter() - start
    index, proposals = found.index, found.state.candidates(10)
    start = time.perf_counter()
    index.search(queries[:1], proposals)
    first = time.perf_counter() - start
    result: dict[str, object] = {"opened_ms": round(loaded * 1e3, 1), "first_query_ms": round(first * 1e3, 1)}
    result["all"] = timed(index, queries[:200], proposals, SearchParameters())
    memory = resident()
    result["resident_mb"] = {name: round(size) for name, size in memory.items()}
    result["of_index_mb"] = {name: round(size - before[name]) for name, size in memory.items()}
    for name, share in SHARES.items():
        if share < 1:
            only = collection.kept(share)
            result[name] = timed(index, queries[:60], proposals, SearchParameters(only=only))
    after = resident()
    if after:
        result["resident_after_filters_to_file"] = round(sum(after.values()) * 2**20 / found.state.bytes, 2)
    return result


def opened(folder: Path) -> OpenIndex:
    found = FaissFiles(folder).open("image", "bench")
    assert found is not None
    return found


def recalls(collection: Collection, folder: Path) -> dict[str, object]:
    """Recall@10 of every filter, and recall against speed without one."""
    found = opened(folder)
    index: Any = found.index
    proposals = found.state.candidates(10)
    queries = collection.queries
    kept = {name: collection.kept(share) for name, share in SHARES.items()}
    truths = {name: TrueNeighbours([RecallQueries(queries, np.full(len(queries), -1))]) for name in SHARES}
    for ids, vectors in collection.batches():
        for name, only in kept.items():
            own = slice(None) if only is None else np.isin(ids, only, assume_unique=True)
            truths[name].see(ids[own], vectors[own])

    def recall(name: str, tried: VectorIndex) -> float:
        right = truths[name].ids[:, :10]
        proposed = tried.search(queries, proposals, SearchParameters(only=kept[name]))[1]
        return round(float(np.mean([np.isin(a, b).mean() for a, b in zip(right, proposed, strict=True)])), 4)

    curve = []
    width = found.state.tuned.width if found.state.tuned else 0  # 0: it compares with everything
    for part in (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4) if width else ():
        wider = index.with_width(max(1, round(width * part)))
        times = timed(wider, queries[:60], proposals, SearchParameters())
        curve.append({"width": wider.width, "recall": recall("all", wider), **times})
    return {"recall@10": {name: recall(name, index) for name in SHARES}, "curve": curve}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", default="100000")
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--kinds", default="chosen", help="chosen (by size), or types of index, with commas between")
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--step", nargs=4, help=argparse.SUPPRESS)  # name, vectors, kind, folder
    arguments = parser.parse_args()
    if arguments.step:
        step, path, kind, folder = arguments.step
        collection = Collection(Path(path), arguments.dimension)
        if step == "build":
            print(json.dumps(build(collection, kind, arguments.recall, Path(folder))))
        else:
            print(json.dumps({"query": query, "recalls": recalls}[step](collection, Path(folder))))
        return
    report = about(dimension=arguments.dimension)
    results: list[dict[str, Any]] = []
    for size in map(int, arguments.sizes.split(",")):
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "vectors"
            with path.open("wb") as file:
                for vectors in clustered(size + QUERIES, arguments.dimension):
                    file.write(vectors.tobytes())
            for kind in arguments.kinds.split(","):
                chosen = choose_type(size, arguments.dimension) if kind == "chosen" else kind
                result: dict[str, Any] = {"count": size, "kind": chosen}
                for step in ("build", "query", "recalls"):
                    settings = ["--dimension", str(arguments.dimension), "--recall", str(arguments.recall)]
                    own = [sys.executable, __file__, *settings, "--step", step, str(path), chosen, f"{name}/{chosen}"]
                    result |= json.loads(subprocess.run(own, check=True, capture_output=True, text=True).stdout)
                results.append(result)
                print(json.dumps(result, indent=1), flush=True)
        save(arguments.json, report, results=results)


if __name__ == "__main__":
    main()
