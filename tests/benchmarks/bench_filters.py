"""What filters cost a query of a large collection: with and without them, in pairs, in an order that is drawn.

    python tests/benchmarks/bench_filters.py --folder /tmp/filters            # makes the store where it is not there
    python tests/benchmarks/bench_filters.py --folder /tmp/filters --items 100000 --cold 5

The store holds given photographs: twenty years of them, most at three homes, the rest on 400 journeys, from a dozen
cameras, in a folder a week; one in fifty says something of itself. Vectors of 64 dimensions; what filters cost does not
depend on that but for the vectors of those that a narrow one leaves. Texts are encoded before the clock runs.

Of each pair, the difference of the times, and of the processor's times; the median of these differences, and the least
time of each. `--cold`: each query in a process of its own, which opens the store and asks once.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
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
from indexer.encoders.base import Encoded
from indexer.progress import Silent
from indexer.store import Store
from indexer.types import Metadata, Texts
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
    "a country round": "near:46.5,2.5,600 in:2019..2021 camera:nikon type:heic orientation:portrait",
    "one id": "id:77777",
    "one keyword": "keyword:lighthouse",
    "one word": "text:harbour",
    "one country": "country:IT",
    "one has": "-has:gps",
    "one time": "time:3:00..3:05",
}
SAID = ("beach", "harbour", "lighthouse", "snow", "wedding", "garden", "market", "train", "concert", "birthday",
        "forest", "bridge", "kitchen", "museum", "football", "sunset", "boat", "castle", "dog", "cake")  # fmt: skip
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
        words = random.Random(number).sample(SAID, 2) if number % 50 == 0 else []
        captions = (" and ".join(words),) if words else ()
        said = Metadata(*sides, kind, moment.isoformat(timespec="seconds"), camera, *place)
        yield path, drawn.randrange(100_000, 9_000_000), replace(said, captions=captions, keywords=tuple(words[:1]))


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


class Remembering(GivenEncoder):
    """Encodes each text once."""

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        self._known: dict[tuple[str, ...], Encoded] = {}

    def encode_texts(self, texts: Texts, *, tokens: bool = False) -> Encoded:
        """As `GivenEncoder`."""
        key = tuple(texts)
        if key not in self._known:
            self._known[key] = super().encode_texts(texts, tokens=tokens)
        return self._known[key]


@dataclass
class Pairs:
    """Milliseconds of the same question without and with something, asked one after the other in either order."""

    bare: list[tuple[float, float]] = field(default_factory=list)  # by the clock, of the processor
    given: list[tuple[float, float]] = field(default_factory=list)
    hits: int = 0

    def row(self) -> dict[str, Any]:
        more = [(a - c, b - d) for (a, b), (c, d) in zip(self.given, self.bare, strict=True)]
        return {
            "hits": self.hits,
            "more_ms": round(statistics.median(each[0] for each in more), 1),
            "more_cpu_ms": round(statistics.median(each[1] for each in more), 1),
            "least_ms": round(min(each[0] for each in self.given), 1),
            "least_without_ms": round(min(each[0] for each in self.bare), 1),
            "least_cpu_ms": round(min(each[1] for each in self.given), 1),
            "least_cpu_without_ms": round(min(each[1] for each in self.bare), 1),
        }


def timed(ask: Callable[[], Any]) -> tuple[tuple[float, float], Any]:
    started, own = time.perf_counter(), time.process_time()
    found = ask()
    return ((time.perf_counter() - started) * 1e3, (time.process_time() - own) * 1e3), found


def once(library: search.Library, words: str, line: str) -> tuple[tuple[float, float], int]:
    """The times of one query, and its hits."""
    query = Query(words, where=Filter.parse(line) if line else None)
    spent, results = timed(lambda: library.query(query, rerank=0))
    return spent, len(results)


def warm(library: search.Library, rounds: int) -> dict[str, Pairs]:
    """Each filter beside none, in one process."""
    drawn = random.Random(1)
    pairs = {name: Pairs() for name in FILTERS}
    for number in range(-2, rounds):
        words = f"{WORDS[number % len(WORDS)]} {number}"
        once(library, words, "")  # encodes
        for name in drawn.sample(list(FILTERS), len(FILTERS)):
            times: dict[bool, tuple[float, float]] = {}
            for given in drawn.sample((True, False), 2):
                times[given], found = once(library, words, FILTERS[name] if given else "")
                pairs[name].hits = found if given else pairs[name].hits
            if number >= 0:
                pairs[name].given.append(times[True])
                pairs[name].bare.append(times[False])
    return pairs


def cold(arguments: list[str], rounds: int) -> dict[str, Pairs]:
    """The same, each query in a process of its own."""
    drawn = random.Random(2)
    pairs = {name: Pairs() for name in FILTERS}
    for number in range(rounds):
        for name in drawn.sample(list(FILTERS), len(FILTERS)):
            for given in drawn.sample((True, False), 2):
                line = FILTERS[name] if given else ""
                asked = [f"--once={line}", "--words", f"{WORDS[number % len(WORDS)]} {number}"]
                done = subprocess.run([sys.executable, __file__, *arguments, *asked], capture_output=True, check=True)
                spent, found = json.loads(done.stdout.splitlines()[-1])
                (pairs[name].given if given else pairs[name].bare).append(tuple(spent))
                pairs[name].hits = found if given else pairs[name].hits
    return pairs


def listings(library: search.Library, rounds: int) -> dict[str, dict[str, Any]]:
    """Pages of what filters alone list, and the first 10 by date of the 10,000 best of a query; medians and least."""
    asked: dict[str, Callable[[], Any]] = {
        "page of all, newest first": partial(library.page, sort="-date", limit=50),
        "page of all, by name": partial(library.page, sort="name", limit=50),
        "words, sorted by date": partial(library.query, Query("a red car"), sort="date", rerank=0),
    }
    for name, line in FILTERS.items():
        where = Filter.parse(line)
        asked[f"page of {name!r}, newest first"] = partial(library.page, where=where, sort="-date", limit=50)
    half = Query("a red car", where=Filter.parse(FILTERS["half"]))
    asked["words, half, sorted by date"] = partial(library.query, half, sort="date", rerank=0)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in asked}
    drawn = random.Random(3)
    for number in range(rounds):
        for name in drawn.sample(list(asked), len(asked)):
            spent, _ = timed(asked[name])
            if number:
                times[name].append(spent)
    return {
        name: {
            "ms": round(statistics.median(each[0] for each in spent), 1),
            "least_ms": round(min(each[0] for each in spent), 1),
            "least_cpu_ms": round(min(each[1] for each in spent), 1),
        }
        for name, spent in times.items()
    }


def show(title: str, pairs: dict[str, Pairs]) -> dict[str, Any]:
    """Print, and give what is saved."""
    rows = {name: {"filter": FILTERS[name], **each.row()} for name, each in pairs.items()}
    print(title)
    for name, row in rows.items():
        print(
            f"{name:>18}: {row['more_ms']:+7.1f} ms ({row['more_cpu_ms']:+7.1f} of the processor); least "
            f"{row['least_ms']:6.1f} beside {row['least_without_ms']:6.1f} ({row['least_cpu_ms']:6.1f} beside "
            f"{row['least_cpu_without_ms']:6.1f}); {row['hits']:>3} hits  {row['filter']}",
            flush=True,
        )
    return rows


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the store lies, or is made")
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--cold", type=int, default=0, help="rounds of queries in processes of their own")
    parser.add_argument("--once", help=argparse.SUPPRESS)
    parser.add_argument("--words", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    folder = given.folder / f"filters-{given.items}"
    encoder = Remembering(DIMENSION)
    if given.once is not None:
        encoder.encode_texts([given.words])
        with search.open(folder, encoder=encoder) as library:
            print(json.dumps(once(library, given.words, given.once)))
        return
    if not (folder / "vectors" / "image.json").exists():
        started = time.perf_counter()
        make(folder, given.items)
        print(f"made in {time.perf_counter() - started:.0f} s", flush=True)
    found = about(items=given.items, dimension=DIMENSION, rounds=given.rounds)
    with search.open(folder, encoder=encoder) as library:
        rows: dict[str, Any] = {"warm": show("in one process", warm(library, given.rounds))}
        rows["listings"] = listings(library, min(given.rounds, 8))
    for name, row in rows["listings"].items():
        print(f"{row['ms']:8.1f} ms, least {row['least_ms']:7.1f} ({row['least_cpu_ms']:7.1f})  {name}", flush=True)
    if given.cold:
        arguments = ["--folder", str(given.folder), "--items", str(given.items)]
        rows["cold"] = show("in a process of its own", cold(arguments, given.cold))
    save(given.json, found, **rows)


if __name__ == "__main__":
    main()
