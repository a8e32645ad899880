"""What a filter of a large collection costs where the vectors lie on a server: time, bytes sent, recall.

    python tests/benchmarks/bench_filtered_servers.py [--count 100000] [--only milvus] [--json out.json]

One catalog in PostgreSQL, of the photographs of `bench_filters.py`; its vectors, a graph, in the same database, then in
another one, then in Milvus. Filters by size keep 1 %, 10 %, 50 % and 90 %. Each query is asked as people ask it, and
then the index alone with the ids of all that fit, which is what would have to be sent otherwise. Bytes are those to
both servers, counted by a proxy; recall@10 is against a comparison with all that fits. The servers are those of the
tests (extras `test`, `test-scale`). Nothing here asserts.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

import search
from indexer.catalog.encoders import Encoders
from indexer.catalog.vectors import Vectors
from indexer.progress import Silent
from indexer.store import Store
from indexer.store_address import store_folder
from indexer.vectors.backend import OpenIndex
from indexer.vectors.base import SearchParameters
from indexer.vectors.refresh import build_indexes
from search.query.filter import Filter
from search.query.query import Query
from tests.benchmarks import bench_filters
from tests.benchmarks.counting_proxy import CountingProxy, counting
from tests.benchmarks.machine import about, save
from tests.fixtures.milvus_server import running_milvus
from tests.fixtures.postgres_server import PASSWORD, PostgresServer, running

#: Shares, by the size of files, which is drawn evenly from 100 kB to 9 MB.
SHARES = {"1 %": 0.01, "10 %": 0.1, "50 %": 0.5, "90 %": 0.9}
PLACES = ("same database", "another database", "milvus")


@contextmanager
def catalog_at(count: int) -> Iterator[tuple[PostgresServer, CountingProxy, str]]:
    """A catalog of `count` photographs: its server, the proxy to that, its address."""
    os.environ["PGPASSWORD"] = PASSWORD
    with tempfile.TemporaryDirectory() as home, running() as server, counting(server.port) as proxy:
        os.environ["XDG_DATA_HOME"] = home
        address = server.new_database().set(port=proxy.port).render_as_string()
        bench_filters.make(store_folder(address), count)
        yield server, proxy, address


@contextmanager
def vectors_at(
    place: str, server: PostgresServer, proxy: CountingProxy, address: str
) -> Iterator[tuple[str, list[CountingProxy]]]:
    """The URL for the vectors of that catalog, and the proxies to all servers."""
    if place == "milvus":
        with running_milvus() as url:
            port = urlsplit(url).port
            assert port is not None
            with counting(port) as own:
                yield f"milvus://127.0.0.1:{own.port}", [proxy, own]
    elif place == "same database":
        yield address, [proxy]
    else:
        yield server.new_database().set(port=proxy.port).render_as_string(), [proxy]


def asked(proxies: list[CountingProxy], ask: Any) -> tuple[float, int, list[int]]:
    """Milliseconds, bytes sent, ids."""
    before = sum(each.sent for each in proxies)
    began = time.perf_counter()
    found = ask()
    return 1e3 * (time.perf_counter() - began), sum(each.sent for each in proxies) - before, found


def row_of(rows: list[tuple[float, int, list[int]]], truth: list[list[int]]) -> dict[str, float]:
    found = [set(ids[:10]) for _, _, ids in rows]
    hits = [len(each & set(right)) / max(1, len(right)) for each, right in zip(found, truth, strict=True)]
    return {
        "p50_ms": round(statistics.median(each[0] for each in rows), 1),
        "worst_ms": round(max(each[0] for each in rows), 1),
        "bytes": round(statistics.median(each[1] for each in rows)),
        "most_bytes": max(each[1] for each in rows),
        "recall": round(statistics.mean(hits), 3),
    }


def by_query(library: search.Library, query: Query) -> list[int]:
    return [hit.id for hit in library.query(query, k=10, rerank=0, by_words=False).hits]


def by_ids(opened: OpenIndex, query: np.ndarray, kept: np.ndarray) -> list[int]:
    _, ids = opened.index.search(query[None], opened.state.candidates(10), SearchParameters(only=kept))
    found: list[int] = ids[0].tolist()
    return found


def measured(library: search.Library, proxies: list[CountingProxy], words: list[str], sizes: np.ndarray) -> Any:
    """`sizes` (n,): bytes of the files, by their ids from 1."""
    library.query(words[0], rerank=0, by_words=False)
    assert library._opened is not None
    store = library._opened.store
    with store.catalog.snapshot() as snapshot:
        row, identity = Encoders(snapshot).required()
        pages = list(Vectors(snapshot).pages("image", row, identity.dimension))
    ids, vectors = (np.concatenate([page[part] for page in pages]) for part in (0, 1))
    opened = library._opened.engine.index("image", identity)
    assert opened is not None
    encoder = bench_filters.Remembering(identity.dimension)
    queries = np.concatenate([encoder.encode_texts([each]).vectors for each in words])
    found = {}
    for name, share in SHARES.items():
        limit = int(np.quantile(sizes, share))
        kept = ids[sizes[ids - 1] <= limit]
        query = [Query(each, where=Filter.parse(f"size:..{limit}B")) for each in words]
        truth = []
        for vector in queries:
            scores = vectors[np.isin(ids, kept)] @ vector
            truth.append(kept[np.argsort(-scores, kind="stable")[:10]].tolist())
        ways = {
            "query": [asked(proxies, partial(by_query, library, each)) for each in query],
            "ids": [asked(proxies, partial(by_ids, opened, each, kept)) for each in queries],
        }
        found[name] = {"kept": len(kept)} | {way: row_of(rows, truth) for way, rows in ways.items()}
        print(name, found[name], flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=64)
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--only", choices=PLACES)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    bench_filters.DIMENSION = given.dimension
    machine, results = about(count=given.count, dimension=given.dimension), {}
    sizes = np.array([size for _, size, _ in bench_filters.photographs(given.count)])
    words = [f"{bench_filters.WORDS[number % 7]} {number}" for number in range(given.queries)]
    places = [given.only] if given.only else list(PLACES)
    with catalog_at(given.count) as (server, proxy, address):
        for place in places:
            with vectors_at(place, server, proxy, address) as (url, proxies):
                folder = store_folder(address)
                (folder / "store.toml").write_text(f'[vectors]\nurl = "{url}"\nname = "filtered"\n')
                store = Store.create(folder)
                with store.writing():
                    build_indexes(store.catalog, store.vectors, "hnsw", Silent(), force=True)
                store.close()
                print(place, flush=True)
                with search.open(address, encoder=bench_filters.Remembering(given.dimension)) as library:
                    results[place] = measured(library, proxies, words, sizes)
    save(given.json, machine, results=results)


if __name__ == "__main__":
    main()
