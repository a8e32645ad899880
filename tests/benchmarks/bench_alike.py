"""The answers of one collection from three kinds of store: files, PostgreSQL with pgvector, PostgreSQL with Milvus.

    python tests/benchmarks/bench_alike.py STORE CAPTIONS.jsonl [--queries 1000] [--only postgresql] [--json out.json]

STORE is copied into PostgreSQL (`merge`), and its vector index built as an approximate graph. Then each query, a
caption of the table, is asked of both by turns, without the second stage: how many of the first ten are the same,
whether their scores are, how long an answer takes. The servers are those of the tests (extras `test` and
`test-scale`). Nothing here asserts.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import search
from indexer.store_address import store_folder
from tests.benchmarks.machine import about, save
from tests.fixtures.milvus_server import running_milvus
from tests.fixtures.postgres_server import PASSWORD, running


@contextmanager
def copied(store: Path, vectors: str) -> Iterator[search.Library]:
    """The store in PostgreSQL, its image index a graph on the server that `vectors` names."""
    os.environ["PGPASSWORD"] = PASSWORD
    with (
        tempfile.TemporaryDirectory() as home,
        running() as server,
        running_milvus() if vectors == "milvus" else nullcontext("") as milvus,
    ):
        os.environ["XDG_DATA_HOME"] = home
        address = str(server.new_database())
        url = milvus or server.new_database().render_as_string()
        (store_folder(address) / "store.toml").write_text(f'[vectors]\nurl = "{url}"\nname = "alike"\n')
        with search.open(address) as library:
            library.merge(store)
            library.index(index_type="hnsw")
            yield library


def asked(library: search.Library, line: str) -> tuple[float, dict[str, float]]:
    """Seconds, and the scores of the first ten by their paths."""
    began = time.perf_counter()
    hits = library.query(line, k=10, rerank=0).hits
    return time.perf_counter() - began, {hit.path: round(hit.score or 0.0, 6) for hit in hits}


def compared(one: search.Library, other: search.Library, lines: list[str]) -> dict[str, Any]:
    same, scores, seconds = [], 0, ([], [])  # type: ignore[var-annotated]
    for library in (one, other):
        asked(library, lines[0])
    for line in lines:
        found = []
        for library, taken in zip((one, other), seconds, strict=True):
            took, hits = asked(library, line)
            taken.append(took)
            found.append(hits)
        both = found[0].keys() & found[1].keys()
        same.append(len(both) / max(1, len(found[0])))
        scores += all(found[0][path] == found[1][path] for path in both)
    return {
        "queries": len(lines),
        "same of the first ten": round(statistics.mean(same), 4),
        "lists that are the same": sum(each == 1 for each in same),
        "queries whose scores are the same": scores,
        "ms, files": round(1000 * statistics.median(seconds[0]), 1),
        "ms, server": round(1000 * statistics.median(seconds[1]), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("captions", type=Path)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--only", choices=("postgresql", "milvus"))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    machine, results = about(), {}
    rows = [json.loads(line) for line in given.captions.read_text().splitlines()]
    lines = [(row.get("captions") or [row.get("caption")])[0] for row in rows][: given.queries]
    for vectors in (given.only,) if given.only else ("postgresql", "milvus"):
        with search.open(given.store) as files, copied(given.store, vectors) as server:
            results[vectors] = compared(files, server, lines)
        print(vectors, json.dumps(results[vectors]), flush=True)
    save(given.json, machine, results=results)


if __name__ == "__main__":
    main()
