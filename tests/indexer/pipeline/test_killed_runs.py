"""A run that is killed after any of its transactions, and killed again, ends as one that nothing disturbed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from indexer.catalog.catalog import Catalog
from indexer.catalog.transaction import Transaction
from indexer.pipeline import ingest
from indexer.pipeline import run as pipeline
from indexer.pipeline.forget import forget
from indexer.store import Store
from tests.crash.observed import rows
from tests.fixtures.colour_encoder import ColourEncoder
from tests.indexer.pipeline.test_run import Bench, paint

#: Each moment of the first kill with each of the second: minutes.
EVERY_PAIR: Final = bool(os.environ.get("CRASH_KILLS"))
#: More than a run has transactions.
_NEVER: Final = 1_000


class _Killed(BaseException):
    pass


class _Killer:
    """Ends a run after so many transactions; what the run still does to leave in order reaches no catalog."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._left, self.made = _NEVER, 0
        batch, snapshot = Catalog.batch, Catalog.snapshot

        @contextmanager
        def counted(catalog: Catalog) -> Iterator[Transaction]:
            self._check()
            with batch(catalog) as transaction:
                yield transaction
            self._left, self.made = self._left - 1, self.made + 1
            self._check()

        @contextmanager
        def checked(catalog: Catalog) -> Iterator[Transaction]:
            self._check()
            with snapshot(catalog) as transaction:
                yield transaction

        patch.setattr(Catalog, "batch", counted)
        patch.setattr(Catalog, "snapshot", checked)

    def _check(self) -> None:
        if self._left <= 0:
            raise _Killed

    def run(self, bench: Bench, roots: list[Path], *, after: int, reencode: bool) -> bool:
        """False where it was killed."""
        self._left, self.made = after, 0
        try:
            bench.run(*roots, reencode=reencode)
        except _Killed:
            return False
        finally:
            self._left = _NEVER
        return True


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch) -> _Killer:
    monkeypatch.setattr(ingest, "SECONDS_A_COMMIT", 0.0)  # as many transactions as a large collection has
    monkeypatch.setattr(pipeline, "build_indexes", lambda *_, **__: [])  # a cache, and a third of the time
    return _Killer(monkeypatch)


def _colour(number: int) -> tuple[int, int, int]:
    return (number * 20, 255 - number * 20, number * 7)


def _table(path: Path, *texts: tuple[str, str]) -> None:
    if path.suffix == ".csv":
        path.write_text("image,caption\n" + "".join(f"{name},{text}\n" for name, text in texts))
    else:
        path.write_text("".join(json.dumps({"image": name, "caption": text}) + "\n" for name, text in texts))


def _before(photos: Path) -> None:
    for number in range(10):
        paint(photos / f"{number}.png", _colour(number))
    _table(
        photos / "captions.jsonl", *((f"{number}.png", f"row {number}") for number in range(8)), ("z.png", "a zebra")
    )
    (photos / "1.txt").write_text("sidecar 1")
    (photos / "9.png.txt").write_text("sidecar 9")
    (photos / "3.png.json").write_text(json.dumps({"photoTakenTime": {"timestamp": "1620123456"}, "description": "3"}))
    paint(photos / "sub" / "a.png", _colour(11))
    _table(photos / "sub" / "captions.csv", ("a.png", "sub a"), ("late.png", "sub late"))


def _change_everything(photos: Path) -> list[Path]:
    """The table, and photographs that it names; photographs beside which something tells of them; and one comes."""
    for number in (1, 2, 3):
        (photos / f"{number}.png").unlink()
    (photos / "sub" / "images").mkdir()
    (photos / "sub" / "a.png").rename(photos / "sub" / "images" / "a.png")
    (photos / "moved").mkdir()
    for number in (4, 9):
        (photos / f"{number}.png").rename(photos / "moved" / f"{number}.png")
    paint(photos / "sub" / "late.png", _colour(12))
    kept = [(f"{number}.png", f"row {number}") for number in range(1, 8)]
    _table(photos / "captions.jsonl", *kept, ("z.png", "a zebra"), ("moved/4.png", "new"))
    return [photos]


def _delete_only(photos: Path) -> list[Path]:
    for number in (1, 2, 3):
        (photos / f"{number}.png").unlink()
    return [photos]


def _add_only(photos: Path) -> list[Path]:
    paint(photos / "sub" / "late.png", _colour(12))
    paint(photos / "z.png", _colour(5))
    return [photos]


def _bring_back(photos: Path) -> list[Path]:
    """What was forgotten: a photograph, and a folder."""
    paint(photos / "new.png", _colour(12))
    return [photos, photos / "5.png", photos / "sub"]


def _move_out(photos: Path) -> list[Path]:
    """To a folder beside, which alone is looked through."""
    other = photos.parent / "other"
    other.mkdir(exist_ok=True)
    (photos / "6.png").rename(other / "6.png")
    return [other]


CHANGES: Final = [_change_everything, _delete_only, _add_only, _bring_back, _move_out]


@pytest.mark.parametrize(("change", "reencode"), [*((change, False) for change in CHANGES), (_change_everything, True)])
def test_killed_after_any_of_its_transactions_and_once_again(
    tmp_path: Path, killer: _Killer, change: Callable[[Path], list[Path]], reencode: bool
) -> None:
    photos, before, once = (tmp_path / name for name in ("photos", "before", "once"))
    _before(photos)
    Bench(before).run(photos)
    if change is _bring_back:
        store = Store.open(before)
        with store.writing():
            forget(store.catalog, str(photos / "5.png"), str(photos / "sub"))
        store.close()
    roots = change(photos)
    bench = Bench(tmp_path / "work", ColourEncoder("2" if reencode else "1"))

    def run(source: Path, *, after: int = _NEVER) -> bool:
        if source != bench.folder:
            shutil.rmtree(bench.folder, ignore_errors=True)
            shutil.copytree(source, bench.folder)
        return killer.run(bench, roots, after=after, reencode=reencode)

    assert run(before)
    transactions, last = killer.made, rows(bench.folder)
    assert transactions > 5
    for first in range(1, transactions):
        assert not run(before, after=first)
        shutil.rmtree(once, ignore_errors=True)
        shutil.copytree(bench.folder, once)
        for second in range(1, transactions) if EVERY_PAIR else [1 + 5 * first % transactions]:
            ended = run(once, after=second)
            assert ended or run(bench.folder)
            now = rows(bench.folder)
            assert {name: now[name] for name in last} == last, f"killed after {first}, then after {second}"
