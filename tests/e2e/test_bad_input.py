"""One folder with everything that goes wrong in real collections, through the whole program at once."""

from __future__ import annotations

import io
import json
import os
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.memory_budget import Share
from indexer.pipeline import look_up
from indexer.settings import DecodeLimits, IndexSettings
from tests.conftest import Cli
from tests.fixtures import pictures
from tests.fixtures.colour_encoder import ColourEncoder


def saved(image: Image.Image, image_format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, image_format, **options)
    return stream.getvalue()


def good_files() -> dict[str, bytes]:
    """Odd, and still photographs: each has to be indexed."""
    photo = pictures.noise(120, 90)
    files = {
        "plain.jpg": saved(photo, "JPEG"),
        "png named.jpg": saved(photo.rotate(1), "PNG"),
        "jpeg named.gif": saved(photo.rotate(2), "JPEG"),
        "no suffix": saved(photo.rotate(3), "JPEG"),
        "UPPER.JPG": saved(photo.rotate(4), "JPEG"),
        "one pixel.png": saved(Image.new("RGB", (1, 1), "red"), "PNG"),
        "tall.png": saved(Image.new("L", (1, 20_000), 7), "PNG"),
        "wide.jpg": saved(Image.new("L", (20_000, 1), 9), "JPEG"),
        "grey.jpg": saved(photo.convert("L"), "JPEG"),
        "sixteen bits.png": saved(Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64) * 16), "PNG"),
        "cmyk.jpg": saved(photo.convert("CMYK"), "JPEG"),
        "palette.png": saved(photo.quantize(16), "PNG", transparency=0),
        "bilevel.tif": saved(photo.convert("1"), "TIFF"),
        "animated.gif": saved(photo, "GIF", save_all=True, append_images=[photo.rotate(90)]),
        "bitmap.bmp": saved(photo.rotate(5), "BMP"),
        "picture.webp": saved(photo.rotate(6), "WEBP"),
        "with space and ümläut.png": saved(photo.rotate(7), "PNG"),
        "new\nline.png": saved(photo.rotate(8), "PNG"),
        "🦆.png": saved(photo.rotate(9), "PNG"),
        os.fsdecode(b"not utf-8 \xff\xfe.png"): saved(photo.rotate(10), "PNG"),
        "turned.jpg": pictures.oriented("JPEG", 6),
    }
    for image_format, name in (("AVIF", "modern.avif"), ("HEIF", "phone.heic")):
        if pictures.can_encode(image_format):
            files[name] = pictures.encoded(photo.rotate(11), image_format)
    return files


def bad_files() -> dict[str, bytes]:
    """Each has to be recorded with a reason."""
    photo = saved(pictures.noise(300, 200), "JPEG")
    return {
        "zero bytes.jpg": b"",
        "truncated.jpg": photo[: len(photo) // 2],
        "truncated.png": saved(pictures.noise(200, 200), "PNG")[:2000],
        "text.jpg": b"this is no image at all",
        "bomb.png": pictures.png_claiming(60_000, 60_000),
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, data in {**good_files(), **bad_files()}.items():
        (photos / name).write_bytes(data)
    (photos / "loop").symlink_to(photos)
    (photos / "nothing.jpg").symlink_to(photos / "never was")
    os.mkfifo(photos / "pipe.jpg")
    return photos


def test_every_odd_file_is_indexed_or_recorded(cli: Cli, folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "s"
    answer = cli("index", folder, "-s", store, "--json")
    assert answer.code == 3
    report = json.loads(answer.out)
    reasons = {os.path.basename(failure["path"]): failure["reason"] for failure in report["failures"]}
    assert set(reasons) == set(bad_files())
    assert all(reason and "\n" not in reason for reason in reasons.values())
    assert report["encoded"] == len(good_files())
    found = json.loads(cli("query", "a colourful pattern", "-s", store, "-k", 100, "--json").out)["hits"]
    assert {os.path.basename(hit["path"]) for hit in found} == set(good_files())
    sizes = {os.path.basename(hit["path"]): (hit["width"], hit["height"]) for hit in found}
    assert sizes["tall.png"] == (1, 20_000)
    assert sizes["turned.jpg"] == (48, 32)  # as displayed
    assert cli("query", "x", "-s", store, "-k", 100, "--sheet", tmp_path / "sheet.html").code == 0
    assert (tmp_path / "sheet.html").read_text().count("data:image/jpeg") == len(good_files())
    again = json.loads(cli("index", folder, "-s", store, "--json").out)
    assert (again["encoded"], again["unchanged"], again["failures"]) == (0, len(good_files()), [])
    assert again["known_failures"] == len(bad_files())
    assert cli("doctor", "-s", store).code == 0


def test_an_orientation_makes_no_difference_to_the_embedding(cli: Cli, tmp_path: Path, real_photos: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    with Image.open(real_photos / "chelsea.png") as cat:
        for orientation in range(1, 9):
            data = pictures.oriented("PNG", orientation, cat.convert("RGB"))
            (photos / f"{orientation}.png").write_bytes(data)
    assert cli("index", photos, "-s", tmp_path / "s").code == 0
    hits = json.loads(cli("query", "a cat", "-s", tmp_path / "s", "--json").out)["hits"]
    assert len(hits) == 8
    assert max(hit["score"] for hit in hits) - min(hit["score"] for hit in hits) < 1e-4


def test_a_file_that_vanishes_or_changes_during_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import search

    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(6):
        Image.new("RGB", (9, 9), (40 * number, 0, 0)).save(photos / f"{number}.png")
    honest = look_up.read_file

    def meddle(candidate: object, limits: DecodeLimits, share: Share) -> bytes:
        path = Path(candidate.path)  # type: ignore[attr-defined]
        if path.name == "2.png":
            path.unlink(missing_ok=True)
        if path.name == "4.png":
            Image.new("RGB", (30, 30), "white").save(path)
        return honest(candidate, limits, share)  # type: ignore[arg-type]

    monkeypatch.setattr(look_up, "read_file", meddle)
    with search.open(tmp_path / "s", encoder=ColourEncoder()) as library:
        report = library.index(photos)
        assert {Path(failure.path).name for failure in report.failures} == {"2.png", "4.png"}
        assert report.encoded == 4
        monkeypatch.undo()
        report = library.index()
        assert (report.encoded, report.failures, report.vanished) == (1, [], 1)
        assert len(library.query("white", k=10)) == 5
        assert library.query("white", k=1)[0].path.endswith("4.png")


def test_a_file_that_grows_while_the_run_goes_on_never_gives_half_a_picture(tmp_path: Path) -> None:
    import search

    photos = tmp_path / "photos"
    photos.mkdir()
    data = saved(pictures.noise(800, 800), "JPEG", quality=95)
    stop = threading.Event()

    def download() -> None:
        while not stop.is_set():
            with open(photos / "download.jpg", "wb") as stream:
                for start in range(0, len(data), 20_000):
                    stream.write(data[start : start + 20_000])
                    stream.flush()
                    time.sleep(0.001)

    thread = threading.Thread(target=download)
    with search.open(tmp_path / "s", encoder=ColourEncoder()) as library:
        thread.start()
        reports = [library.index(photos) for _ in range(5)]
        stop.set()
        thread.join()
        assert library.index(photos).failures == []
        assert all(report.encoded + report.reused + report.unchanged + len(report.failures) <= 1 for report in reports)
        (hit,) = library.query("white")
        (photos / "whole.jpg").write_bytes(data)
        assert library.index(photos).reused == 1  # what was kept in the end is the whole file
        assert hit.metadata is not None


def test_limits_bound_what_is_decoded(tmp_path: Path) -> None:
    import search

    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (200, 200)).save(photos / "large.png")
    Image.new("RGB", (20, 20), "red").save(photos / "small.png")
    settings = IndexSettings(limits=DecodeLimits(max_pixels=1_000))
    with search.open(tmp_path / "s", encoder=ColourEncoder()) as library:
        report = library.index(photos, settings=settings)
        assert [Path(failure.path).name for failure in report.failures] == ["large.png"]
        assert library.index(photos).failures == []  # with the usual limits it is read


def test_a_copy_of_a_photograph_under_a_wrong_suffix_is_known(tmp_path: Path, real_photos: Path) -> None:
    import search

    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(real_photos / "rocket.jpg", photos / "rocket.jpg")
    with search.open(tmp_path / "s", encoder=ColourEncoder()) as library:
        assert library.index(photos).encoded == 1
        shutil.copy(real_photos / "rocket.jpg", photos / "rocket.tiff")
        assert library.index(photos).reused == 1
