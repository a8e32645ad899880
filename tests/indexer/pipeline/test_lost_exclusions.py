"""Forgotten paths that are renamed: what comes back is said, once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.indexer.pipeline.test_run import BLUE, GREEN, RED, paint
from tests.indexer.pipeline.test_run_moved import MovingBench


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MovingBench:
    return MovingBench(tmp_path / "photos.search", monkeypatch)


@pytest.fixture
def photos(bench: MovingBench, tmp_path: Path) -> Path:
    """Two photographs, and three in a folder that was forgotten."""
    folder = tmp_path / "m"
    for at, name in enumerate(("a.bmp", "b.bmp", "priv/0.bmp", "priv/1.bmp", "priv/2.bmp")):
        paint(folder / name, (RED, GREEN, BLUE)[at % 3], (16, 12 + at))
    bench.run(folder)
    bench.forget(folder / "priv")
    return folder


def told(lost: str, where: str) -> list[str]:
    return [
        f"{lost}. What was renamed or moved can be found again under its new name: this run found new photographs in "
        f"{where}; `forget(PATH)` with the new name takes it out."
    ]


def test_a_renamed_folder_comes_back_with_a_word(bench: MovingBench, photos: Path) -> None:
    (photos / "priv").rename(photos / "priv2")
    report = bench.run(photos)
    assert report.encoded == 3
    assert report.warnings == told(f"{photos}/priv was forgotten and is no longer there", f"{photos}/priv2")
    bench.forget(photos / "priv2")  # the step that was named
    paint(photos / "c.bmp", RED, (50, 50))
    report = bench.run(photos)
    assert (report.encoded, report.warnings) == (1, [])  # told once
    assert sorted(bench.names(photos)) == ["a.bmp", "b.bmp", "c.bmp"]


def test_what_came_back_to_its_name_is_out_again_and_told_anew(bench: MovingBench, photos: Path) -> None:
    (photos / "priv").rename(photos / "priv2")
    assert len(bench.run(photos).warnings) == 1
    (photos / "priv2").rename(photos / "priv")
    report = bench.run(photos)
    assert (report.vanished, report.warnings, sorted(bench.names(photos))) == (3, [], ["a.bmp", "b.bmp"])
    (photos / "priv").rename(photos / "priv3")
    assert len(bench.run(photos).warnings) == 1


def test_of_several_the_first_is_named_and_a_move_to_another_root_counts(
    bench: MovingBench, photos: Path, tmp_path: Path
) -> None:
    bench.forget(photos / "b.bmp")
    other = tmp_path / "n"
    (other / "x").mkdir(parents=True)
    (photos / "b.bmp").rename(other / "b.bmp")
    (photos / "priv").rename(other / "x" / "priv")
    assert bench.run(other).warnings == told(
        f"2 forgotten paths are no longer there (first: {photos}/b.bmp)", f"2 folders (first: {other})"
    )


def test_nothing_is_said_while_nothing_new_is_found(bench: MovingBench, photos: Path) -> None:
    shutil.rmtree(photos / "priv")
    assert bench.run(photos).warnings == []


def test_nothing_is_said_of_what_is_there_or_on_a_drive_that_is_away(
    bench: MovingBench, photos: Path, tmp_path: Path
) -> None:
    other = tmp_path / "n"
    paint(other / "x.bmp", RED, (50, 50))
    assert bench.run(other).warnings == []
    photos.rename(tmp_path / "aside")
    bench.mount(photos, photos.parent)  # a folder, and no mount point now
    paint(other / "y.bmp", RED, (51, 50))
    report = bench.run(other)
    assert (report.encoded, report.warnings) == (1, [])
