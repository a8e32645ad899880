"""What a run takes for changed: size, time of change, time of status; and what times no catalog could hold do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import select, update

from indexer.catalog.schema import file as files
from indexer.doctor import check
from indexer.store import Store
from tests.indexer.pipeline.test_reader_versions import CountingBench
from tests.indexer.pipeline.test_run import BLUE, GREEN, RED, expected, paint

CAPTIONS = '{"image": "green.bmp", "caption": "a green field"}\n'


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CountingBench:
    return CountingBench(tmp_path / "photos.search", monkeypatch)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    paint(folder / "green.bmp", GREEN)
    paint(folder / "red.bmp", RED)
    (folder / "captions.jsonl").write_text(CAPTIONS)
    (folder / "clip.mp4").write_bytes(b"no picture")
    return folder


def quietly(path: Path, data: bytes) -> None:
    """Write into a file in place, as long as before, and put its time of change back (digiKam, `exiftool -P`)."""
    before = path.stat()
    assert len(data) == before.st_size
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # the clock of file systems is coarse
        path.write_bytes(data)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def ctimes(bench: CountingBench) -> dict[str, int | None]:
    store = Store.open(bench.folder)
    try:
        with store.catalog.snapshot() as snapshot:
            rows = snapshot.connection.execute(select(files.c.path, files.c.ctime_ns))
            return {Path(path).name: ctime for path, ctime in rows}
    finally:
        store.close()


def as_recorded(bench: CountingBench, **values: int | None) -> None:
    store = Store.create(bench.folder)
    try:
        with store.catalog.batch() as batch:
            batch.write(update(files).values(**values))
    finally:
        store.close()


def test_an_edit_that_keeps_size_and_time_is_found(bench: CountingBench, photos: Path, tmp_path: Path) -> None:
    bench.run(photos)
    quietly(photos / "red.bmp", paint(tmp_path / "blue.bmp", BLUE).read_bytes())
    quietly(photos / "captions.jsonl", CAPTIONS.replace("a green", "the big").encode())
    assert [finding.problem for finding in check(bench.folder)] == [
        "2 indexed files have changed since they were indexed"
    ]
    read, _ = bench.again()
    assert read == ["captions.jsonl", "red.bmp"]
    assert (bench.report.encoded, bench.report.caption_files, bench.report.unchanged) == (1, 1, 2)
    assert bench.visible()[str(photos / "red.bmp")][1] == expected(BLUE)
    assert bench.texts() == {(str(photos / "green.bmp"), "the big field")}
    assert (bench.report.altered, bench.again()) == ([], ([], 0))


def test_a_status_that_changed_alone_costs_one_reading(bench: CountingBench, photos: Path) -> None:
    bench.run(photos)
    before, texts, generation = bench.visible(), bench.texts(), bench.generation()
    known = ctimes(bench)
    for path in photos.iterdir():
        while path.stat().st_ctime_ns == known[path.name]:
            path.chmod(0o640)
            path.chmod(0o600)
    assert bench.again() == (["captions.jsonl", "green.bmp", "red.bmp"], 0)
    report = bench.report
    assert (report.unchanged, report.encoded, report.reused, report.caption_files) == (4, 0, 0, 0)
    assert (bench.visible(), bench.texts(), bench.generation()) == (before, texts, generation)
    assert ctimes(bench) == {path.name: path.stat().st_ctime_ns for path in photos.iterdir()}
    assert bench.again() == ([], 0)


def test_a_store_that_never_asked_learns_the_times_without_reading(bench: CountingBench, photos: Path) -> None:
    bench.run(photos)
    as_recorded(bench, ctime_ns=None)
    generation = bench.generation()
    assert check(bench.folder) == []
    assert bench.again() == ([], 0)
    assert (bench.report.unchanged, bench.generation()) == (4, generation)
    assert ctimes(bench) == {path.name: path.stat().st_ctime_ns for path in photos.iterdir()}


def test_verifying_reads_everything_and_names_what_differs(bench: CountingBench, photos: Path, tmp_path: Path) -> None:
    bench.run(photos)
    encoded = bench.encoder.images
    assert (bench.run(verify=True).unchanged, bench.encoder.images) == (4, encoded)
    assert sorted(bench.read[-3:]) == ["captions.jsonl", "green.bmp", "red.bmp"]
    quietly(photos / "red.bmp", paint(tmp_path / "blue.bmp", BLUE).read_bytes())
    as_recorded(bench, ctime_ns=None)  # as after a clock that was put back, or a disk that lost bits
    assert bench.again() == ([], 0)
    report = bench.run(verify=True)
    assert (report.altered, report.encoded, report.unchanged) == ([str(photos / "red.bmp")], 1, 3)
    assert "1 files held other bytes than were indexed" in report.warnings[0]
    assert bench.visible()[str(photos / "red.bmp")][1] == expected(BLUE)
    assert bench.run(verify=True).altered == []


def test_verifying_names_an_edit_that_put_the_time_back(bench: CountingBench, photos: Path, tmp_path: Path) -> None:
    """The time of its status is another, by which a run that verifies nothing finds it without a word."""
    bench.run(photos)
    quietly(photos / "red.bmp", paint(tmp_path / "blue.bmp", BLUE).read_bytes())
    quietly(photos / "captions.jsonl", CAPTIONS.replace("a green", "the big").encode())
    (photos / "green.bmp").touch()
    paint(photos / "green.bmp", BLUE, (40, 40))  # by its size, too
    report = bench.run(verify=True)
    assert report.altered == [str(photos / "captions.jsonl"), str(photos / "red.bmp")]
    assert (report.encoded, report.caption_files) == (2, 1)
    assert report.warnings == [
        "2 files held other bytes than were indexed, though size and time of change were the same (first: "
        f"{photos / 'captions.jsonl'}); they were read anew. If nobody edited them, check the disk."
    ]
    assert bench.visible()[str(photos / "red.bmp")][1] == expected(BLUE)
    assert bench.run(verify=True).altered == []


@pytest.mark.parametrize("year", [1, 1900, 2040, 2300, 2400])
def test_a_file_of_any_year_is_indexed_once(bench: CountingBench, photos: Path, year: int) -> None:
    time = int((year - 1970) * 365.2425 * 86_400) * 10**9 + 7
    os.utime(photos / "red.bmp", ns=(time, time))
    report = bench.run(photos)
    assert (report.encoded, report.failures) == (2, [])
    assert bench.again() == ([], 0)
    os.utime(photos / "red.bmp", ns=(time, time + 10**9))
    assert bench.again()[0] == ["red.bmp"]
    assert check(bench.folder) == []
