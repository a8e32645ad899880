"""A failure that is known and unchanged is listed, and no error of the next run."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
from PIL import Image

from indexer.catalog.files import Files
from indexer.store import Store
from tests.indexer.pipeline.test_run import GREEN, RED, Bench, bench, expected, paint

__all__ = ["bench"]  # a fixture


def _failed(bench: Bench) -> list[str]:
    store = Store.open(bench.folder)
    try:
        with store.catalog.snapshot() as snapshot:
            return [os.path.basename(path) for path, _ in Files(snapshot).failures()]
    finally:
        store.close()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    paint(tmp_path / "photos" / "a.png", GREEN)
    (tmp_path / "photos" / "bad.png").write_bytes(b"bad")
    return tmp_path / "photos"


def _counts(bench: Bench, photos: Path) -> tuple[int, int]:
    report = bench.run(photos)
    return len(report.failures), report.known_failures


def test_a_failure_is_new_once_and_again_when_the_file_changes(bench: Bench, photos: Path) -> None:
    assert _counts(bench, photos) == (1, 0)
    assert _counts(bench, photos) == (0, 1)
    assert _failed(bench) == ["bad.png"]
    (photos / "bad.png").write_bytes(b"worse")
    assert _counts(bench, photos) == (1, 0)
    assert _counts(bench, photos) == (0, 1)
    os.utime(photos / "bad.png", (time.time() + 9, time.time() + 9))
    assert _counts(bench, photos) == (1, 0)
    paint(photos / "bad.png", RED)
    assert _counts(bench, photos) == (0, 0)
    assert _failed(bench) == []


def test_another_reason_is_new(bench: Bench, photos: Path) -> None:
    (photos / "bad.png").write_bytes(b"")
    bench.run(photos)
    before = (photos / "bad.png").stat()
    store = Store.open(bench.folder)
    with store.catalog.snapshot() as snapshot:
        (reason,) = [why for _, why in Files(snapshot).failures()]
    with store.writing(), store.catalog.batch() as batch:
        batch.connection.exec_driver_sql(
            "UPDATE file SET reason = 'an older reader said this' WHERE reason IS NOT NULL"
        )
    store.close()
    report = bench.run(photos)
    assert [failure.reason for failure in report.failures] == [reason]
    assert before.st_size == 0


def test_another_amount_of_memory_is_no_other_reason(
    bench: Bench, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the reason that is listed has the amounts of now."""
    Image.new("RGB", (6_000, 5_000)).save(photos / "bad.png", "WEBP", quality=0, method=0)
    monkeypatch.setenv("SEARCH_MEMORY", "500MB")
    assert _counts(bench, photos) == (1, 0)
    monkeypatch.setenv("SEARCH_MEMORY", "600MB")
    assert _counts(bench, photos) == (0, 1)
    store = Store.open(bench.folder)
    with store.catalog.snapshot() as snapshot:
        ((_, reason),) = Files(snapshot).failures()
    store.close()
    assert "and of the 600 MB that this process may use, " in reason
    enough = re.search(r"SEARCH_MEMORY=(\d+)MB would do", reason)
    assert enough is not None
    monkeypatch.setenv("SEARCH_MEMORY", f"{int(enough[1]) + 40}MB")  # what the process holds may grow by a little
    assert _counts(bench, photos) == (0, 0)


def test_what_broke_later_is_known_too_and_is_read_when_it_comes_back(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    good = (photos / "a.png").read_bytes()
    (photos / "a.png").write_bytes(b"broken now")
    assert _counts(bench, photos) == (1, 1)
    assert _counts(bench, photos) == (0, 2)
    assert bench.visible() == {}
    broken = (photos / "a.png").stat()
    (photos / "a.png").rename(photos.parent / "away")
    assert bench.run(photos).vanished == 1
    assert _failed(bench) == ["bad.png"]
    (photos.parent / "away").rename(photos / "a.png")
    os.utime(photos / "a.png", ns=(broken.st_atime_ns, broken.st_mtime_ns))
    assert _counts(bench, photos) == (0, 2)
    assert bench.visible() == {}
    (photos / "a.png").write_bytes(good)
    bench.run(photos)
    assert bench.visible()[str(photos / "a.png")][1] == expected(GREEN)


def test_a_folder_that_cannot_be_looked_into_is_told_once_and_listed(
    bench: Bench, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(photos / "lost+found" / "x.png", RED)
    real = os.scandir

    def closed(path: str) -> object:
        if os.path.basename(path) == "lost+found":
            raise PermissionError(13, "Permission denied")
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", closed)
        assert _counts(bench, photos) == (2, 0)
        assert _counts(bench, photos) == (0, 2)
        assert _failed(bench) == ["bad.png", "lost+found"]
    report = bench.run(photos)
    assert (report.encoded, report.vanished, report.known_failures) == (1, 0, 1)
    assert _failed(bench) == ["bad.png"]
