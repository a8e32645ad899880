"""The vector backends beside each other, on the same vectors: FAISS files, PostgreSQL with pgvector, Milvus.

    python tests/benchmarks/bench_servers.py [--count 100000] [--dimension 512] [--json results.json]

The two servers are those of the tests (the extras `test` and `test-scale`), on this machine, and run in turn. Each
index is tuned by the product to find 0.95 of the true first ten. A query is one call of one vector that is held out;
recall@10 is the share of the true first ten among what the index proposes. A filtered query may return each tenth item.
The vectors are those of `bench_ann.py`. Nothing here asserts.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from indexer.vectors.backend import BuildPlan, VectorBackend
from indexer.vectors.backends.faiss_files.file_backend import FaissFiles
from indexer.vectors.base import IndexType, SearchParameters, VectorIndex
from indexer.vectors.recall import RecallQueries, TrueNeighbours
from tests.benchmarks.bench_ann import clustered
from tests.benchmarks.machine import about, save
from tests.fixtures.milvus_backend import milvus
from tests.fixtures.milvus_server import running_milvus
from tests.fixtures.pgvector_backend import pgvector
from tests.fixtures.postgres_server import PASSWORD, running
from tests.fixtures.vectors import batches_of

QUERIES = 200
CASES: tuple[tuple[str, tuple[IndexType, ...]], ...] = (
    ("files", ("ivf-sq8", "hnsw")),
    ("pgvector", ("hnsw", "ivf-flat")),
    ("milvus", ("hnsw",)),
)


@contextmanager
def backend_of(name: str) -> Iterator[VectorBackend]:
    if name == "files":
        with tempfile.TemporaryDirectory() as folder:
            yield FaissFiles(Path(folder))
    elif name == "pgvector":
        os.environ["PGPASSWORD"] = PASSWORD
        with running() as server:
            url = server.new_database().render_as_string()
            yield pgvector(url)
    else:
        with running_milvus() as url:
            yield milvus(url)


def timed(
    index: VectorIndex, queries: np.ndarray, count: int, parameters: SearchParameters
) -> tuple[list[float], np.ndarray]:
    """Milliseconds of each query, and what was found (q, count)."""
    times, rows = [], []
    for query in queries:
        start = time.perf_counter()
        _, ids = index.search(query[None], count, parameters)
        times.append(1e3 * (time.perf_counter() - start))
        rows.append(ids[0])
    return times, np.stack(rows)


def measured(name: str, kinds: tuple[IndexType, ...], ids: np.ndarray, vectors: np.ndarray, queries: np.ndarray) -> Any:
    dimension = vectors.shape[1]
    truth = {}
    for share in ("all", "a tenth"):
        kept = slice(None) if share == "all" else slice(None, None, 10)
        truth[share] = TrueNeighbours([RecallQueries(queries, np.full(len(queries), -1, np.int64))])
        for some_ids, some in batches_of(ids[kept], vectors[kept], 8_192)():
            truth[share].see(some_ids, some)
    results = []
    with backend_of(name) as backend:
        for kind in kinds:
            start = time.perf_counter()
            plan = BuildPlan(kind, len(ids), dimension, 0.95, 1, "bench")
            state = backend.build("image", plan, batches_of(ids, vectors, 8_192))
            built = time.perf_counter() - start
            opened = backend.open("image", "bench")
            assert opened is not None
            assert state.tuned is not None
            row: dict[str, Any] = {
                "backend": name,
                "asked": kind,
                "index": state.index_type,
                "build_s": round(built, 1),
            }
            row |= {"mb": round(state.bytes / 1e6), "width": state.tuned.width, "tuned_recall": state.tuned.recall}
            for share, parameters in (("all", SearchParameters()), ("a tenth", SearchParameters(only=ids[::10]))):
                timed(opened.index, queries[:20], state.candidates(10), parameters)
                times, found = timed(opened.index, queries, state.candidates(10), parameters)
                right = truth[share].ids[:, :10]
                hits = [len(set(a) & set(b)) / 10 for a, b in zip(right.tolist(), found.tolist(), strict=True)]
                p50, p90 = np.percentile(times, [50, 90]).tolist()
                row[share] = {
                    "p50_ms": round(p50, 2),
                    "p90_ms": round(p90, 2),
                    "recall": round(float(np.mean(hits)), 3),
                }
            print(row, flush=True)
            results.append(row)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--only", choices=[name for name, _ in CASES])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = np.concatenate(list(clustered(given.count + QUERIES, given.dimension)))
    rows = rows[np.random.default_rng(1).permutation(len(rows))]
    queries, vectors = rows[:QUERIES], rows[QUERIES : QUERIES + given.count]
    ids = np.arange(len(vectors), dtype=np.int64)
    machine = about(count=given.count, dimension=given.dimension)
    results = []
    for name, kinds in CASES:
        if given.only in (None, name):
            results += measured(name, kinds, ids, vectors, queries)
    save(given.json, machine, rows=results)


if __name__ == "__main__":
    main()
