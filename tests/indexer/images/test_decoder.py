"""Decoding: every format upright and within limits, and one clear reason for what cannot be read."""

from __future__ import annotations

import struct
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from indexer.errors import DamagedImageError, FileError, ImageTooLargeError, NotAnImageError
from indexer.images.decoder import MISSING, decode, sniff
from indexer.images.metadata import read_metadata
from indexer.settings import DecodeLimits
from tests.fixtures import pictures
from tests.fixtures.paths import ROOT
from tests.fixtures.pictures import encoded, looks_like_quarters, oriented, quarters

LIMITS = DecodeLimits()
FORMATS = [f for f in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF") if pictures.can_encode(f)]
WITH_EXIF = [f for f in FORMATS if f not in ("GIF", "BMP")]


def _box(major: bytes, *compatible: bytes) -> bytes:
    return struct.pack(">I", 16 + 4 * len(compatible)) + b"ftyp" + major + b"\0\0\0\0" + b"".join(compatible)


# What it is


@pytest.mark.parametrize("image_format", FORMATS)
def test_each_format_is_known_by_its_content(image_format: str) -> None:
    data = encoded(quarters(), image_format)
    assert sniff(data[:64]) == image_format
    image = decode(data, LIMITS, None)
    assert (image.mode, image.size) == ("RGB", (48, 32))
    assert looks_like_quarters(image, tolerance=25)


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"", None),
        (b"\xff\xd8", None),
        (b"BMW drivers are", None),
        (b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", "BMP"),
        (b"II*\0\x08\0\0\0", "TIFF"),
        (b"MM\0*\0\0\0\x08", "TIFF"),
        (b"II+\0\x08\0\0\0", "TIFF"),
        (b"MM\0+\0\x08\0\0", "TIFF"),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"<svg xmlns=", None),
        (b"%PDF-1.7", None),
        (_box(b"heic", b"mif1", b"heic"), "HEIF"),
        (_box(b"heix", b"mif1"), "HEIF"),
        (_box(b"hevc", b"msf1"), "HEIF"),
        (_box(b"mif1", b"mif1", b"heic"), "HEIF"),
        (_box(b"msf1", b"hevc"), "HEIF"),
        (_box(b"mif1"), "HEIF"),
        (_box(b"avif", b"mif1", b"miaf"), "AVIF"),
        (_box(b"avis", b"msf1"), "AVIF"),
        (_box(b"mif1", b"miaf", b"avif"), "AVIF"),
        (_box(b"isom", b"iso2", b"avc1", b"mp41"), None),
        (_box(b"crx ", b"isom"), None),
        (_box(b"qt  ", b"qt  "), None),
    ],
)
def test_sniffing(head: bytes, found: str | None) -> None:
    assert sniff(head) == found


# Upright


@pytest.mark.parametrize("image_format", WITH_EXIF)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_shown_upright(image_format: str, orientation: int) -> None:
    data = oriented(image_format, orientation)
    image = decode(data, LIMITS, None)
    assert image.size == (48, 32)
    assert looks_like_quarters(image)
    metadata = read_metadata(data)
    assert (metadata.width, metadata.height) == (48, 32)


def test_exif_of_orientations_that_do_not_exist_is_ignored() -> None:
    for value in (0, 9, 65535):
        exif = Image.Exif()
        exif[0x0112] = value
        assert looks_like_quarters(decode(encoded(quarters(), "JPEG", exif=exif), LIMITS, None))


def test_exif_behind_the_pixels_of_a_png_counts() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(quarters().transpose(Image.Transpose.ROTATE_90), "PNG")
    data = pictures.png_with(data, (b"eXIf", exif.tobytes()[6:]), behind=True)
    assert looks_like_quarters(decode(data, LIMITS, None))
    assert read_metadata(data).width == 48


# Limits


def test_the_pixel_limit_is_checked_before_decoding() -> None:
    with pytest.raises(ImageTooLargeError, match="50,000 x 50,000 pixels"):
        decode(pictures.png_claiming(50_000, 50_000), LIMITS, None)
    with pytest.raises(ImageTooLargeError):
        decode(encoded(quarters(), "JPEG"), DecodeLimits(max_pixels=48 * 32 - 1), (1, 1))
    assert decode(encoded(quarters(), "JPEG"), DecodeLimits(max_pixels=48 * 32), None).size == (48, 32)


@pytest.mark.parametrize("image_format", [f for f in FORMATS if f not in ("WEBP", "GIF")])
def test_pillows_process_wide_limit_neither_binds_nor_changes(
    image_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encoded(quarters(), image_format)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert looks_like_quarters(decode(data, LIMITS, None))
    assert Image.MAX_IMAGE_PIXELS == 100


def test_pillows_own_limit_where_it_binds_is_one_of_our_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytearray(encoded(quarters(), "GIF"))
    at = data.index(b",\0\0\0\0")  # the frame's place: it reaches far beyond the canvas
    data[at + 1 : at + 5] = b"\xff\xff\xff\xff"
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ImageTooLargeError, match="Pillow"):
        decode(bytes(data), LIMITS, None)


# Damage


def test_nothing_at_all() -> None:
    with pytest.raises(DamagedImageError, match="empty"):
        decode(b"", LIMITS, None)


@pytest.mark.parametrize("data", [b"hello", b"\0" * 255 + b"\1" * 4096, b"%PDF-1.7 and so on", b"BM", b"\xff\xd8"])
def test_not_an_image(data: bytes) -> None:
    with pytest.raises(NotAnImageError):
        decode(data, LIMITS, None)


@pytest.mark.parametrize("image_format", FORMATS)
def test_a_truncated_file_is_damaged_or_complete_or_says_what_is_missing(image_format: str) -> None:
    """Cut anywhere: never half a picture. What decodes has lost nothing, or one strip of blocks, and says so."""
    data = encoded(pictures.noise(64, 48), image_format)
    whole = np.asarray(decode(data, LIMITS, None))
    refused = 0
    for length in [*range(1, len(data), max(1, len(data) // 60)), *range(len(data) - 12, len(data))]:
        try:
            found = decode(data[:length], LIMITS, None)
        except FileError:
            refused += 1
            continue
        alike = (np.asarray(found) == whole).all(axis=(1, 2))
        assert alike.all() or "missing" in found.info[MISSING]
        assert alike.sum() >= 48 - 18
    assert refused > 40


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_damaged_exif_costs_neither_the_picture_nor_a_warning(image_format: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description that is long enough to lie outside of its entry"
    exif[0x0112] = 1
    raw = exif.tobytes()[6:]
    at = raw.index(b"a description")
    damaged = raw[: at - 6] + b"\xff" * 26 + raw[at + 20 :]
    if image_format == "PNG":
        data = pictures.png_with(encoded(quarters(), "PNG"), (b"eXIf", damaged))
    else:
        data = encoded(quarters(), image_format, exif=exif)
        assert image_format == "TIFF" or raw in data
        data = data.replace(raw, damaged)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert looks_like_quarters(decode(data, LIMITS, None))
        read_metadata(data)
    assert caught == []


def test_warnings_of_others_stay_as_they_were() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        decode(encoded(quarters(), "TIFF"), LIMITS, None)
        warnings.warn("mine", UserWarning, stacklevel=1)
        warnings.warn("bomb", Image.DecompressionBombWarning, stacklevel=1)
    assert len(caught) == 2


def test_many_threads_decode_the_same_pixels() -> None:
    data = [oriented(f, o, pictures.noise(200, 120)) for f in WITH_EXIF for o in (1, 6)] * 4
    profile = pictures.icc_matrix_profile(pictures.DISPLAY_P3, 2.2)
    data += [encoded(pictures.noise(200, 120, seed), "JPEG", icc_profile=profile) for seed in range(20)]
    alone = [decode(item, LIMITS, None).tobytes() for item in data]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda item: decode(item, LIMITS, None).tobytes(), data))
    assert together == alone


def test_heif_support_is_loaded_when_it_is_met_and_not_registered() -> None:
    code = """
import io, sys, warnings
warnings.simplefilter("error")
from PIL import Image
from indexer.images.decoder import decode
from indexer.settings import DecodeLimits
buffer = io.BytesIO()
Image.new("RGB", (8, 8)).save(buffer, "JPEG")
decode(buffer.getvalue(), DecodeLimits(), None)
assert "pillow_heif" not in sys.modules
decode(sys.stdin.buffer.read(), DecodeLimits(), None)
assert "pillow_heif" in sys.modules
assert "HEIF" not in Image.OPEN
"""
    root = ROOT
    heif = encoded(quarters(), "HEIF")
    done = subprocess.run([sys.executable, "-c", code], input=heif, capture_output=True, cwd=root, check=False)
    assert done.returncode == 0, done.stderr.decode()
