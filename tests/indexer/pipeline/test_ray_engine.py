"""A real Ray, with two processes that encode: the same store as without it, also where one of them is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("ray")

from indexer.encoders.registry import load_encoder
from indexer.errors import EncoderError
from indexer.pipeline import run
from indexer.pipeline.engine import Engine, Work
from indexer.pipeline.engines import open_engine
from indexer.pipeline.values import EncodedFile
from indexer.store import Store
from indexer.types import Candidate
from tests.crash.observed import committed

pytestmark = [pytest.mark.scale, pytest.mark.filterwarnings("ignore")]  # Ray's own


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(300):
        Image.new("RGB", (64 + number // 256, 48), (number % 256, 90, 200)).save(folder / f"{number:03}.png")
    (folder / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n no more")
    return folder


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    import ray

    yield open_engine("ray")
    ray.shutdown()


def index(folder: Path, photos: Path, engine: Engine | None) -> Path:
    store = Store.create(folder)
    try:
        with store.writing():
            report = run.run(store, load_encoder("bundled"), [str(photos)], engine=engine)
    finally:
        store.close()
    assert (report.encoded, len(report.failures)) == (300, 1)
    return folder


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    return index(tmp_path_factory.mktemp("here") / "s", photos, None)


def test_the_same_store(tmp_path: Path, photos: Path, here: Path, engine: Engine) -> None:
    assert committed(index(tmp_path / "there", photos, engine)) == committed(here)


class Killing:
    """Kills a process of Ray's that encodes, whenever some have come."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.killed = 0

    def encoded(self, candidates: Iterable[Candidate], work: Work) -> Iterator[EncodedFile]:
        for number, each in enumerate(self._engine.encoded(candidates, work)):
            if number in (40, 170):
                self.killed += kill_one()
            yield each


def kill_one() -> int:
    """How many were there to be killed, one at most."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                name = Path(f"/proc/{entry}/cmdline").read_bytes()
            except OSError:
                continue
            if b"ray::MapWorker" in name:
                os.kill(int(entry), signal.SIGKILL)
                return 1
    return 0


def test_a_process_that_is_killed_loses_nothing(
    tmp_path: Path, photos: Path, here: Path, engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    killing = Killing(engine)
    found = index(tmp_path / "there", photos, killing)
    assert killing.killed > 0
    assert committed(found) == committed(here)
    assert capfd.readouterr().out == ""  # where the answer of the command goes


def test_a_cluster_that_is_not_there_is_said() -> None:
    import ray

    ray.shutdown()
    with pytest.raises(EncoderError, match=r"There is no Ray cluster at 127.0.0.1:1 \(.*refused.*\); start one there"):
        open_engine("ray://127.0.0.1:1")
