"""Whatever one file brings along, the run goes on, and the others are indexed as if it were not there."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.catalog.catalog import Catalog
from indexer.catalog.files import Files
from indexer.catalog.photographs import Photographs
from indexer.errors import StoreUnwritableError
from indexer.pipeline import decode, look_up
from indexer.pipeline.write import Writer
from indexer.store import Store
from indexer.types import Metadata
from tests.fixtures.catalog_rows import add_content, new_catalog
from tests.indexer.pipeline.test_run import BLUE, GREEN, RED, Bench, expected, paint


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "photos.search")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Nine photographs; the fifth, e.bmp, is of another size than the others."""
    folder = tmp_path / "photos"
    for number, name in enumerate("abcdefghi"):
        paint(folder / f"{name}.bmp", (RED, GREEN, BLUE)[number % 3], (16, 5 if name == "e" else 12 + number))
    return folder


def failures(folder: Path) -> list[tuple[str, str]]:
    store = Store.open(folder)
    try:
        with store.catalog.snapshot() as snapshot:
            return [(Path(path).name, reason) for path, reason in Files(snapshot).failures()]
    finally:
        store.close()


def check_others(bench: Bench, photos: Path) -> None:
    names = [f"{name}.bmp" for name in "abcdfghi"]
    found = bench.visible()
    assert sorted(found, key=lambda path: found[path][0]) == [str(photos / name) for name in names]
    assert found[str(photos / "f.bmp")][1] == expected(BLUE)


@pytest.mark.parametrize("stage", ["look up", "decode"])
def test_an_unexpected_error_over_one_file_is_its_failure(
    bench: Bench, photos: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = ValueError("no such thing: \udcff\n" + "x" * 10_000)
    read_file, read_metadata = look_up.read_file, decode.read_metadata

    def reading(candidate: Any, limits: Any, share: Any) -> bytes:
        if candidate.path.endswith("e.bmp"):
            raise wrong
        return read_file(candidate, limits, share)

    def metadata(data: bytes) -> Metadata:
        found = read_metadata(data)
        if found.height == 5:
            raise wrong
        return found

    with monkeypatch.context() as patch:
        if stage == "decode":
            patch.setattr(decode, "read_metadata", metadata)
        else:
            patch.setattr(look_up, "read_file", reading)
        report = bench.run(photos)
    assert (report.encoded, [Path(one.path).name for one in report.failures]) == (8, ["e.bmp"])
    reason = report.failures[0].reason
    assert reason.startswith("an unexpected error (ValueError: no such thing: ? xxx")
    assert reason.endswith("x); please report it")
    assert len(reason) < 300
    assert failures(bench.folder) == [("e.bmp", reason)]
    check_others(bench, photos)
    assert (bench.run(photos).encoded, failures(bench.folder)) == (1, [])


def test_what_the_store_cannot_do_is_no_fault_of_a_file(
    bench: Bench, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bytes:
        raise StoreUnwritableError("The disk is full.")

    monkeypatch.setattr(look_up, "read_file", full)
    with pytest.raises(StoreUnwritableError, match="full"):
        bench.run(photos)
    assert failures(bench.folder) == []


@pytest.mark.parametrize(
    "said", [{"camera": object()}, {"width": None}, {"width": "wide"}, {"captions": (object(),)}, {"format": 2**70}]
)
def test_a_value_that_cannot_be_written_costs_its_file_alone(
    bench: Bench, photos: Path, said: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    read_metadata = decode.read_metadata

    def metadata(data: bytes) -> Metadata:
        found = read_metadata(data)
        return replace(found, **said) if found.height == 5 else found

    monkeypatch.setattr(decode, "read_metadata", metadata)
    report = bench.run(photos)
    assert (report.encoded, len(report.failures)) == (8, 1)
    assert failures(bench.folder) == [("e.bmp", report.failures[0].reason)]
    assert report.failures[0].reason.startswith("an unexpected error (")
    check_others(bench, photos)


def test_a_disk_that_is_full_is_told_once_and_not_for_each_file(
    bench: Bench, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def full(self: Writer, files: object) -> None:
        tries.append(files)
        raise StoreUnwritableError("The disk is full.")

    monkeypatch.setattr(Writer, "write", full)
    with pytest.raises(StoreUnwritableError, match="full"):
        bench.run(photos)
    assert len(tries) == 1


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return new_catalog(tmp_path / "catalog.sqlite")


def test_what_a_photograph_may_say_of_itself_is_made_fit_to_keep(catalog: Catalog) -> None:
    wild = Metadata(
        width=2**70,
        height=np.int64(12),  # type: ignore[arg-type]
        format="\ud800",
        taken_at="2024-05-03T18:20:11\udcff",
        camera="a\0b\udfff",
        latitude=math.nan,
        longitude=np.float32(0.5),  # type: ignore[arg-type]
        captions=("\ud800 one",),
        keywords=("\0", "\udc80"),
    )
    with catalog.batch() as batch:
        number = add_content(batch, b"a" * 32, "image")
        Photographs(batch).save(
            {number: wild, add_content(batch, b"b" * 32, "image"): replace(wild, latitude=math.inf)}
        )
    with catalog.snapshot() as snapshot:
        kept = Photographs(snapshot).get(number)
    catalog.close()
    assert kept is not None
    assert kept.metadata == Metadata(2**31 - 1, 12, "?", None, "a\0b?", None, 0.5, ("\ud800 one",), ("\0", "\udc80"))


def test_a_path_that_no_file_can_have_finds_none(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        for path in ("/p/\ud800.jpg", "/p/a\0.jpg", "/p/" + "x" * 100_000):
            assert Files(batch).content_at(path, 1) is None
            assert Files(batch).forget(path) == 0
    catalog.close()
