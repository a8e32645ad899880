"""The way of a JPEG over the GPU, run on the CPU: the same code but for the device, beside the plain way."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from indexer.encoders.base import Preprocessing
from indexer.images.decoder import decode
from indexer.images.gpu_jpeg import GpuJpegs, gpu_jpegs
from indexer.images.preprocess import to_pixels
from indexer.settings import DecodeLimits
from indexer.types import Pixels

LIMITS = DecodeLimits()
SHORTEST = Preprocessing(64, 64, "shortest", "bicubic", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
HERE = GpuJpegs("cpu")


def photograph(real_photos: Path) -> Image.Image:
    return Image.open(real_photos / "chelsea.png").convert("RGB")


def jpeg(picture: Image.Image, **settings: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=92, **settings)
    return buffer.getvalue()


def transposed(number: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = number
    return exif


def plain(data: bytes, preprocessing: Preprocessing) -> Pixels:
    """Without shrinking, which the other way does not do."""
    return to_pixels(decode(data, LIMITS, None), preprocessing)


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize(
    "preprocessing",
    [
        SHORTEST,
        replace(SHORTEST, resize="squash"),
        replace(SHORTEST, height=48),
        replace(SHORTEST, interpolation="bilinear"),
    ],
)
def test_the_pixels_of_the_plain_way(real_photos: Path, number: int, preprocessing: Preprocessing) -> None:
    data = jpeg(photograph(real_photos), exif=transposed(number))
    found = HERE.pixels(data, LIMITS, preprocessing)
    assert found is not None
    wanted = plain(data, preprocessing)
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    apart = np.abs(found.astype(int) - wanted)
    assert apart.max() <= 3
    assert apart.mean() <= 0.5


def test_a_progressive_file_and_a_small_one(real_photos: Path) -> None:
    for picture in (
        photograph(real_photos),
        photograph(real_photos).resize((20, 31)),
        Image.new("RGB", (64, 64), "red"),
    ):
        data = jpeg(picture, progressive=True)
        found = HERE.pixels(data, LIMITS, SHORTEST)
        assert found is not None
        assert np.abs(found.astype(int) - plain(data, SHORTEST)).mean() <= 0.5


def test_what_it_might_show_otherwise_is_left_to_the_plain_way(real_photos: Path) -> None:
    picture = photograph(real_photos)
    whole = jpeg(picture)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    png = io.BytesIO()
    picture.save(png, "PNG")
    for data in (
        jpeg(picture.convert("L")),
        jpeg(picture.convert("CMYK")),
        jpeg(picture, icc_profile=profile),
        png.getvalue(),
        whole[: len(whole) // 2],
        whole[: len(whole) // 2] + bytes(2_000),
        b"",
        b"\xff\xd8\xff",
    ):
        assert HERE.pixels(data, LIMITS, SHORTEST) is None
    assert HERE.pixels(whole, DecodeLimits(max_pixels=1_000), SHORTEST) is None
    assert HERE.pixels(whole, LIMITS, replace(SHORTEST, resize="longest")) is None
    assert HERE.pixels(jpeg(picture.resize((4_000, 3))), LIMITS, SHORTEST) is None  # its resized whole is too large


def test_a_device_that_fails_leaves_it_to_the_plain_way(real_photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_settings: object) -> None:
        raise RuntimeError("CUDA error: unspecified launch failure")

    monkeypatch.setattr("torchvision.io.decode_jpeg", fail)
    assert GpuJpegs("cpu").pixels(jpeg(photograph(real_photos)), LIMITS, SHORTEST) is None


def test_it_has_to_be_asked_for_and_needs_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("SEARCH_GPU_JPEG", raising=False)
    assert gpu_jpegs() is None
    monkeypatch.setenv("SEARCH_GPU_JPEG", "1")
    assert isinstance(gpu_jpegs(), GpuJpegs)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu_jpegs() is None


def test_a_run_of_the_indexer_goes_this_way(real_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import search

    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "cat.jpg").write_bytes(jpeg(photograph(real_photos)))
    (photos / "grey.jpg").write_bytes(jpeg(photograph(real_photos).convert("L")))
    used = []
    ask = GpuJpegs.pixels

    def watched(self: GpuJpegs, *arguments: object) -> Pixels | None:
        used.append(ask(self, *arguments))  # type: ignore[arg-type]
        return used[-1]

    monkeypatch.setattr(GpuJpegs, "pixels", watched)
    monkeypatch.setattr("indexer.pipeline.decode.gpu_jpegs", lambda: HERE)
    with search.open(tmp_path / "s") as library:
        assert library.index(photos).encoded == 2
        assert {Path(hit.path).name for hit in library.query("a cat")} == {"cat.jpg", "grey.jpg"}
    assert sum(one is not None for one in used) == 1
