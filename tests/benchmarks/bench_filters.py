"""What filters cost a query of a large collection: queries with and without them, in turn, on one store.

    python tests/benchmarks/bench_filters.py --folder /tmp/filters            # makes the store where it is not there
    python tests/benchmarks/bench_filters.py --folder /tmp/filters --items 100000

The store holds given photographs: twenty years of them, most at three homes, the rest on 400 journeys, from a dozen
cameras, in a folder a week. Vectors of 64 dimensions; what filters cost does not depend on that but for the vectors
of those that a narrow one leaves.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import statistics
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert

import search
from indexer.catalog.encoders import Encoders
from indexer.catalog.items import TOTAL
from indexer.catalog.meta import Meta
from indexer.catalog.photographs import Photographs
from indexer.catalog.schema import content, file, item
from indexer.catalog.vectors import Vectors
from indexer.progress import Silent
from indexer.store import Store
from indexer.types import Metadata
from indexer.vectors.refresh import build_indexes
from search.query.filter import Filter
from search.query.query import Query
from tests.benchmarks.machine import about, save
from tests.fixtures.given_encoder import GivenEncoder, pixels_of

DIMENSION = 64
BATCH = 16_384
HOMES = ((48.85, 2.35), (52.52, 13.4), (40.71, -74.0))
CAMERAS = ("Google Pixel 6", "Apple iPhone 12", "Canon EOS 80D", "NIKON D90", "SONY ILCE-7M3", "FUJIFILM X-T4",
           "samsung SM-G991B", "Panasonic DMC-G80", "OLYMPUS E-M10", "LEICA Q2", "GoPro HERO9",
           "RICOH GR III")  # fmt: skip

#: Five conditions at once but for those that say "one", from the narrowest to the broadest.
FILTERS = {
    "narrow": "in:2021-06 near:48.85,2.35,20 camera:pixel path:2021-w22 type:jpeg",
    "narrow, no index": "time:3:00..3:05 month:2 camera:leica width:4000 -type:jpeg",
    "one name": "name:img_00077",
    "a year at home": "in:2021 near:48.85,2.35,20 camera:pixel path:photos type:jpeg",
    "a far place": "near:-33,151,300 after:2008 path:photos type:jpeg orientation:landscape",
    "middling": "after:2015 camera:canon type:jpeg orientation:landscape weekday:weekend",
    "half": "after:2012 type:jpeg width:>3000 -camera:gopro path:photos",
    "nearly all": "after:2001 -near:90,0,10 size:>1kB -type:gif path:photos",
}
WORDS = (
    "a red car",
    "beach",
    "a dog in the snow",
    "invoice",
    "two people at a table",
    "mountains",
    "a church at night",
)


def photographs(count: int) -> Iterator[tuple[str, int, Metadata]]:
    """(path, size, metadata) of `count` of them, the same each time."""
    drawn = random.Random(0)
    start = datetime(2004, 1, 1)
    journeys = [(drawn.uniform(-60, 70), drawn.uniform(-180, 180)) for _ in range(400)]
    for number in range(count):
        moment = start + timedelta(minutes=20 * 365 * 24 * 60 * number / count) + timedelta(minutes=drawn.gauss(0, 300))
        at = drawn.choices(HOMES, (6, 3, 1))[0] if drawn.random() < 0.8 else journeys[int(400 * number / count)]
        place = (at[0] + drawn.gauss(0, 0.05), at[1] + drawn.gauss(0, 0.05)) if drawn.random() < 0.7 else (None, None)
        camera = CAMERAS[min(int(drawn.expovariate(0.4)), 11)]
        kind, suffix = drawn.choices((("JPEG", "jpg"), ("HEIF", "heic"), ("PNG", "png")), (85, 10, 5))[0]
        sides = (4000, 3000) if drawn.random() < 0.7 else (3000, 4000)
        week = moment.isocalendar()
        path = f"/photos/{week.year}-w{week.week:02}/IMG_{number:08}.{suffix}"
        said = Metadata(*sides, kind, moment.isoformat(timespec="seconds"), camera, *place)
        yield path, drawn.randrange(100_000, 9_000_000), said


def make(folder: Path, count: int) -> None:
    """The store of `count` photographs, with its index. Rows are written in bulk; what is derived from them is derived
    as ever."""
    encoder = GivenEncoder(DIMENSION)
    store = Store.create(folder)
    shots = enumerate(photographs(count), 1)
    with store.writing():
        with store.catalog.batch() as batch:
            row = Encoders(batch).add(encoder.identity)
            Encoders(batch).activate(row)
        while some := list(islice(shots, BATCH)):
            numbers = np.array([number for number, _ in some])
            vectors = encoder.encode_images(pixels_of(numbers)).vectors
            with store.catalog.batch() as batch:
                digests = {number: hashlib.sha256(b"%d" % number).digest() for number, _ in some}
                batch.write(insert(content), [{"id": n, "digest": d, "kind": "image"} for n, d in digests.items()])
                Vectors(batch).add(row, dict(zip(numbers.tolist(), vectors, strict=True)))
                files = [
                    {"id": number, "path": path, "size": size, "mtime_ns": 10**18, "ctime_ns": 10**18, "role": "image",
                     "state": "present", "content_id": number, "digest": digests[number], "item_count": 1}
                    for number, (path, size, _) in some
                ]  # fmt: skip
                batch.write(insert(file), files)
                items = [
                    {"id": number, "file_id": number, "kind": "image", "content_id": number, "generation": 1}
                    for number, _ in some
                ]
                batch.write(insert(item), items)
                Photographs(batch).save({number: said for number, (_, _, said) in some})
                Meta(batch).set(f"{TOTAL}image", str(some[-1][0]))
        build_indexes(store.catalog, store.vectors, None, Silent())
    store.close()


def measure(library: search.Library, rounds: int) -> dict[str, dict[str, Any]]:
    """Milliseconds of a query without and with each filter, medians of those asked in turn."""
    filters = {name: Filter.parse(line) for name, line in FILTERS.items()}
    times: dict[str, list[float]] = {name: [] for name in ("none", *filters)}
    found: dict[str, int] = {}
    for number in range(rounds):
        words = f"{WORDS[number % len(WORDS)]} {number}"
        for name in times:
            query = Query(words, where=filters.get(name))
            started = time.perf_counter()
            results = library.query(query, rerank=0)
            times[name].append((time.perf_counter() - started) * 1e3)
            found[name] = len(results)
    bare = statistics.median(times["none"])
    return {
        name: {
            "filter": FILTERS.get(name, ""),
            "hits": found[name],
            "ms": round(statistics.median(each), 1),
            "more_ms": round(statistics.median(each) - bare, 1),
            "paired_ms": round(statistics.median(a - b for a, b in zip(each, times["none"], strict=True)), 1),
            "slowest_ms": round(max(each), 1),
        }
        for name, each in times.items()
    }


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the store lies, or is made")
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    folder = given.folder / f"filters-{given.items}"
    if not (folder / "vectors" / "image.json").exists():
        started = time.perf_counter()
        make(folder, given.items)
        print(f"made in {time.perf_counter() - started:.0f} s", flush=True)
    found = about(items=given.items, dimension=DIMENSION, rounds=given.rounds)
    with search.open(folder, encoder=GivenEncoder(DIMENSION)) as library:
        measure(library, 2)
        results = measure(library, given.rounds)
    for name, row in results.items():
        print(
            f"{name:>18}: {row['ms']:7.1f} ms, {row['paired_ms']:+7.1f} beside none, slowest {row['slowest_ms']:7.1f};",
            end="",
        )
        print(f" {row['hits']:>3} hits  {row['filter']}", flush=True)
    save(given.json, found, filters=results)


if __name__ == "__main__":
    main()
