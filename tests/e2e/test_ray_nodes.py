"""`search index --engine ray://...` on four machines, of which one is killed with all its processes: nothing is lost,
and nothing is there twice.

RAY_KILLS=20 kills so often (default 1), RAY_SEED chooses other machines and moments.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("ray", reason="the extra `ray` is not installed")

from tests.crash.observed import Committed, committed
from tests.fixtures.paths import ROOT
from tests.fixtures.ray_nodes import RayNodes, ray_nodes, why_not

KILLS = int(os.environ.get("RAY_KILLS", "1"))
SEED = int(os.environ.get("RAY_SEED", "12"))
PHOTOGRAPHS, MACHINES = 400, 4
HINDRANCE = why_not()

pytestmark = [pytest.mark.scale, pytest.mark.skipif(HINDRANCE is not None, reason=HINDRANCE or "")]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    chance = random.Random(SEED)
    for number in range(PHOTOGRAPHS):
        small = Image.new("RGB", (6, 4))
        small.putdata([tuple(chance.randrange(256) for _ in range(3)) for _ in range(24)])
        small.resize((240, 160), Image.Resampling.BICUBIC).save(folder / f"{number:03}.jpg")
    (folder / "copy.jpg").write_bytes((folder / "007.jpg").read_bytes())
    (folder / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n no more")
    (folder / "captions.jsonl").write_text('{"image": "003.jpg", "captions": ["a red field", "a field"]}\n')
    return folder


@pytest.fixture(scope="module")
def here(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Committed:
    """What one machine makes of them."""
    store = tmp_path_factory.mktemp("here") / "s"
    command = [sys.executable, "-m", "search", "index", str(photos), "--store", str(store), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert "damaged.png" in done.stdout + done.stderr
    found = committed(store)
    assert len(found) == PHOTOGRAPHS + 1 + 2
    return found


@pytest.fixture(scope="module")
def nodes() -> Iterator[RayNodes]:
    with ray_nodes(MACHINES) as found:
        yield found


def test_four_machines_make_the_store_of_one(tmp_path: Path, photos: Path, here: Committed, nodes: RayNodes) -> None:
    running = nodes.run(0, index(photos, tmp_path / "s", nodes))
    _, said = running.communicate(timeout=600)
    assert "damaged.png" in said
    assert committed(tmp_path / "s") == here


@pytest.mark.parametrize("number", range(KILLS))
def test_a_machine_that_is_killed_loses_nothing(
    tmp_path: Path, photos: Path, here: Committed, nodes: RayNodes, number: int
) -> None:
    chance = random.Random(f"{SEED} {number}")
    victim, moment, pause = chance.randrange(1, MACHINES), chance.uniform(0, 0.9), chance.uniform(0, 1)
    what = f"seed {SEED}, kill {number}: machine {victim} after {moment:.0%} and {pause:.2f} s"
    running = nodes.run(0, index(photos, tmp_path / "s", nodes))
    while (there := written(tmp_path / "s")) < moment * PHOTOGRAPHS and running.poll() is None:
        time.sleep(0.02)
    time.sleep(pause)
    too_late = running.poll() is not None
    killed = nodes.kill(victim)
    out, said = running.communicate(timeout=900)
    print(f"{what}: {killed} processes, {there} files were written" + ", too late" * too_late)
    nodes.join(victim)
    assert "damaged.png" in said, (what, out, said)
    assert committed(tmp_path / "s") == here, what


def index(photos: Path, store: Path, nodes: RayNodes) -> list[str]:
    return ["index", str(photos), "--store", str(store), "--engine", f"ray://{nodes.address}", "--quiet"]


def written(store: Path) -> int:
    """Files that were committed so far."""
    path = store / "catalog.sqlite"
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as opened:
            return int(opened.execute("SELECT COUNT(*) FROM file").fetchone()[0])
    except sqlite3.Error:  # it comes to be this moment
        return 0
