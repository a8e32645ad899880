"""Photographs that have lost their end, through a run: nearly whole ones are found, and the report says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.images import sniff
from tests.fixtures import pictures
from tests.fixtures.pictures import encoded
from tests.indexer.pipeline.test_run import Bench


def test_what_is_missing_is_a_warning_of_the_run(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "photos.search")
    photos = tmp_path / "photos"
    photos.mkdir()
    data = encoded(pictures.noise(320, 240), "JPEG")
    (photos / "whole.jpg").write_bytes(data[:-2])  # but its end marker
    (photos / "cut.jpg").write_bytes(data[:-40])
    (photos / "half.jpg").write_bytes(data[: len(data) // 2] + bytes(len(data) // 2))
    report = bench.run(photos)
    assert report.encoded == 2
    assert report.warnings == [
        "cut.jpg: the end of the file is missing, and with it 3.3% of the picture; copy it again if you can"
    ]
    (failure,) = report.failures
    assert Path(failure.path).name == "half.jpg"
    assert failure.reason == ("the second half of the file is empty (zeros): the copy was interrupted; copy it again")
    again = bench.run(photos)
    assert (again.encoded, again.unchanged, again.warnings) == (0, 2, [])


def test_a_file_that_an_older_release_refused_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path / "photos.search")
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "cut.jpg").write_bytes(encoded(pictures.noise(320, 240), "JPEG")[:-2])
    with monkeypatch.context() as older:
        older.setattr(sniff, "FORMAT_READER", 1)
        older.setattr("indexer.images.loading.load_jpeg", _refused)
        assert len(bench.run(photos).failures) == 1
        assert len(bench.run(photos).failures) <= 1
    report = bench.run(photos)
    assert (report.encoded, report.failures) == (1, [])


def _refused(*_: object) -> None:
    raise OSError("image file is truncated")
