"""A file that ended a run is left out by the next one; files that were only in hand when a person killed it are not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from indexer.catalog.meta import LEFT_OUT, Meta
from indexer.in_hand import IN_HAND, InHand
from indexer.pipeline import trial
from indexer.pipeline.trial import why_not
from indexer.settings import DecodeLimits
from indexer.store import Store
from indexer.types import Candidate
from tests.fixtures.colour_encoder import ColourEncoder
from tests.indexer.pipeline.test_run import GREEN, RED, Bench, bench, paint

__all__ = ["bench"]  # a fixture

LIMITS = DecodeLimits()
REASON = "reading it ended an earlier run"
WANTED = ColourEncoder().identity.preprocessing

#: The child of a trial that a file named so ends as a decoder would that takes all memory.
_DIES = trial._PROGRAM.replace(
    "sys.exit(",
    "import signal; b'evil' in os.fsencode(sys.argv[1]) and os.kill(os.getpid(), signal.SIGKILL); sys.exit(",
)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    paint(tmp_path / "photos" / "good.png", GREEN)
    paint(tmp_path / "photos" / "evil.png", RED)
    return tmp_path / "photos"


@pytest.fixture
def killed(bench: Bench, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run was killed that had both in hand, and one of them does it again."""
    _answer(monkeypatch, REASON)
    monkeypatch.setenv("SEARCH_MEMORY", "8GB")
    Store.create(bench.folder).close()
    hand = InHand(bench.folder, 2)
    with hand.hold(Candidate.at(str(photos / "good.png"))), hand.hold(Candidate.at(str(photos / "evil.png"))):
        left = (bench.folder / IN_HAND).read_bytes()
    hand.close()
    (bench.folder / IN_HAND).write_bytes(left)


def _names(bench: Bench) -> list[str]:
    return sorted(map(os.path.basename, bench.visible()))


@pytest.mark.usefixtures("killed")
def test_only_what_ends_its_trial_is_left_out(bench: Bench, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.pipeline.here.why_not", why_not)  # in processes of their own
    monkeypatch.setattr(trial, "_PROGRAM", _DIES)
    report = bench.run(photos)
    assert _names(bench) == ["good.png"]
    (failure,) = report.failures
    assert failure.path.endswith("evil.png")
    assert failure.reason.startswith("reading it ended an earlier run: alone it takes more than the 8.0 GB of memory")
    assert not (bench.folder / IN_HAND).exists()


@pytest.mark.usefixtures("killed")
def test_it_stays_left_out_and_is_not_tried_again(bench: Bench, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run(photos)
    tried = _answer(monkeypatch, REASON)
    report = bench.run(photos)
    assert (report.failures, report.known_failures, tried) == ([], 1, [])
    assert _names(bench) == ["good.png"]


@pytest.mark.usefixtures("killed")
def test_with_more_memory_it_is_tried_again(bench: Bench, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run(photos)
    monkeypatch.setenv("SEARCH_MEMORY", "16GB")
    bench.run(photos)
    assert _names(bench) == ["good.png"]  # it ends its process all the same
    _answer(monkeypatch, None)
    monkeypatch.setenv("SEARCH_MEMORY", "12GB")
    bench.run(photos)
    assert _names(bench) == ["good.png"]
    monkeypatch.setenv("SEARCH_MEMORY", "20GB")
    bench.run(photos)
    assert _names(bench) == ["evil.png", "good.png"]
    assert _left_out(bench) == []


@pytest.mark.usefixtures("killed")
def test_once_it_has_changed_it_is_read_as_any_file(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    paint(photos / "evil.png", RED, size=(40, 40))
    bench.run(photos)
    assert _names(bench) == ["evil.png", "good.png"]
    bench.run(photos)
    assert _left_out(bench) == []


@pytest.mark.usefixtures("killed")
def test_killed_again_before_the_verdict_both_are_suspects_still(
    bench: Bench, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("indexer.pipeline.here.why_not", kill)
        bench.run(photos)
    bench.run(photos)
    assert _names(bench) == ["good.png"]


@pytest.mark.parametrize("value", ["", "null", "[1]", '[["a", 1]]', '[["a", "1", 2, 3, "b"]]', "{", "[" * 5000])
def test_what_is_written_down_may_be_anything(bench: Bench, photos: Path, value: str) -> None:
    store = Store.create(bench.folder)
    with store.writing(), store.catalog.batch() as batch:
        Meta(batch).set(LEFT_OUT, value)
    store.close()
    bench.run(photos)
    assert _names(bench) == ["evil.png", "good.png"]


def test_a_run_that_ends_leaves_nothing(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    assert not (bench.folder / IN_HAND).exists()


def test_a_trial_reads_as_a_run_does(photos: Path) -> None:
    """Whatever is wrong with a file, a trial that ends lets the run find it out."""
    (photos / "bad.jpg").write_bytes(b"\xff\xd8\xffbad")
    (photos / "captions.csv").write_text("image,caption\ngood.png,a green one\n")
    for name in ("good.png", "bad.jpg", "captions.csv"):
        assert why_not(Candidate(str(photos / name), 1, 1), WANTED, LIMITS, 300_000_000) is None, name


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory of a process is bounded on Linux")
def test_a_trial_may_take_no_more_than_it_was_given(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    greedy = trial._PROGRAM.replace(
        "sys.exit(", "import indexer.pipeline.trial as t; t.decode = lambda *a: len(bytes(900_000_000)); sys.exit("
    )
    monkeypatch.setattr(trial, "_PROGRAM", greedy)
    one = Candidate.at(str(photos / "good.png"))
    assert why_not(one, WANTED, LIMITS, 3_000_000_000) is None
    said = why_not(one, WANTED, LIMITS, 200_000_000)
    assert said is not None
    assert said.startswith("reading it ended an earlier run")


def test_a_trial_without_end_is_cut_off(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_PROGRAM", "import time; time.sleep(60)")
    monkeypatch.setattr(trial, "_SECONDS", 0.2)
    said = why_not(Candidate.at(str(photos / "good.png")), WANTED, LIMITS, 200_000_000)
    assert said == "an earlier run ended while it was read, and reading it alone takes more than 0 seconds"


def _answer(monkeypatch: pytest.MonkeyPatch, reason: str | None) -> list[str]:
    """What a trial says of the evil one from now on. Returns the paths that are tried."""
    tried: list[str] = []

    def answer(candidate: Candidate, *_: object) -> str | None:
        tried.append(candidate.path)
        return reason if "evil" in candidate.path else None

    monkeypatch.setattr("indexer.pipeline.here.why_not", answer)
    return tried


def _left_out(bench: Bench) -> list[object]:
    store = Store.open(bench.folder)
    try:
        with store.catalog.snapshot() as snapshot:
            found: list[object] = json.loads(Meta(snapshot).get(LEFT_OUT) or "[]")
            return found
    finally:
        store.close()
