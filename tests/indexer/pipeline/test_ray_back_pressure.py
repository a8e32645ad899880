"""Where writing is slow, a Ray cluster stops encoding: what waits fits its object store. What Ray gives up goes on."""

from __future__ import annotations

import os
import pickle
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("ray", reason="the extra `ray` is not installed")

import ray

from indexer.errors import EncoderError
from indexer.pipeline.engine import Work
from indexer.pipeline.ray_engine import EncodingActor, RayEngine
from indexer.pipeline.values import EncodedFile, Ignored
from indexer.settings import DecodeLimits
from indexer.types import Candidate
from tests.fixtures.colour_encoder import ColourEncoder

pytestmark = [pytest.mark.scale, pytest.mark.filterwarnings("ignore")]  # Ray's own

FILES, BATCH, LARGE, OBJECT_STORE = 800, 4, 1_000_000, 100_000_000
MARKS = "SEARCH_TEST_MARKS"


class LargeActor(EncodingActor):
    """A megabyte a file, at once; a mark a batch."""

    def __init__(self, work: Work, threads: int) -> None:
        self._folder = Path(os.environ[MARKS])

    def __call__(self, batch: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """As `EncodingActor`."""
        found = []
        for each in batch["files"]:
            candidates = pickle.loads(each)
            tokens = np.random.default_rng(0).integers(0, 100, (1, LARGE), np.int8)
            found.append(pickle.dumps([EncodedFile(Ignored(one, settled=True), None, tokens) for one in candidates]))
            (self._folder / candidates[0].path.strip("/")).touch()
        return {"files": np.array(found, dtype=object)}


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RayEngine]:
    monkeypatch.setenv(MARKS, str(tmp_path / "marks"))
    (tmp_path / "marks").mkdir()
    ray.shutdown()
    ray.init(num_cpus=2, object_store_memory=OBJECT_STORE, include_dashboard=False, log_to_driver=False)
    yield RayEngine(None, LargeActor)
    ray.shutdown()


def work() -> Work:
    return Work(ColourEncoder().identity, DecodeLimits(), BATCH, tokens=True)


def candidates() -> list[Candidate]:
    return [Candidate(f"/{number:03}", 1, 1, 1) for number in range(FILES)]


def test_what_waits_is_bounded(engine: RayEngine, tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    most = taken = 0
    for number, one in enumerate(engine.encoded(iter(candidates()), work())):
        assert one.file.candidate.path == f"/{number:03}"
        taken += 1
        if number in (20, 200, 400):
            most = max(most, settled(tmp_path / "marks") * BATCH - taken)
    assert taken == FILES
    print(f"at most {most} files of a megabyte waited; a store of {OBJECT_STORE // LARGE}")
    assert most * LARGE < 2 * OBJECT_STORE  # half of what there is, or everything has been encoded
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 4 * OBJECT_STORE


def settled(folder: Path) -> int:
    """Batches that are encoded, when no more come by themselves."""
    count, since = -1, time.monotonic()
    while time.monotonic() - since < 3:
        now = len(list(folder.iterdir()))
        if now != count:
            count, since = now, time.monotonic()
        time.sleep(0.05)
    return count


class Breaking:
    """In the place of `RayEngine._run`: gives up after so many files, each time."""

    def __init__(self, *counts: int) -> None:
        self._counts = list(counts)
        self.asked: list[str] = []

    def __call__(self, some: list[Candidate], _work: Work) -> Iterator[EncodedFile]:
        self.asked.append(some[0].path)
        count = self._counts.pop(0) if self._counts else len(some)
        for each in some[:count]:
            yield EncodedFile(Ignored(each, settled=True))
        if count < len(some):
            raise ray.exceptions.RaySystemError("a machine is gone")


def test_what_ray_gives_up_is_begun_again_behind_the_last_file(
    engine: RayEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking = Breaking(7, 0, 0, 3)
    monkeypatch.setattr(engine, "_run", breaking)
    found = [each.file.candidate.path for each in engine.encoded(candidates(), work())]
    assert found == [each.path for each in candidates()]
    assert breaking.asked == ["/000", "/007", "/007", "/007", "/010"]


def test_it_has_an_end(engine: RayEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_run", Breaking(7, 0, 0, 0))
    found = engine.encoded(candidates(), work())
    assert len([next(found) for _ in range(7)]) == 7
    with pytest.raises(EncoderError, match=r"gave up encoding \(.*a machine is gone.*\); what was encoded is kept"):
        next(found)
