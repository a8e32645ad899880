"""Encoding on Ray beside the local pipeline, and what remains of it where encoding costs nothing.

    python tests/benchmarks/bench_ray.py --photos FOLDER [--count 4000] [--rounds 3] [--json results.json]

Each run is a process of its own that indexes photographs into a new store: a quarter of `count`, then all of them; the
cases run in turn, `rounds` times. The cluster is of this machine, with as many CPUs as workers, so that one process a
worker reads and encodes. A rate (files a second) is that of the further three quarters: whatever a start takes is in
both runs. (Processor time is not told: that of Ray's processes which end is lost.) `given`: the encoder is a stand-in
that costs nothing, so that reading, hashing, decoding, transport and writing are left. Ratios are of medians. Nothing
here asserts.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from indexer.encoders.base import Encoded, Encoder, EncoderId
from indexer.encoders.registry import load_encoder
from indexer.pipeline import run
from indexer.pipeline.engine import Engine
from indexer.store import Store
from indexer.types import Pixels
from tests.benchmarks.machine import about, save
from tests.fixtures.given_encoder import GivenEncoder

ROOT: Final = Path(__file__).resolve().parents[2]
#: Workers of a case; 0 is the local pipeline.
ENCODING, GIVEN = (0, 4), (0, 1, 2, 4)
OBJECT_STORE: Final = 200_000_000


class FreeEncoder(GivenEncoder):
    """Vectors are pixels, as many as are needed: next to nothing to compute."""

    def encode_images(self, pixels: Pixels, *, tokens: bool = False) -> Encoded:
        """(n, h, w, 3) uint8 -> (n, d) float32, unit norm."""
        vectors = pixels.reshape(len(pixels), -1)[:, : self.identity.dimension].astype(np.float32) + 1
        return Encoded(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def stand_in() -> Encoder:
    """For pictures and vectors of the bundled encoder's sizes."""
    own = load_encoder("bundled").identity
    return FreeEncoder(identity=EncoderId("given", "0" * 64, own.dimension, own.preprocessing), batch_size=32)


def one(photos: Path, workers: int, *, given: bool) -> dict[str, float]:
    """One run, in this process."""
    engine = None if workers == 0 else engine_of(workers, given=given)
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder) / "s")
        try:
            with store.writing():
                report = run.run(
                    store,
                    stand_in() if given else load_encoder("bundled"),
                    [str(photos)],
                    engine=engine,
                )
        finally:
            store.close()
    return {"files": report.encoded, "seconds": report.seconds}


def engine_of(workers: int, *, given: bool) -> Engine:
    import ray

    from indexer.pipeline import ray_engine

    class GivenActor(ray_engine.EncodingActor):
        """Encodes with the stand-in."""

        def encoder(self) -> Encoder:
            """It."""
            return stand_in()

    ray.init(num_cpus=workers, object_store_memory=OBJECT_STORE, include_dashboard=False, log_to_driver=False)
    return ray_engine.RayEngine(None, GivenActor if given else None)


def in_turn(folders: list[Path], cases: list[tuple[int, bool]], rounds: int) -> list[dict[str, Any]]:
    """Every case `rounds` times, on fewer and on more photographs, each in a process of its own."""
    rows: list[dict[str, Any]] = [
        {"workers": workers, "given": given, "rate": [], "runs": []} for workers, given in cases
    ]
    for _ in range(rounds):
        for row in rows:
            less, more = (run_of(folder, row["workers"], given=row["given"]) for folder in folders)
            files = more["files"] - less["files"]
            row["rate"].append(files / (more["seconds"] - less["seconds"]))
            row["runs"].append([less, more])
            print(row["workers"], "given" if row["given"] else "encoding", less, more, flush=True)
    return rows


def run_of(photos: Path, workers: int, *, given: bool) -> dict[str, float]:
    """`one`, in a process of its own."""
    command = [sys.executable, __file__, "--photos", str(photos), "--one", str(workers), *["--given"] * given]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def told(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With the ratio of each to the local pipeline."""
    base = {row["given"]: row for row in rows if row["workers"] == 0}
    for row in rows:
        own = base[row["given"]]
        row["of_local"] = statistics.median(row["rate"]) / statistics.median(own["rate"])
        what = f"{row['workers']} workers" if row["workers"] else "local"
        print(
            f"{'given' if row['given'] else 'encoding'}, {what}: {statistics.median(row['rate']):.1f} a second "
            f"({row['of_local']:.2f} of local)"
        )
    return rows


def some(photos: Path, count: int, folder: Path) -> Path:
    """The first photographs of a folder."""
    folder.mkdir()
    for path in sorted(path for path in photos.iterdir() if path.is_file())[:count]:
        os.link(path, folder / path.name)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="a folder of photographs; the first are taken")
    parser.add_argument("--count", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", choices=("all", "encoding", "given"), default="all")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--given", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one is not None:
        print(json.dumps(one(asked.photos, asked.one, given=asked.given)))
        return
    cases = [(workers, False) for workers in ENCODING] if asked.cases != "given" else []
    cases += [(workers, True) for workers in GIVEN] if asked.cases != "encoding" else []
    found = about(photos=asked.count, rounds=asked.rounds)
    with tempfile.TemporaryDirectory(dir=asked.photos.parent) as folder:
        counts = (asked.count // 4, asked.count)
        folders = [some(asked.photos, count, Path(folder) / str(count)) for count in counts]
        rows = in_turn(folders, cases, asked.rounds)
    save(asked.json, found, rows=told(rows))


if __name__ == "__main__":
    main()
