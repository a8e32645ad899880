"""How a vector index grows: bytes, processor seconds to build it, what a query costs by part, recall by lists.

    python tests/benchmarks/bench_index_growth.py STORE CAPTIONS.jsonl [--sizes 1000,10000,100000,1000000]
        [--kinds ivf-sq8] [--backend files] [--base 0] [--folder FOLDER] [--json results.json]

Vectors are given, as `grown_vectors.py` draws them from the photographs of STORE; nothing is kept but the index, which
the product's own backend builds and tunes to 0.95. Queries are captions under the bundled encoder, which STORE has to
have, and as many photographs that no index holds. Seconds are of the processor, a server's included, so that other work
on the machine counts little; the drawing of the vectors and the true neighbours of these queries are taken off. Each
size is a process of its own, and is written to the JSON as soon as it is measured. Nothing here asserts.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from indexer.types import Float32, Int64
from indexer.vectors.backend import BuildPlan, VectorBackend
from indexer.vectors.backends.faiss_files.file_backend import FaissFiles
from indexer.vectors.base import SearchParameters
from indexer.vectors.recall import RecallQueries, TrueNeighbours
from indexer.vectors.refresh import choose_type
from tests.benchmarks.bench_catalog_growth import Processor, place
from tests.benchmarks.grown_vectors import Grown, captions_of, vectors_of
from tests.benchmarks.machine import about, add_row
from tests.fixtures.pgvector_backend import pgvector

#: Of each kind: photographs and texts.
QUERIES = 300
TIMED = 60
#: A block of rows that no collection reaches.
HELD_OUT = 1 << 40
TARGET = 0.95


class Phases:
    """Processor seconds since the last phase, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._name, self._since = "Filling the index", time.process_time()

    def phase(self, name: str) -> None:
        now = time.process_time()
        self.seconds[self._name] = round(self.seconds.get(self._name, 0) + now - self._since, 2)
        self._name, self._since = name, now
        print(time.strftime("%H:%M:%S"), name, self.seconds, file=sys.stderr, flush=True)

    def total(self, files: int) -> None: ...

    def advance(self, files: int) -> None: ...


class Given:
    """The rows of a collection, and the time that drawing them and looking for true neighbours took."""

    def __init__(self, grown: Grown, count: int, truth: TrueNeighbours) -> None:
        self.grown, self.count, self.truth = grown, count, truth
        self.seconds = 0.0

    def batches(self) -> Iterator[tuple[Int64, Float32]]:
        """The last time that all of them pass, the truth sees them."""
        rows = self.grown.batches(self.count)
        while True:
            started = time.process_time()
            some = next(rows, None)
            if some is not None and not self.truth.complete and self.pass_two:
                self.truth.see(*some)
            self.seconds += time.process_time() - started
            if some is None:
                self.truth.complete |= self.pass_two
                return
            yield some

    pass_two = False

    def __call__(self) -> Iterator[tuple[Int64, Float32]]:
        """As `Batches`: the first pass is the sample's."""
        try:
            yield from self.batches()
        finally:  # a sample may be complete before the end
            self.pass_two = True


def built(given: Given, kind: Any, backend: VectorBackend, processor: Processor) -> dict[str, Any]:
    """The index, and what it cost."""
    phases, started = Phases(), processor.seconds()
    plan = BuildPlan(kind, given.count, given.grown.dimension, TARGET, 1, "bench")
    given.pass_two = kind == "flat"
    sample = given.batches if kind == "flat" else given
    state = backend.build("image", plan, sample, progress=phases)
    phases.phase("")
    return {
        "build_cpu_s": round(processor.seconds() - started - given.seconds, 2),
        "given_cpu_s": round(given.seconds, 2),
        "phases_cpu_s": phases.seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "bytes": state.bytes,
        "index": state.index_type,
        "tuned": {name: getattr(state.tuned, name) for name in ("recall", "width", "proposals")},
    }


def queried(
    backend: VectorBackend, queries: dict[str, Float32], truth: TrueNeighbours, processor: Processor
) -> dict[str, Any]:
    """What a query costs, one at a time, and what is found of the true first ten by lists."""
    found = backend.open("image", "bench")
    assert found is not None
    index: Any = found.index
    proposals = found.state.candidates(10)
    width = found.state.tuned.width if found.state.tuned else 0
    lists = index.width_most if width else 0
    result: dict[str, Any] = {"lists": lists, "width": width, "proposals": proposals}
    every = np.concatenate(list(queries.values()))

    def recall(tried: Any) -> dict[str, float]:
        proposed = tried.search(every, proposals, SearchParameters())[1]
        hits = np.array([np.isin(a, b).mean() for a, b in zip(truth.ids[:, :10], proposed, strict=True)])
        ends = np.cumsum([len(some) for some in queries.values()])
        return {name: round(float(own.mean()), 4) for name, own in zip(queries, np.split(hits, ends[:-1]), strict=True)}

    def cpu_ms(call: Any) -> float:
        times, before = [], processor.seconds()
        asked = every[:: len(every) // TIMED]
        for query in asked:
            started = time.process_time()
            call(query[None])
            times.append(1e3 * (time.process_time() - started))
        if processor.postmaster is not None:  # a server's time is counted in hundredths of a second
            return round(1e3 * (processor.seconds() - before) / len(asked), 3)
        return round(float(np.median(times)), 3)

    curve = []
    for part in (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2) if width else (1,):
        wide = min(lists, max(1, round(width * part)))
        tried = index.with_width(wide) if width else index
        recall_of = recall(tried)
        at = {"width": wide, "recall": recall_of, "cpu_ms": cpu_ms(lambda q, at=tried: at.search(q, proposals))}
        if width and isinstance(backend, FaissFiles):
            at["cells_cpu_ms"] = cpu_ms(lambda q, wide=wide: index._core.quantizer.search(q, wide))
        curve.append(at)
        print(time.strftime("%H:%M:%S"), at, file=sys.stderr, flush=True)
    return result | {"curve": curve}


def measure(given: argparse.Namespace, count: int, kind: str) -> dict[str, Any]:
    """In a process of its own."""
    grown = Grown(vectors_of(given.store))
    if given.base:
        grown = Grown(np.concatenate([rows for _, rows in grown.batches(given.base)]))
    photographs = grown.block(HELD_OUT)[:QUERIES]
    texts = captions_of(given.captions, QUERIES)
    queries = {"photographs": photographs, "captions": texts}
    groups = [RecallQueries(some, np.full(len(some), -1, np.int64)) for some in queries.values()]
    truth = TrueNeighbours(groups)
    chosen = choose_type(count, grown.dimension) if kind == "chosen" else kind
    folder = Path(given.folder) / f"{count}-{chosen}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    result: dict[str, Any] = {"count": count, "dimension": grown.dimension, "asked": chosen, "backend": given.backend}
    result["base"] = len(grown.real)
    with place("postgresql" if given.backend == "pgvector" else "sqlite", folder) as (url, server):
        backend: VectorBackend = FaissFiles(folder) if server is None else pgvector(url)
        processor = Processor(server)
        result |= built(Given(grown, count, truth), chosen, backend, processor)
        print(time.strftime("%H:%M:%S"), result, file=sys.stderr, flush=True)
        result |= queried(backend, queries, truth, processor)
    shutil.rmtree(folder)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("captions", type=Path)
    parser.add_argument("--sizes", default="1000,10000,100000,1000000")
    parser.add_argument("--kinds", default="ivf-sq8")
    parser.add_argument("--base", type=int, default=0, help="grow to so many first, and from these to the sizes")
    parser.add_argument("--backend", choices=("files", "pgvector"), default="files")
    parser.add_argument("--folder", type=Path, help="where the indexes go; default: the system's temporary folder")
    parser.add_argument("--json", type=Path, help="results are added to those that are there")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given, int(given.one[0]), given.one[1])))
        return
    machine = about()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        for count in map(int, given.sizes.split(",")):
            for kind in given.kinds.split(","):
                own = [sys.executable, __file__, str(given.store), str(given.captions), "--folder", name]
                own += ["--backend", given.backend, "--base", str(given.base)]
                add_row(given.json, machine, [*own, "--one", str(count), kind])


if __name__ == "__main__":
    main()
