"""Files that have lost their end: the whole picture, nearly all of it with a note, or the reason why not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexer.errors import DamagedImageError
from indexer.images.decoder import MISSING, decode
from indexer.settings import DecodeLimits
from tests.fixtures import pictures
from tests.fixtures.pictures import encoded, jpeg_with

LIMITS = DecodeLimits()
SIZE = (320, 240)
PHOTO = pictures.noise(*SIZE)
JPEGS: list[dict[str, Any]] = [{}, {"progressive": True}, {"subsampling": 2}, {"restart_marker_rows": 1}]
TRAILERS = [
    b"",
    bytes(4096),
    b"SEFH\x6b\0\0\0" + bytes(range(256)) * 4 + b"SEFT",  # Samsung's
    b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + bytes(range(1, 250)) * 40,  # a motion photo
    encoded(pictures.noise(160, 120, 1), "JPEG"),  # of a multi-picture JPEG
]


def _same(data: bytes, whole: bytes) -> bool:
    return decode(data, LIMITS, None).tobytes() == decode(whole, LIMITS, None).tobytes()


# JPEG without its end marker


@pytest.mark.parametrize("options", JPEGS)
@pytest.mark.parametrize("trailer", TRAILERS)
@pytest.mark.parametrize("target", [None, (64, 64)])
def test_a_complete_jpeg_without_its_end_marker_is_whole(
    options: dict[str, Any], trailer: bytes, target: tuple[int, int] | None
) -> None:
    data = encoded(PHOTO, "JPEG", **options)
    assert data.endswith(b"\xff\xd9")
    found = decode(data[:-2] + trailer, LIMITS, target)
    assert found.tobytes() == decode(data, LIMITS, target).tobytes()
    assert MISSING not in found.info
    assert decode(data + trailer, LIMITS, target).tobytes() == found.tobytes()


def test_grey_and_ink_without_the_end_marker() -> None:
    for mode in ("L", "CMYK"):
        data = encoded(PHOTO.convert(mode), "JPEG")
        assert _same(data[:-2], data)


# Interrupted copies


def _formats() -> list[Any]:
    made: list[tuple[str, str, dict[str, Any]]] = [
        *((f"JPEG {options}", "JPEG", options) for options in JPEGS),
        ("PNG", "PNG", {}),
        ("PNG stored", "PNG", {"compress_level": 0}),
        ("WEBP", "WEBP", {}),
        ("WEBP lossless", "WEBP", {"lossless": True}),
        ("GIF", "GIF", {}),
        ("GIF in order", "GIF", {"interlace": 0}),
        ("BMP", "BMP", {}),
        ("TIFF", "TIFF", {}),
        ("TIFF LZW", "TIFF", {"compression": "tiff_lzw"}),
        ("TIFF JPEG", "TIFF", {"compression": "jpeg"}),
        ("HEIF", "HEIF", {}),
        ("AVIF", "AVIF", {}),
    ]
    return [
        pytest.param(encoded(PHOTO, kind, **options), id=name)
        for name, kind, options in made
        if pictures.can_encode(kind)
    ]


@pytest.mark.parametrize("data", _formats())
@pytest.mark.parametrize("target", [None, (64, 64)])
def test_an_interrupted_copy_is_refused_with_its_reason(data: bytes, target: tuple[int, int] | None) -> None:
    half = len(data) // 2
    with pytest.raises(DamagedImageError, match=r"second half of the file is empty .*copy it again"):
        decode(data[:half] + bytes(len(data) - half), LIMITS, target)
    with pytest.raises(DamagedImageError, match=r"end is missing.*copy it again"):
        decode(data[:half], LIMITS, target)
    with pytest.raises(DamagedImageError, match=r"last 28% of the file is empty"):
        decode(data[: len(data) * 72 // 100] + bytes(len(data) - len(data) * 72 // 100), LIMITS, target)


@pytest.mark.parametrize("options", JPEGS)
@pytest.mark.parametrize("trailer", [b"", *TRAILERS[1:]])
def test_a_thumbnail_inside_is_not_taken_for_the_end(options: dict[str, Any], trailer: bytes) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Make"
    small = encoded(pictures.noise(160, 120, 1), "JPEG")
    whole = jpeg_with(encoded(PHOTO, "JPEG", **options), exif=exif.tobytes()[6:] + small)
    assert MISSING not in decode(whole, LIMITS, None).info
    half = len(whole) // 2
    for end in (b"", bytes(len(whole) - half)):
        with pytest.raises(DamagedImageError, match="copy it again"):
            decode(whole[:half] + end + (trailer if end else b""), LIMITS, None)


def test_a_flat_png_whose_second_half_is_zeros() -> None:
    """zlib takes zeros for pixels of one colour, and its own checksum is not looked at."""
    data = encoded(pictures.quarters(640, 480), "PNG")
    with pytest.raises(DamagedImageError, match="second half"):
        decode(data[: len(data) // 2] + bytes(len(data) - len(data) // 2), LIMITS, None)


def test_zeros_from_the_first_bytes_on() -> None:
    for kind in ("TIFF", "WEBP", "JPEG", "PNG", "GIF"):
        data = encoded(PHOTO, kind)
        with pytest.raises(DamagedImageError, match="copy it again"):
            decode(data[:100] + bytes(len(data) - 100), LIMITS, None)


# Black is no interrupted copy


def _black_below(share: float) -> Image.Image:
    image = PHOTO.copy()
    image.paste((0, 0, 0), (0, round(SIZE[1] * share), *SIZE))
    return image


def _disc() -> Image.Image:
    """Something bright above, black from there on: the moon."""
    levels = np.zeros((240, 320, 3), dtype=np.uint8)
    y, x = np.mgrid[0:240, 0:320]
    levels[(x - 150) ** 2 + (y - 60) ** 2 < 50**2] = (230, 220, 200)
    return Image.fromarray(levels)


def _turned(upright: bool) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image if upright else image.transpose(Image.Transpose.ROTATE_180)


@pytest.mark.parametrize("kind", ["BMP", "TIFF"])
@pytest.mark.parametrize("upright", [True, False])
@pytest.mark.parametrize("picture", [_black_below(0.5), _black_below(0.77), _disc(), Image.new("RGB", SIZE)])
def test_a_picture_that_is_black_below_is_whole(kind: str, upright: bool, picture: Image.Image) -> None:
    turned = _turned(upright)(picture)
    found = decode(encoded(turned, kind), LIMITS, None)
    assert found.tobytes() == turned.tobytes()
    assert MISSING not in found.info


@pytest.mark.parametrize("data", _formats())
def test_padding_behind_a_complete_file_changes_nothing(data: bytes) -> None:
    found = decode(data + bytes(5000), LIMITS, None)
    assert found.tobytes() == decode(data, LIMITS, None).tobytes()
    assert MISSING not in found.info


# The last few bytes


@pytest.mark.parametrize("options", JPEGS)
@pytest.mark.parametrize("target", [None, (64, 64)])
@pytest.mark.parametrize("padding", [0, 512])
def test_the_last_strip_of_blocks_may_be_missing(
    options: dict[str, Any], target: tuple[int, int] | None, padding: int
) -> None:
    data = encoded(PHOTO, "JPEG", **options)
    found = decode(data[:-40] + bytes(padding), LIMITS, target)
    whole = decode(data, LIMITS, target)
    assert found.size == whole.size
    assert found.info[MISSING].startswith("the end of the file is missing, and with it")
    rows = (np.asarray(found) == np.asarray(whole)).all(axis=(1, 2))
    assert rows[: int(len(rows) * 0.9)].all()


def test_the_note_says_how_much_is_missing() -> None:
    data = encoded(PHOTO, "JPEG")  # 240 rows in strips of 8
    assert "3.3% of the picture" in decode(data[:-40], LIMITS, None).info[MISSING]


@pytest.mark.parametrize("kind", [k for k in ("PNG", "BMP", "TIFF", "WEBP", "HEIF", "AVIF") if pictures.can_encode(k)])
def test_the_last_bytes_of_other_formats_may_be_missing(kind: str) -> None:
    data = encoded(PHOTO, kind)
    whole = np.asarray(decode(data, LIMITS, None)).astype(int)
    found = decode(data[:-40], LIMITS, None)
    assert "missing" in found.info[MISSING]
    alike = (np.abs(np.asarray(found) - whole) <= 2).all(axis=(1, 2))
    assert alike.mean() > 0.9


def test_more_than_a_strip_is_refused() -> None:
    data = encoded(pictures.noise(320, 2400), "JPEG")
    cut = int(len(data) * 0.97)
    with pytest.raises(DamagedImageError, match="copy it again"):
        decode(data[:cut], LIMITS, None)
    assert MISSING in decode(data[: int(len(data) * 0.985)], LIMITS, None).info
