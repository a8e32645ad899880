"""Indexed copies that are deleted: the originals, and what was decided about them, stay as they were."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from indexer.catalog.exclusions import Exclusions
from indexer.catalog.roots import Roots
from indexer.files import mounts
from indexer.pipeline.forget import Forgotten
from indexer.settings import DEFAULT_IGNORES, IndexSettings
from indexer.store import Store
from tests.indexer.pipeline.test_run import BLUE, GREEN, RED, paint
from tests.indexer.pipeline.test_run_moved import MovingBench

NAMES = ["0.bmp", "1.bmp", "2.bmp", "9.bmp"]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MovingBench:
    return MovingBench(tmp_path / "photos.search", monkeypatch)


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """A folder in a root, of four photographs."""
    folder = tmp_path / "p" / "2020"
    for at, name in enumerate(NAMES):
        paint(folder / name, (RED, GREEN, BLUE)[at % 3], (16, 12 + at))
    return folder


def decided(bench: MovingBench) -> tuple[dict[str, list[str]], list[str]]:
    """The patterns of each root that are no default ones, and the exclusions."""
    store = Store.open(bench.folder)
    try:
        with store.catalog.snapshot() as snapshot:
            roots = {row.path: [p for p in row.ignores if p not in DEFAULT_IGNORES] for row in Roots(snapshot).all()}
            return roots, Exclusions(snapshot).all()
    finally:
        store.close()


def farewell(lost: Path, known: Path) -> list[str]:
    return [
        f"{lost} is no longer there, and its files are no longer found there. {known}, where the same files were "
        f"indexed before, stays as it was; `forget({str(lost)!r})` takes the lost folder out."
    ]


@pytest.mark.parametrize("named", [True, False])
def test_a_deleted_copy_gives_its_patterns_and_what_was_forgotten_of_it_to_nobody(
    bench: MovingBench, original: Path, tmp_path: Path, named: bool
) -> None:
    bench.run(original.parent)
    before = bench.names(original)
    copy = shutil.copytree(original, tmp_path / "bak")
    bench.run(copy, settings=IndexSettings(ignores=("*9.bmp",)))
    bench.forget(copy / "2.bmp")
    shutil.rmtree(copy)
    report = bench.run(*[original.parent] if named else [])
    assert report.warnings == farewell(copy, original)
    assert (report.unchanged, report.vanished, report.encoded, report.newly_ignored) == (4, 2, 0, 0)
    assert bench.names(original) == before
    assert decided(bench) == ({str(copy): ["*9.bmp"], str(original.parent): []}, [str(copy / "2.bmp")])
    paint(original / "2.bmp", BLUE, (40, 40))  # and it is looked at as before
    assert bench.run(original.parent).encoded == 1
    assert bench.forget(copy) == Forgotten(2, (str(copy),))
    assert (sorted(bench.names(original)), decided(bench)) == (NAMES, ({str(original.parent): []}, []))


def test_a_deleted_copy_of_a_whole_root_freezes_nothing_of_it(
    bench: MovingBench, original: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    bench.run(original)
    shutil.copytree(original, copy)
    bench.run(copy)
    for name in NAMES[:2]:
        bench.forget(copy / name)
    shutil.rmtree(copy)
    assert bench.run().warnings == farewell(copy, original)
    for name in NAMES:
        paint(original / name, GREEN, (50, 50))
    report = bench.run()
    assert (report.encoded, report.unchanged) == (4, 0)


def test_what_was_forgotten_of_a_lost_root_goes_with_it_unless_it_lies_in_another(
    bench: MovingBench, original: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "alone"
    inner = original.parent / ".scans"
    for root in (alone, inner):
        shutil.copytree(original, root)
        bench.run(root)
        bench.forget(root / "2.bmp")
    bench.run(original.parent)
    assert decided(bench)[1] == [str(alone / "2.bmp"), str(inner / "2.bmp")]
    shutil.rmtree(alone)
    shutil.rmtree(inner)
    assert bench.forget() == Forgotten(6, (str(alone), str(inner)))
    assert decided(bench) == ({str(original.parent): []}, [str(inner / "2.bmp")])


@pytest.mark.parametrize("how", ["forgotten", "ignored", "hidden by a pattern later"])
def test_a_deleted_copy_brings_nothing_back_that_was_left_out(
    bench: MovingBench, original: Path, tmp_path: Path, how: str
) -> None:
    root = original.parent
    paint(root / "own.bmp", RED, (30, 30))
    pattern = IndexSettings(ignores=("2020/",))
    bench.run(root, settings=pattern if how == "ignored" else None)
    if how == "forgotten":
        bench.forget(original)
    elif how == "hidden by a pattern later":
        bench.run(root, settings=pattern)
    copy = shutil.copytree(original, tmp_path / "bak")
    bench.run(copy)
    shutil.rmtree(copy)
    report = bench.run()
    assert f"{copy} is no longer there" in report.warnings[0]
    assert list(bench.names(root)) == ["own.bmp"]
    assert set(bench.roots()) == {str(root), str(copy)}


def test_a_root_that_was_moved_where_a_pattern_leaves_it_out_is_followed(
    bench: MovingBench, original: Path, tmp_path: Path
) -> None:
    outer = tmp_path / "c"
    paint(outer / "own.bmp", RED, (30, 30))
    bench.run(outer, settings=IndexSettings(ignores=("scans/",)))
    bench.run(original, settings=IndexSettings(ignores=("*9.bmp",)))
    before = bench.names(original)
    original.rename(outer / "scans")
    report = bench.run()
    assert f"{original} has moved to {outer / 'scans'};" in report.warnings[0]
    assert decided(bench) == ({str(outer): ["scans/"], str(outer / "scans"): ["*9.bmp"]}, [])
    after = bench.names(outer / "scans")
    after.pop("../own.bmp")
    assert after == {name: before[name] for name in NAMES[:3]}


def test_a_root_that_was_moved_back_to_where_it_vanished_before_is_followed(
    bench: MovingBench, original: Path, tmp_path: Path
) -> None:
    root = original.parent
    paint(root / "own.bmp", RED, (30, 30))
    bench.run(root)
    away = original.rename(tmp_path / "away")
    bench.run(away, root)
    bench.forget(away / "0.bmp")
    away.rename(original)
    report = bench.run()
    assert f"{away} has moved to {original};" in report.warnings[0]
    assert sorted(bench.names(original)) == ["../own.bmp", *NAMES[1:]]


def test_ghosts_of_a_move_that_was_not_noticed_go(
    bench: MovingBench, original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(original, settings=IndexSettings(ignores=("*.tmp",)))
    place = original.rename(tmp_path / "b")
    with monkeypatch.context() as patch:  # an older version
        patch.setattr(mounts.os.path, "ismount", lambda path: False)
        bench.run(place)
    assert len(bench.names(place)) == 4 * 2
    report = bench.run(place)
    assert (report.vanished, report.warnings) == (4, farewell(original, place))
    assert sorted(bench.names(place)) == NAMES
    assert decided(bench)[0] == {str(place): [], str(original): ["*.tmp"]}
    assert bench.run(place).warnings == []
    assert bench.forget() == Forgotten(4, (str(original),))
    assert bench.roots() == [str(place)]


def test_two_walks_that_come_to_a_file_count_it_once(bench: MovingBench, original: Path, tmp_path: Path) -> None:
    known = tmp_path / "known"
    paint(known / "own.bmp", RED, (30, 30))
    bench.run(original, known)
    (known / "new").mkdir()
    for name in NAMES[:2]:  # half of them
        shutil.copy2(original / name, known / "new" / name)
    shutil.rmtree(original)
    report = bench.run(known, tmp_path)
    assert f"{original} is no longer there" in report.warnings[0]
    assert os.path.join(known, "new") not in bench.roots()
