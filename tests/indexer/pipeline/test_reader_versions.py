"""A better reader reads again what an older one ignored, refused or read with less; nothing else is read or encoded."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from indexer import types
from indexer.images import sniff
from indexer.images.metadata import read_metadata
from indexer.pipeline import decode, look_up
from indexer.types import Candidate, Metadata
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.indexer.pipeline.test_run import BLUE, GREEN, RED, Bench, paint


class CountingBench(Bench):
    """A bench that knows which files were read, and what was encoded."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, ColourTokenEncoder())
        self.read: list[str] = []
        read_file = look_up.read_file

        def reading(candidate: Candidate, *rest: object) -> bytes:
            self.read.append(Path(candidate.path).name)
            return read_file(candidate, *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(look_up, "read_file", reading)

    def again(self) -> tuple[list[str], int]:
        """Run over what is known: the names that were read, in order, and how many rows of images were encoded."""
        self.read.clear()
        before = self.encoder.images
        self.report = self.run()
        return sorted(self.read), self.encoder.images - before


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CountingBench:
    return CountingBench(tmp_path / "photos.search", monkeypatch)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    paint(folder / "green.png", GREEN)
    told = PngImagePlugin.PngInfo()
    told.add_text("Description", "a red field")
    told.add_text("Author", "Ann")
    Image.new("RGB", (16, 12), RED).save(folder / "red.png", pnginfo=told)
    shutil.copy(folder / "red.png", folder / "copy.png")
    shutil.copy(paint(folder / "blue.tif", BLUE), folder / "blue.cr2")
    (folder / "blue.tif").unlink()
    (folder / "notes.pdf").write_bytes(b"%PDF")
    (folder / "captions.jsonl").write_text('{"image": "green.png", "caption": "a green field"}\n')
    return folder


def better_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Camera raw files are read from now on."""
    monkeypatch.setattr(sniff, "FORMAT_READER", sniff.FORMAT_READER + 1)
    monkeypatch.setattr(look_up, "RAW_SUFFIXES", frozenset())


def better_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    """Authors are read from now on, as keywords."""

    def read(data: bytes) -> Metadata:
        said = read_metadata(data)
        if b"Author" not in data:
            return said
        return Metadata(said.width, said.height, said.format, captions=said.captions, keywords=("by Ann",))

    monkeypatch.setattr(types, "METADATA_READER", types.METADATA_READER + 1)
    monkeypatch.setattr(decode, "read_metadata", read)


def test_the_same_readers_read_nothing_again(bench: CountingBench, photos: Path) -> None:
    bench.run(photos)
    assert bench.again() == ([], 0)
    assert bench.report.unchanged == 6


def test_a_format_that_is_understood_now_is_found(
    bench: CountingBench, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(photos)
    before = bench.visible()
    assert str(photos / "blue.cr2") not in before
    better_formats(monkeypatch)
    read, encoded = bench.again()
    # The PDF is looked at, not read in full; captions may be read in a better way too; photographs stay as they are.
    assert read == ["blue.cr2", "captions.jsonl"]
    assert (encoded, bench.report.encoded, bench.report.ignored, bench.report.unchanged) == (4, 1, 1, 3)
    found = bench.visible()
    assert found.pop(str(photos / "blue.cr2"))[0] not in {number for number, _ in before.values()}
    assert found == before
    assert bench.texts() >= {(str(photos / "green.png"), "a green field")}
    assert bench.again() == ([], 0)


@pytest.mark.parametrize("remembered", [True, False], ids=["remembered", "found-twice"])
def test_a_new_field_of_metadata_reaches_known_photographs_without_the_encoder(
    bench: CountingBench, photos: Path, monkeypatch: pytest.MonkeyPatch, remembered: bool
) -> None:
    if not remembered:  # as in a large collection, where files to read are found again while others are written
        monkeypatch.setattr("indexer.pipeline.plan.REMEMBERED", 0)
    bench.run(photos)
    before, texts = bench.visible(), bench.texts()
    better_metadata(monkeypatch)
    read, encoded = bench.again()
    assert ([name for name in read if name != "copy.png"], encoded) == (["green.png", "red.png"], 0)
    assert (bench.report.encoded, bench.report.reused, bench.report.unchanged) == (0, 0, 6)
    assert bench.visible() == before
    new = {(str(photos / name), "by Ann") for name in ("red.png", "copy.png")}
    assert bench.texts() == texts | new
    assert bench.again() == ([], 0)


def test_a_vanished_copy_gets_the_new_field_too(
    bench: CountingBench, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(photos)
    aside = (photos / "copy.png").rename(photos.parent / "aside.png")
    bench.run()
    better_metadata(monkeypatch)
    bench.again()
    aside.rename(photos / "copy.png")
    assert bench.again() == (["copy.png"], 0)  # whoever moves a file changes its status
    assert (str(photos / "copy.png"), "by Ann") in bench.texts()


def test_metadata_that_say_the_same_change_nothing_for_a_search(
    bench: CountingBench, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(photos)
    before = bench.generation()
    monkeypatch.setattr(types, "METADATA_READER", 2)
    assert bench.again()[1] == 0
    assert bench.generation() == before


def test_a_photograph_whose_metadata_no_longer_read_stays_as_it_was(
    bench: CountingBench, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(photos)
    before, texts = bench.visible(), bench.texts()
    monkeypatch.setattr(types, "METADATA_READER", 2)

    def refuse(data: bytes) -> Metadata:
        raise decode.FileError("its header is damaged")

    monkeypatch.setattr(decode, "read_metadata", refuse)
    bench.again()
    assert bench.report.failures == []
    assert (bench.visible(), bench.texts()) == (before, texts)
    assert bench.again() == ([], 0)
