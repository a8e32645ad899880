"""What a catalog takes an image, part by part, to write, to keep and to ask, in SQLite and in PostgreSQL.

    python tests/benchmarks/bench_catalog_growth.py STORE [--sizes 1000,10000,100000,1000000] [--database sqlite]
        [--write-only] [--folder FOLDER] [--json results.json]

Photographs are given: their rows are made up, their vectors drawn from those of STORE (`grown_vectors.py`), their
tokens 8 regions of 384 numbers as the bundled encoder gives them. They pass through the indexer's own writer. Then the
bundled encoder asks the store that came of it. Seconds are of the processor, the server's included. PostgreSQL is that
of the tests (it waits for no disk). Each size is a process of its own. Nothing here asserts.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import text

import search
from indexer.catalog.encoders import Encoders
from indexer.catalog.items import Items
from indexer.catalog.tokens import Tokens
from indexer.catalog.vectors import Vectors
from indexer.encoders.base import Encoded
from indexer.encoders.graph_encoder import GraphEncoder
from indexer.pipeline.ingest import Ingest
from indexer.progress import Silent
from indexer.store import Store
from indexer.store_address import store_folder
from indexer.types import Candidate, Float32, Pixels, Report
from indexer.vectors.refresh import build_indexes
from tests.benchmarks.grown_vectors import Grown, vectors_of
from tests.benchmarks.machine import about, add_row
from tests.fixtures.given_encoder import DRAWN, GivenTokenEncoder, given_images
from tests.fixtures.postgres_server import PASSWORD, running

#: Of the encoder: all sizes are multiples of it, so that no batch is padded.
BATCH = 8
TIMES = 12
#: Tables by what they hold; a table's indexes go with it.
PARTS = {
    "vectors": ("vector",), "tokens": ("token",), "rows": ("content", "file", "item", "photo"),
    "facts": ("fact", "folder", "device"), "words": ("word",), "names": ("name_part",),
}  # fmt: skip
LINES = ("a dog on a beach", "two children playing football", "a red car", "snow on mountains at dusk")
FILTERS = {
    "a month": "in:2003-04", "a camera": "camera:canon", "a name": "name:img_00077", "nearly all": "after:2000-02",
}  # fmt: skip


class GrownEncoder(GivenTokenEncoder):
    """Draws vectors like those of photographs."""

    def __init__(self, grown: Grown, bundled: GraphEncoder) -> None:
        super().__init__(batch_size=BATCH, identity=bundled.identity, shape=bundled.token_shape)
        self._grown, self._number = grown, -1
        self.cpu = 0.0  # processor seconds that were spent in it

    def encode_images(self, pixels: Pixels, *, tokens: bool = False) -> Encoded:
        """See `GivenTokenEncoder`."""
        started = time.process_time()
        encoded = super().encode_images(pixels, tokens=tokens)
        self.cpu += time.process_time() - started
        return encoded

    def _drawn(self, block: int) -> Float32:
        if block != self._number:
            self._rows = np.concatenate([self._grown.block(2 * block), self._grown.block(2 * block + 1)])
            self._number = block
        assert len(self._rows) == DRAWN
        return self._rows


class Processor:
    """Processor seconds of this process, and of a PostgreSQL server."""

    def __init__(self, postmaster: int | None) -> None:
        self.postmaster = postmaster

    def seconds(self) -> float:
        return time.process_time() + (0 if self.postmaster is None else self._server())

    def _server(self) -> float:
        """Its processes', those that have ended included."""
        total = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if stat.parent.name == str(self.postmaster):
                total += sum(int(fields[place]) for place in (11, 12, 13, 14))  # with children that have ended
            elif fields[1] == str(self.postmaster):
                total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")


@contextmanager
def place(database: str, folder: Path) -> Iterator[tuple[str, int | None]]:
    """Where the store goes, and the process of its server."""
    if database == "sqlite":
        yield str(folder / "photos.search"), None
        return
    os.environ["PGPASSWORD"], os.environ["XDG_DATA_HOME"] = PASSWORD, str(folder)
    with running() as server:
        url = server.new_database()
        import psycopg

        with psycopg.connect(url.set(drivername="postgresql").render_as_string(), password=PASSWORD) as connection:
            pid = connection.info.backend_pid
            postmaster = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        yield url.render_as_string(), postmaster


def fill(store: Store, count: int, encoder: GrownEncoder, processor: Processor) -> dict[str, float]:
    """Write `count` photographs; what it took, without the drawing."""
    with store.writing():
        with store.catalog.batch() as batch:
            row = Encoders(batch).add(encoder.identity)
            Encoders(batch).activate(row)
            Tokens(batch).set_shape(row, encoder.token_shape)
        encoder.seconds, encoder.cpu, own, started = 0.0, 0.0, processor.seconds(), time.perf_counter()
        here = time.process_time()
        candidates = (
            Candidate(f"/photos/{number // 500:05}/IMG_{number:08}.jpg", 3_000_000 + number, 10**18 + number)
            for number in range(count)
        )
        images = given_images(candidates)
        with Ingest(store.catalog, encoder, row, Report(), tokens=True) as ingest:
            while some := list(islice(images, 64 * BATCH)):
                ingest.add(some)
        return {
            "write_cpu_s": round(processor.seconds() - own - encoder.cpu, 3),
            "write_here_cpu_s": round(time.process_time() - here - encoder.cpu, 3),
            "write_s": round(time.perf_counter() - started - encoder.seconds, 3),
        }


def vacuum(address: str) -> None:
    """What the server's own autovacuum does some minutes later: statistics, and the index of words put in order."""
    import psycopg

    with psycopg.connect(address, password=PASSWORD, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def sizes(store: Store) -> dict[str, int]:
    """Bytes by table, indexes and what is stored beside it included."""
    with store.catalog.snapshot() as snapshot:
        connection = snapshot.connection
        if store.address is None:
            owners = dict(
                tuple(row) for row in connection.execute(text("SELECT name, tbl_name FROM sqlite_schema")).all()
            )
            rows = connection.execute(text("SELECT name, SUM(pgsize) FROM dbstat GROUP BY name")).all()
        else:
            named = (
                "SELECT c.relname, pg_total_relation_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = "
                "c.relnamespace WHERE n.nspname = 'image_search' AND c.relkind = 'r'"
            )
            owners, rows = {}, connection.execute(text(named)).all()
        found: dict[str, int] = {}
        for name, size in rows:
            owner = owners.get(name, name)
            for part, tables in PARTS.items():
                if any(owner == table or owner.startswith(f"{table}_") for table in tables):
                    found[part] = found.get(part, 0) + int(size)
                    break
            else:
                found["other"] = found.get("other", 0) + int(size)
    return found


def medians(processor: Processor, call: Callable[[str], object], lines: tuple[str, ...] = LINES) -> dict[str, float]:
    """Milliseconds of a call: of all processors that had to do with it, and by the clock."""
    call(lines[0])
    own, wall = processor.seconds(), []
    for number in range(TIMES):
        started = time.perf_counter()
        call(lines[number % len(lines)])
        wall.append(1e3 * (time.perf_counter() - started))
    spent = 1e3 * (processor.seconds() - own) / TIMES  # a mean: a server's time is counted in hundredths of a second
    return {"cpu_ms": round(spent, 2), "p50_ms": round(float(np.median(wall)), 2)}


def asked(address: str, store: Store, processor: Processor, encoder_row: int, dimension: int) -> dict[str, Any]:
    """What reads of the catalog cost, then whole queries."""
    result: dict[str, Any] = {}
    with store.catalog.snapshot() as snapshot:
        highest = Items(snapshot).newest()
        ids = np.linspace(1, highest, 32).astype(int).tolist()
        result["exact scores of 32"] = medians(
            processor, lambda _: Vectors(snapshot).of_items(ids, encoder_row, dimension)
        )
        result["tokens of 32"] = medians(processor, lambda _: Tokens(snapshot).of_items(ids, encoder_row, 384))
        result["count"] = medians(processor, lambda _: Vectors(snapshot).count("image", encoder_row))
        result["sample"] = medians(
            processor, lambda _: Vectors(snapshot).sample("image", encoder_row, dimension, 1_000)
        )
    with search.open(address) as library:
        result["query, no rerank"] = medians(processor, lambda line: library.query(line, k=10, rerank=0))
        result["query"] = medians(processor, lambda line: library.query(line, k=10, rerank=30))
        result["steps"] = library.query(LINES[0], k=10, rerank=30).seconds
        for name, condition in FILTERS.items():
            result[f"query, {name}"] = medians(
                processor, lambda line, also=condition: library.query(f"{line} {also}", k=10, rerank=0)
            )
        result["status"] = medians(processor, lambda _: library.status())
    return result


def measure(given: argparse.Namespace, count: int) -> dict[str, Any]:
    bundled = GraphEncoder()
    encoder = GrownEncoder(Grown(vectors_of(given.store)), bundled)
    with tempfile.TemporaryDirectory(dir=given.folder) as name, place(given.database, Path(name)) as (address, server):
        processor = Processor(server)
        store = Store.create(store_folder(address))
        result: dict[str, Any] = {"count": count, "database": given.database, "dimension": encoder.identity.dimension}
        result |= fill(store, count, encoder, processor)
        if server is not None:
            vacuum(address)
        result["bytes"] = sizes(store)
        print(result, file=sys.stderr, flush=True)
        if given.write_only:
            store.close()
            return result
        started = processor.seconds()
        with store.writing():
            build_indexes(store.catalog, store.vectors, None, Silent())
        result["index_cpu_s"] = round(processor.seconds() - started, 2)
        with store.catalog.snapshot() as snapshot:
            row = Encoders(snapshot).required()[0]
        result["asked"] = asked(address, store, processor, row, encoder.identity.dimension)
        store.close()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--sizes", default="1000,10000,100000,1000000")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--write-only", action="store_true", help="no index, no queries")
    parser.add_argument("--folder", type=Path, help="where the stores go; default: the system's temporary folder")
    parser.add_argument("--json", type=Path, help="results are added to those that are there")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given, given.one)))
        return
    machine = about()
    for count in map(int, given.sizes.split(",")):
        own = [sys.executable, __file__, str(given.store), "--database", given.database, "--one", str(count)]
        own += ["--write-only"] if given.write_only else []
        own += ["--folder", str(given.folder)] if given.folder else []
        add_row(given.json, machine, own)


if __name__ == "__main__":
    main()
