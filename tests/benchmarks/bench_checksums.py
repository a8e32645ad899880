"""What checksums of rows cost: writing with and without their triggers, summing an older store once, checking all.

python tests/benchmarks/bench_checksums.py --photographs 200000
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sqlalchemy import func, insert, select, text

from indexer.catalog import schema, sqlite_sums
from indexer.catalog.catalog import Catalog
from indexer.catalog.expressions import is_whole
from indexer.catalog.items import Items
from indexer.catalog.migrations.m0005_checksums import TABLES
from indexer.catalog.sqlite import keep_sums
from tests.fixtures.catalog_rows import new_catalog

BATCH = 500


def fill(catalog: Catalog, count: int) -> None:
    """As many photographs: a content, a file, an item and what the photograph says, in batches as a run writes them."""
    for start in range(1, count + 1, BATCH):
        ids = range(start, min(start + BATCH, count + 1))
        with catalog.batch() as batch:
            write = batch.connection.execute
            contents = [{"id": n, "digest": n.to_bytes(32, "big"), "kind": "image"} for n in ids]
            write(insert(schema.content), contents)
            said = {"width": 4000, "height": 3000, "format": "JPEG", "captions": "[]", "keywords": "[]"}
            told = {"taken_at": "2021-06-03T10:00:00", "camera": "Maker Model 1", "latitude": 48.85, "longitude": 2.35}
            write(insert(schema.photo), [{"content_id": n, **said, **told, "metadata_reader": 1} for n in ids])
            state = {"size": 3_000_000, "mtime_ns": 10**18, "role": "image", "state": "present", "format_reader": 3}
            paths = [{"id": n, "path": f"/home/me/pictures/2021/06/IMG_{n:07}.jpg", "content_id": n} for n in ids]
            write(insert(schema.file), [{**path, **state, "item_count": 1} for path in paths])
            items = [{"id": n, "file_id": n, "kind": "image", "content_id": n, "generation": 1} for n in ids]
            write(insert(schema.item), items)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def without_triggers(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        for table in TABLES:
            for name in sqlite_sums.triggers(table, sqlite_sums.summed(schema.metadata.tables[table])):
                batch.connection.execute(text(f"DROP TRIGGER {name}"))


def check(catalog: Catalog) -> None:
    with catalog.snapshot() as snapshot:
        for name in TABLES:
            table = schema.metadata.tables[name]
            bad = select(func.count()).select_from(table).where(~is_whole(table))
            assert snapshot.connection.execute(bad).scalar_one() == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    writing: dict[str, list[float]] = {"with": [], "without": []}
    for number in range(given.rounds):
        for name, times in writing.items():
            with tempfile.TemporaryDirectory() as folder:
                catalog = new_catalog(Path(folder) / "catalog.sqlite")
                if name == "without":
                    without_triggers(catalog)
                times.append(seconds(partial(fill, catalog, given.photographs)))
                if name == "with" and number == given.rounds - 1:
                    measure_rest(catalog, given.photographs)
                catalog.close()
    least = {name: statistics.median(times) for name, times in writing.items()}
    extra = (least["with"] - least["without"]) / given.photographs
    print(f"writing: {least['with']:.2f} s with, {least['without']:.2f} s without: {1e6 * extra:.0f} us a photograph")


def measure_rest(catalog: Catalog, count: int) -> None:
    print(f"checking all rows: {seconds(lambda: check(catalog)):.2f} s")

    def renew() -> None:
        with catalog.batch() as batch:
            for table in TABLES:
                keep_sums(batch.connection, table)

    print(f"summing all rows of an older store: {seconds(renew):.2f} s")
    ids = list(range(1, count, max(1, count // 10)))[:10]
    times = []
    for _ in range(200):
        with catalog.snapshot() as snapshot:
            times.append(seconds(lambda: Items(snapshot).get(ids)))
    print(f"reading ten hits: {1e3 * statistics.median(times):.2f} ms")


if __name__ == "__main__":
    main()
