"""Pictures that a program holds become the pixels that their files would."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexer.errors import DamagedImageError, ImageTooLargeError, UsageError
from indexer.images.decoder import decode
from indexer.images.in_memory import file_of
from indexer.settings import DecodeLimits

LIMITS = DecodeLimits()
RAMP = np.arange(5 * 7 * 4, dtype=np.uint8).reshape(5, 7, 4)


def pixels(data: bytes) -> Any:
    return np.asarray(decode(data, LIMITS, None))


def saved(image: Image.Image, kind: str, **how: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def test_an_array_of_colours_keeps_every_pixel() -> None:
    assert np.array_equal(pixels(file_of(RAMP[..., :3])), RAMP[..., :3])
    assert np.array_equal(pixels(file_of(RAMP[:, ::-1, 2::-1])), RAMP[:, ::-1, 2::-1])  # whatever its strides


@pytest.mark.parametrize("grey", [RAMP[..., 0], RAMP[..., :1]])
def test_grey_is_the_same_in_each_channel(grey: Any) -> None:
    assert np.array_equal(pixels(file_of(grey)), np.repeat(RAMP[..., :1], 3, axis=2))


def test_transparency_is_laid_out_as_in_a_file() -> None:
    image = Image.fromarray(RAMP)
    assert image.mode == "RGBA"
    expected = pixels(saved(image, "PNG"))
    assert np.array_equal(pixels(file_of(RAMP)), expected)
    assert np.array_equal(pixels(file_of(image)), expected)


@pytest.mark.parametrize("turned", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_an_opened_file_is_upright_whoever_turns_it(kind: str, turned: int) -> None:
    exif = Image.Exif()
    exif[274] = turned
    data = saved(Image.fromarray(RAMP[..., :3]), kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    expected = pixels(data)
    assert expected.shape == ((7, 5, 3) if turned >= 5 else (5, 7, 3))
    image = Image.open(io.BytesIO(data))
    assert np.array_equal(pixels(file_of(image)), expected)  # opened, not loaded
    assert np.array_equal(pixels(file_of(image)), expected)  # loaded by now, and not changed
    assert np.array_equal(pixels(file_of(image.copy())), expected)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "I;16", "CMYK", "F"])
def test_other_modes_are_what_their_file_would_be(mode: str) -> None:
    values = np.arange(35, dtype=np.float32).reshape(5, 7) / 35
    if mode == "F":
        image, kind = Image.fromarray(values), "TIFF"
    elif mode == "I;16":
        image, kind = Image.fromarray((values * 65535).astype(np.uint16)), "TIFF"
    else:
        image, kind = Image.fromarray(RAMP[..., :3]).convert(mode), "TIFF"
    assert image.mode == mode
    assert np.array_equal(pixels(file_of(image)), pixels(saved(image, kind)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.bool_, np.uint16])
def test_another_type_of_number_is_refused(dtype: type) -> None:
    with pytest.raises(TypeError, match=f"An image is an array of uint8, 0 to 255, not of {np.dtype(dtype)}."):
        file_of(np.zeros((4, 4, 3), dtype))


@pytest.mark.parametrize("shape", [(), (4,), (4, 4, 2), (4, 4, 5), (3, 5, 6), (2, 4, 4, 3)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError) as refused:
        file_of(np.zeros(shape, np.uint8))
    assert f"not {shape}; the channels come last" in str(refused.value)


def test_what_has_no_pixels_or_too_many_is_refused_before_it_is_read() -> None:
    for empty in (np.zeros((0, 4, 3), np.uint8), Image.new("RGB", (0, 0))):
        with pytest.raises(DamagedImageError, match="pixels"):
            file_of(empty)
    data = saved(Image.new("RGB", (20, 20)), "PNG")
    with pytest.raises(ImageTooLargeError, match="20 x 20 pixels, more than the limit of 399"):
        file_of(Image.open(io.BytesIO(data[:60])), DecodeLimits(max_pixels=399))


def test_an_opened_file_without_its_end_is_damaged() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    data = saved(Image.fromarray(noise), "PNG")
    with pytest.raises(DamagedImageError):
        file_of(Image.open(io.BytesIO(data[: len(data) // 2])))
