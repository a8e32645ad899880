"""Our commands beside the same work by rclip 4 and clip-retrieval: one table. `make bench` runs it.

    python tests/benchmarks/bench_rivals.py [--folder .bench] [--rows small,large,...] [--runs 3] [--json PATH]

Each figure is a whole process, taken in turn with the rival's; medians are compared. `--rows`:

    small    index 1,000 photographs of 500 x 375: the same model, and the bundled encoder; peak memory of each
    large    index 200 photographs of 12 megapixels, the same model
    limit    decoding alone and encoding alone in one process: what both together could do at best on these cores
    cold     a text query from the shell over 1,000 images
    many     the same over 200,000 items
    resident the same through the resident process

The same model is ViT-B-32-256 with random weights (`rivals.py`), exported before the clock starts, as rclip's is.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from indexer.catalog.encoders import Encoders
from indexer.catalog.tokens import Tokens
from tests.benchmarks.machine import about, save
from tests.benchmarks.photographs import make
from tests.benchmarks.rivals import MODEL, Workshop

SEARCH = [sys.executable, "-m", "search"]
QUERY = "a red car"
ITEMS = 200_000


@dataclass(frozen=True)
class Run:
    """One finished process: wall seconds, and its peak resident memory in megabytes (10^6)."""

    seconds: float
    megabytes: float


def run(command: Sequence[str], *, cwd: Path | None = None, env: dict[str, str] | None = None) -> Run:
    """Raises SystemExit with what it said when it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(
            f"{' '.join(command)} ended with {process.returncode}:\n{said.decode(errors='replace')[-3000:]}"
        )
    return Run(seconds, usage.ru_maxrss * 1024 / 1e6)


class Bench:
    """The rows of the table."""

    def __init__(self, shop: Workshop, runs: int, *, with_clip_retrieval: bool) -> None:
        self.shop = shop
        self.runs = runs
        self.with_clip_retrieval = with_clip_retrieval
        self.rows: list[dict[str, Any]] = []
        self.cache = os.environ | {"SEARCH_CACHE": str(shop.folder / "cache"), "SEARCH_RESIDENT": "off"}
        self.ours = f"{MODEL}@{shop.checkpoint}"

    def compare(
        self, ours: dict[str, Callable[[], Run]], theirs: Callable[[], Run], *, than: str, count: int = 1
    ) -> None:
        """Each of ours and theirs in turn; `count` images a run, for images a second."""
        mine: dict[str, list[Run]] = {what: [] for what in ours}
        other: list[Run] = []
        for _ in range(self.runs):
            for what, each in ours.items():
                mine[what].append(each())
            other.append(theirs())
        for what, runs in mine.items():
            self._row(what, runs, other, than, count)

    def _row(self, what: str, mine: list[Run], other: list[Run], than: str, count: int) -> None:
        a, b = (statistics.median(each.seconds for each in runs) for runs in (mine, other))
        row = {
            "what": what, "than": than, "count": count, "ours_s": [each.seconds for each in mine],
            "theirs_s": [each.seconds for each in other], "times_as_fast": b / a, "share_of_time": a / b,
            "ours_mb": max(each.megabytes for each in mine), "theirs_mb": max(each.megabytes for each in other),
        }  # fmt: skip
        self.rows.append(row)
        rates = f"{count / a:7.1f} and {count / b:6.1f} images/s" if count > 1 else f"{a:7.3f} and {b:6.3f} s"
        print(
            f"{what:<52} {rates}: {b / a:5.2f} x as fast as {than} ({a / b:.2f} of its time), "
            f"peak {row['ours_mb']:.0f} and {row['theirs_mb']:.0f} MB ({row['ours_mb'] / row['theirs_mb']:.2f})",
            flush=True,
        )

    def search(self, *arguments: str) -> Run:
        return run([*SEARCH, *arguments], env=self.cache)

    def index(self, photographs: Path, *encoder: str) -> Run:
        store = self.shop.folder / "run.search"
        shutil.rmtree(store, ignore_errors=True)
        return self.search("index", "-q", str(photographs), "-s", str(store), *encoder)

    def rclip_index(self, photographs: Path) -> Run:
        self.shop.forget_rclip()
        return run([self.shop.rclip, QUERY, "-f"], cwd=photographs, env=self.shop.rclip_environment())

    def rclip_query(self, photographs: Path) -> Run:
        return run([self.shop.rclip, QUERY, "-f", "--no-indexing"], cwd=photographs, env=self.shop.rclip_environment())

    def clip_retrieval_index(self, photographs: Path) -> Run:
        out = self.shop.folder / "clip-retrieval-out"
        shutil.rmtree(out, ignore_errors=True)
        model = f"open_clip:{MODEL}/{self.shop.checkpoint.with_suffix('.pt')}"
        command = [self.shop.clip_retrieval, "inference", "--input_dataset", str(photographs)]
        command += ["--output_folder", str(out), "--clip_model", model, "--enable_text", "False"]
        command += ["--batch_size", "16", "--num_prepro_workers", "2", "--use_jit", "False"]
        return run(command, env=os.environ | {"HF_HUB_OFFLINE": "1"})

    # -- rows -----------------------------------------------------------------------------------------------

    def small(self) -> None:
        photographs = self.photographs("500x375", 1_000)
        same = ("--encoder", self.ours)
        self.index(photographs, *same)  # exports the model, once
        self.index(photographs)
        ours = {
            "1,000 of 500 x 375, same model": lambda: self.index(photographs, *same),
            "1,000 of 500 x 375, as each comes": lambda: self.index(photographs),
        }
        self.compare(ours, lambda: self.rclip_index(photographs), than="rclip", count=1_000)
        if self.with_clip_retrieval:
            one = {"1,000 of 500 x 375, same model": lambda: self.index(photographs, *same)}
            self.compare(one, lambda: self.clip_retrieval_index(photographs), than="clip-retrieval", count=1_000)

    def large(self) -> None:
        photographs = self.photographs("4000x3000", 200)
        self.index(photographs, "--encoder", self.ours)
        ours = {"200 of 12 megapixels, same model": lambda: self.index(photographs, "--encoder", self.ours)}
        self.compare(ours, lambda: self.rclip_index(photographs), than="rclip", count=200)

    def limit(self) -> None:
        """Decoding alone with a thread a core, encoding alone with every core: their times add up at the best."""
        self._limit("500x375", 1_000, self.ours, "same model")
        self._limit("4000x3000", 200, self.ours, "same model")
        self._limit("500x375", 1_000, "bundled", "bundled")

    def _limit(self, size: str, count: int, encoder: str, called: str) -> None:
        photographs = self.photographs(size, count)
        code = (
            "import sys; from tests.benchmarks.bench_rivals import limit_of; "
            "print(limit_of(sys.argv[1], sys.argv[2]), flush=True)"
        )
        command = [sys.executable, "-c", code, str(photographs), encoder]
        root = Path(__file__).resolve().parents[2]
        rates = []
        for _ in range(self.runs):
            done = subprocess.run(command, env=self.cache, cwd=root, check=True, capture_output=True, text=True)
            rates.append([float(each) for each in done.stdout.strip().strip("()").split(",")])
        decoding, encoding = (statistics.median(each) for each in zip(*rates, strict=True))
        both = 1 / (1 / decoding + 1 / encoding)
        own = statistics.median(self._rate(photographs, encoder, count) for _ in range(self.runs))
        self.rows.append(
            {"what": f"limit {size} {called}", "decoding": decoding, "encoding": encoding, "both": both, "ours": own}
        )
        print(
            f"limit, {size}, {called}: decoding {decoding:.1f}, encoding {encoding:.1f}, both {both:.1f} images/s; "
            f"indexing {own:.1f}, {own / both:.0%} of it",
            flush=True,
        )

    def _rate(self, photographs: Path, encoder: str, count: int) -> float:
        """Images a second of the run itself, by its own report (without the start of the process)."""
        store = self.shop.folder / "run.search"
        shutil.rmtree(store, ignore_errors=True)
        command = [*SEARCH, "index", "--json", str(photographs), "-s", str(store), "--encoder", encoder]
        done = subprocess.run(command, env=self.cache, check=True, capture_output=True)
        report = json.loads(done.stdout)
        assert report["encoded"] > 0
        return float(count / report["seconds"])

    def cold(self) -> None:
        photographs = self.photographs("500x375", 1_000)
        same, bundled = self.shop.folder / "same.search", self.shop.folder / "bundled.search"
        self.search("index", "-q", str(photographs), "-s", str(same), "--encoder", self.ours)
        self.search("index", "-q", str(photographs), "-s", str(bundled))
        self.rclip_index(photographs)
        ours: dict[str, Callable[[], Run]] = {}
        for store, called in ((same, "same model"), (bundled, "as each comes")):
            self.search("query", QUERY, "-s", str(store))
            ours[f"cold text query, 1,000 images, {called}"] = self.query_of(store)
        self.compare(ours, lambda: self.rclip_query(photographs), than="rclip")

    def query_of(self, store: Path) -> Callable[[], Run]:
        return lambda: self.search("query", QUERY, "-s", str(store))

    def many(self) -> None:
        store, folder = self.shop.folder / "many.search", self.shop.folder / "many"
        if not store.exists():
            apart(fill, store, ITEMS)
        apart(fill_rclip, self.shop, folder, ITEMS)
        self.search("query", QUERY, "-s", str(store))
        self.rclip_query(folder)
        ours = {f"cold text query, {ITEMS:,} items, as each comes": self.query_of(store)}
        self.compare(ours, lambda: self.rclip_query(folder), than="rclip")

    def resident(self) -> None:
        store = self.shop.folder / "bundled.search"
        if not store.exists():
            self.cold()
        environment = self.cache | {"SEARCH_RESIDENT": "auto"}
        run([*SEARCH, "serve", "--background", "-s", str(store)], env=environment)
        try:
            command = [*SEARCH, "query", QUERY, "-s", str(store)]
            run(command, env=environment)
            times = [run(command, env=environment).seconds for _ in range(10 * self.runs)]
        finally:
            run([*SEARCH, "serve", "--stop", "-s", str(store)], env=environment)
        self.rows.append({"what": "resident", "ours_s": times})
        print(
            f"text query through the resident process: p50 {statistics.median(times):.3f} s "
            f"({min(times):.3f} to {max(times):.3f}, {len(times)} processes)",
            flush=True,
        )

    def photographs(self, size: str, count: int) -> Path:
        width, height = map(int, size.split("x"))
        folder = self.shop.folder / f"photographs-{size}"
        make(folder, count, width, height)
        return folder


def limit_of(folder: str, name: str) -> tuple[float, float]:
    """Images a second of decoding alone and of encoding alone, in this process."""
    from indexer.encoders.registry import load_encoder
    from indexer.images.decoder import decode
    from indexer.images.preprocess import to_pixels
    from indexer.settings import DecodeLimits

    encoder = load_encoder(name)
    wanted = encoder.identity.preprocessing
    paths = sorted(Path(folder).iterdir())

    def pixels(path: Path) -> Any:
        return to_pixels(decode(path.read_bytes(), DecodeLimits(), (wanted.width, wanted.height)), wanted)

    started = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        decoded = list(pool.map(pixels, paths))
    decoding = len(paths) / (time.perf_counter() - started)
    some = np.stack(decoded[:200])
    encoder.encode_images(some[:16], tokens=True)
    started = time.perf_counter()
    for start in range(0, len(some), encoder.batch_size):
        encoder.encode_images(some[start : start + encoder.batch_size], tokens=True)
    return decoding, len(some) / (time.perf_counter() - started)


def apart(work: Callable[..., None], *arguments: object) -> None:
    """In a process of its own: a child's peak memory, as the system tells it, begins with that of its parent."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        pool.submit(work, *arguments).result()


def fill_rclip(shop: Workshop, folder: Path, count: int) -> None:
    shop.fill_rclip(folder, clustered(count, 512))


def clustered(count: int, dimension: int) -> np.ndarray:
    """(count, dimension) float32, unit norm, as `GivenEncoder` draws them."""
    from tests.fixtures.given_encoder import GivenEncoder, pixels_of

    encoder = GivenEncoder(dimension)
    steps = range(0, count, 16_384)
    return np.concatenate(
        [encoder.encode_images(pixels_of(np.arange(start, min(count, start + 16_384)))).vectors for start in steps]
    )


def fill(folder: Path, count: int) -> None:
    """A store of `count` photographs with given vectors and tokens, under the identity of the bundled encoder."""
    from indexer.encoder_hint import write_encoder_hint
    from indexer.encoders.graph_encoder import GraphEncoder
    from indexer.pipeline.ingest import Ingest
    from indexer.progress import Silent
    from indexer.store import Store
    from indexer.types import Candidate, Report
    from indexer.vectors.refresh import build_indexes
    from tests.fixtures.given_encoder import GivenTokenEncoder, given_images

    print(f"filling a store with {count:,} items", flush=True)
    bundled = GraphEncoder()
    assert bundled.token_shape is not None
    encoder = GivenTokenEncoder(batch_size=64, identity=bundled.identity, shape=bundled.token_shape)
    store = Store.create(folder)
    with store.writing():
        with store.catalog.batch() as batch:
            row = Encoders(batch).add(encoder.identity)
            Encoders(batch).activate(row)
            Tokens(batch).set_shape(row, bundled.token_shape)
        found = (Candidate(f"/photos/{n // 500:05}/IMG_{n:08}.jpg", 3_000_000 + n, 10**18 + n) for n in range(count))
        images = given_images(found)
        with Ingest(store.catalog, encoder, row, Report(), tokens=True) as ingest:
            while some := [one for _, one in zip(range(64), images, strict=False)]:
                ingest.add(some)
        build_indexes(store.catalog, store.vectors, None, Silent())
    store.close()
    write_encoder_hint(folder, encoder.identity)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(".bench"))
    parser.add_argument("--rows", default="small,large,limit,cold,many,resident")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--python312", default="python3.12", help="rclip 4 needs Python 3.12 or newer")
    parser.add_argument("--no-clip-retrieval", action="store_true", help="leave out the slow one")
    given = parser.parse_args()
    shop = Workshop(given.folder.resolve(), given.python312)
    shop.prepare(with_clip_retrieval=not given.no_clip_retrieval)
    found = about(runs=given.runs)
    bench = Bench(shop, given.runs, with_clip_retrieval=not given.no_clip_retrieval)
    for name in given.rows.split(","):
        getattr(bench, name)()
        save(given.json, found, rows=bench.rows)


if __name__ == "__main__":
    main()
