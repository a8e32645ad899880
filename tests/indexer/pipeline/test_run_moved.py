"""Roots that were moved, deleted, or lie on a drive that is away: what a run makes of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from indexer.catalog.exclusions import Exclusions
from indexer.catalog.files import Files
from indexer.catalog.roots import Roots
from indexer.doctor import check
from indexer.files import mounts
from indexer.files.mounts import mount_of, presence
from indexer.pipeline import moved
from indexer.pipeline.forget import Forgotten, forget, forget_vanished
from indexer.settings import IndexSettings
from indexer.store import Store
from tests.indexer.pipeline.test_reader_versions import CountingBench
from tests.indexer.pipeline.test_run import BLUE, GREEN, RED, paint


class MovingBench(CountingBench):
    """Also shows and changes what the catalog says of roots."""

    def roots(self) -> list[str]:
        store = Store.open(self.folder)
        try:
            with store.catalog.snapshot() as snapshot:
                return [row.path for row in Roots(snapshot).all()]
        finally:
            store.close()

    def counts(self) -> dict[str, int]:
        store = Store.open(self.folder)
        try:
            with store.catalog.snapshot() as snapshot:
                assert snapshot.integrity() == []
                return Files(snapshot).counts()
        finally:
            store.close()

    def forget(self, path: Path | None = None) -> Forgotten:
        store = Store.create(self.folder)
        try:
            return forget_vanished(store.catalog) if path is None else forget(store.catalog, str(path))
        finally:
            store.close()

    def names(self, folder: Path) -> dict[str, int]:
        """Ids of what can be found below a folder, by relative path; nothing may be found elsewhere."""
        found = self.visible()
        return {os.path.relpath(path, folder): number for path, (number, _) in found.items()}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MovingBench:
    return MovingBench(tmp_path / "photos.search", monkeypatch)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "a"
    for number in range(12):
        paint(folder / f"{number % 3}" / f"{number}.bmp", (RED, GREEN, BLUE)[number % 3], (16, 12 + number))
    (folder / "captions.jsonl").write_text('{"image": "0/0.bmp", "caption": "a red field"}\n')
    paint(folder / "1" / "private" / "x.bmp", RED)
    return folder


def test_what_is_known_of_a_moved_folder_follows_it(bench: MovingBench, photos: Path, tmp_path: Path) -> None:
    bench.run(photos, settings=IndexSettings(ignores=("*.tmp",)))
    bench.forget(photos / "1" / "private")
    before, encoded, generation = bench.names(photos), bench.encoder.images, bench.generation()
    photos.rename(tmp_path / "b")
    bench.read.clear()
    report = bench.run(tmp_path / "b")
    assert report.warnings == [
        f"{photos} has moved to {tmp_path / 'b'}; its 13 files are known there, and nothing is encoded again."
    ]
    assert (report.unchanged, report.vanished, report.reused, report.failures) == (13, 0, 0, [])
    assert (bench.read, bench.encoder.images) == ([], encoded)
    assert (bench.names(tmp_path / "b"), bench.generation()) == (before, generation)
    assert bench.texts() == {(str(tmp_path / "b" / "0" / "0.bmp"), "a red field")}
    store = Store.open(bench.folder)
    with store.catalog.snapshot() as snapshot:
        assert [(row.path, "*.tmp" in row.ignores) for row in Roots(snapshot).all()] == [(str(tmp_path / "b"), True)]
        assert Exclusions(snapshot).all() == [str(tmp_path / "b" / "1" / "private")]
    store.close()
    assert bench.again() == ([], 0)
    assert bench.report.warnings == []


@pytest.mark.parametrize("named", [True, False])
def test_a_folder_that_was_moved_into_another_is_found_there(
    bench: MovingBench, photos: Path, tmp_path: Path, named: bool
) -> None:
    outer = tmp_path / "c"
    paint(outer / "own.bmp", BLUE, (20, 20))
    bench.run(photos, outer)
    before = bench.names(photos)
    shutil.move(photos, outer / "deep" / "er")
    report = bench.run(*[outer] if named else [])
    assert "has moved to" in report.warnings[0]
    assert (report.unchanged, report.encoded, report.vanished) == (15, 0, 0)
    after = bench.names(outer / "deep" / "er")
    assert after.pop("../../own.bmp") == before.pop("../c/own.bmp")
    assert after == before
    assert bench.roots() == [str(outer)]  # its patterns are those of the folder around it


def test_a_folder_moved_between_disks_is_read_once_and_not_encoded(
    bench: MovingBench, photos: Path, tmp_path: Path
) -> None:
    bench.run(photos)
    before, encoded = bench.names(photos), bench.encoder.images
    shutil.copytree(photos, tmp_path / "b")  # keeps the times of change, not those of status
    shutil.rmtree(photos)
    report = bench.run(tmp_path / "b")
    assert (report.unchanged, report.reused, bench.encoder.images) == (14, 0, encoded)
    assert bench.names(tmp_path / "b") == before


def test_a_copy_is_no_move(bench: MovingBench, photos: Path, tmp_path: Path) -> None:
    bench.run(photos)
    shutil.copytree(photos, tmp_path / "b")
    report = bench.run(tmp_path / "b")
    assert (report.reused, report.warnings, len(bench.visible())) == (13, [], 26)
    assert bench.roots() == [str(photos), str(tmp_path / "b")]


def test_roots_inside_roots_move_along(bench: MovingBench, photos: Path, tmp_path: Path) -> None:
    bench.run(photos / "1", settings=IndexSettings(ignores=("*.tmp",)))
    bench.run(photos)
    before = bench.names(photos)
    photos.rename(tmp_path / "b")
    report = bench.run(tmp_path / "b")
    assert len([warning for warning in report.warnings if "has moved" in warning]) == 1
    assert bench.roots() == [str(tmp_path / "b"), str(tmp_path / "b" / "1")]
    assert bench.names(tmp_path / "b") == before
    assert (report.unchanged, report.vanished) == (14, 0)


def test_a_hidden_root_inside_does_not_hide_where_its_folder_went(
    bench: MovingBench, photos: Path, tmp_path: Path
) -> None:
    for number in range(20):
        paint(photos / ".scans" / f"{number}.bmp", RED, (8, 8 + number))
    bench.run(photos)
    bench.run(photos / ".scans")
    before = bench.names(photos)
    shutil.move(photos, tmp_path / "b")
    bench.encoder.images = 0
    report = bench.run(tmp_path / "b")
    assert bench.names(tmp_path / "b") == before
    assert (report.encoded, report.reused, report.vanished) == (0, 0, 0)
    assert bench.roots() == [str(tmp_path / "b"), str(tmp_path / "b" / ".scans")]


def test_a_part_that_was_moved_out_is_not_found_twice(bench: MovingBench, photos: Path, tmp_path: Path) -> None:
    bench.run(photos)
    encoded = bench.encoder.images
    (tmp_path / "b").mkdir()
    (photos / "2").rename(tmp_path / "b" / "two")
    report = bench.run(tmp_path / "b")  # does not look at the folder that lost it
    assert (report.reused, report.vanished, bench.encoder.images) == (4, 4, encoded)
    assert len(bench.visible()) == 13
    assert len([path for path in bench.visible() if path.startswith(str(tmp_path / "b"))]) == 4


def test_a_deleted_folder_is_no_longer_found_and_can_be_forgotten(
    bench: MovingBench, photos: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    paint(kept / "own.bmp", BLUE, (20, 20))
    bench.run(photos, kept)
    shutil.rmtree(photos)
    assert [finding.problem for finding in check(bench.folder)] == [f"{photos} is no longer there"]
    report = bench.run(kept)
    assert report.vanished == 14
    assert report.warnings == [
        f"{photos} is no longer there, and its files are no longer found. If it was moved, `index(FOLDER)` with "
        f"its new place knows them again; if not, `forget({str(photos)!r})` takes it out."
    ]
    assert list(bench.names(kept)) == ["own.bmp"]
    assert bench.run(kept).warnings == []
    assert bench.forget() == Forgotten(14, (str(photos),))
    assert bench.roots() == [str(kept)]
    assert bench.run().warnings == []


def test_a_move_is_recognised_after_the_folder_was_taken_for_deleted(
    bench: MovingBench, photos: Path, tmp_path: Path
) -> None:
    bench.run(photos)
    before = bench.names(photos)
    (photos / "0" / "0.bmp").unlink()
    bench.run()
    photos.rename(tmp_path / "b")
    assert bench.run().vanished == 13
    assert bench.visible() == {}
    encoded = bench.encoder.images
    report = bench.run(tmp_path / "b")
    assert "has moved to" in report.warnings[0]
    assert (report.unchanged, report.encoded, bench.encoder.images) == (13, 0, encoded)
    before.pop("0/0.bmp")
    assert bench.names(tmp_path / "b") == before


def test_forgetting_what_vanished_sees_a_deleted_folder_by_itself(bench: MovingBench, photos: Path) -> None:
    bench.run(photos)
    shutil.rmtree(photos)
    assert bench.forget() == Forgotten(14, (str(photos),))
    assert bench.roots() == []


@pytest.mark.parametrize("left", ["nothing", "an empty folder", "another file"])
def test_a_drive_that_is_away_stays_untouched(bench: MovingBench, photos: Path, tmp_path: Path, left: str) -> None:
    bench.run(photos)
    before = bench.visible()
    bench.mount(photos, photos.parent)  # a folder, and no mount point now
    aside = photos.rename(tmp_path / "aside")
    if left != "nothing":
        photos.mkdir()
    if left == "another file":
        paint(photos / "other.bmp", BLUE, (9, 9))
    report = bench.run()
    assert (report.vanished, len(report.warnings)) == (0, 1)
    assert "not mounted" in report.warnings[0]
    assert bench.forget() == Forgotten(0)
    assert before.items() <= bench.visible().items()
    shutil.rmtree(photos, ignore_errors=True)
    aside.rename(photos)
    report = bench.run()
    assert (report.unchanged, report.warnings) == (14, [])
    assert bench.visible() == before


def test_a_folder_that_was_emptied_where_its_drive_is_there_holds_nothing(bench: MovingBench, photos: Path) -> None:
    bench.run(photos)
    shutil.rmtree(photos)
    photos.mkdir()
    assert bench.run().vanished == 14
    assert bench.visible() == {}


def test_in_a_store_that_knows_no_mounts_an_empty_folder_is_a_drive_that_is_away(
    bench: MovingBench, photos: Path
) -> None:
    bench.run(photos)
    bench.mount(photos, None)
    before = bench.visible()
    shutil.rmtree(photos)
    photos.mkdir()
    assert bench.run().vanished == 0
    assert bench.visible() == before


def test_nothing_is_looked_at_twice_where_no_root_is_lost(
    bench: MovingBench, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(photos)
    monkeypatch.setattr(moved, "walk", None)
    monkeypatch.setattr(moved, "mark_gone", None)
    assert bench.run(photos).unchanged == 14


def test_of_places_that_are_alike_the_one_with_all_files_is_the_new_one(
    bench: MovingBench, photos: Path, tmp_path: Path
) -> None:
    bench.run(photos)
    shutil.copytree(photos, tmp_path / "places" / "backup")
    for name in ("3.bmp", "4.bmp"):
        next((tmp_path / "places" / "backup").rglob(name)).unlink()
    photos.rename(tmp_path / "places" / "new")
    report = bench.run(tmp_path / "places")
    assert f"{photos} has moved to {tmp_path / 'places' / 'new'};" in report.warnings[0]
    assert len(bench.visible()) == 13 + 11


# -- mounts -----------------------------------------------------------------------------------------------------


def test_where_a_folder_is_mounted(tmp_path: Path) -> None:
    mount = mount_of(str(tmp_path))
    assert os.path.ismount(mount)
    assert str(tmp_path).startswith(mount)
    (tmp_path / "link").symlink_to("/proc")
    assert mount_of(str(tmp_path / "link" / "self")) == "/proc"
    assert mount_of("/") == "/"


@pytest.mark.parametrize(
    ("path", "mount", "expected"),
    [
        ("/", None, "there"),
        ("/nowhere/photos", None, "gone"),
        ("/nowhere/photos", "/", "gone"),
        ("/nowhere/photos", "/nowhere", "unmounted"),
        ("/media/ann/stick/photos", None, "unmounted"),
        ("/media/ann/stick/photos", "/", "gone"),
        ("/Volumes/stick", None, "unmounted"),
        ("/mnt/x", "/mnt/x", "unmounted"),
        ("/etc/hostname/x", "/", "gone"),
        ("a\0b", "/", "unmounted"),
    ],
)
def test_what_is_not_there_is_gone_or_its_drive_is_away(path: str, mount: str | None, expected: str) -> None:
    assert presence(path, mount) == expected


def test_where_no_mount_was_noted_a_drive_above_the_path_is_the_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts.os.path, "ismount", lambda path: path in ("/", "/mnt/data", "/media/ann/other"))
    assert presence("/mnt/data/photos", None) == "gone"
    assert presence("/mnt/other/photos", None) == "unmounted"
    assert presence("/media/ann/stick/photos", None) == "unmounted"


def test_what_nobody_can_look_at_is_not_taken_for_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(mounts.os, "stat", refuse)
    assert presence("/closed/photos", "/") == "unmounted"
