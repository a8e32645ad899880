"""Files with nothing wrong with them that are not read are called what they are, and what to do is said."""

from __future__ import annotations

import re

import pytest
from PIL import Image

from indexer.errors import DamagedImageError, FileError, NotAnImageError, UnsupportedImageError
from indexer.images.decoder import decode
from indexer.settings import DecodeLimits
from tests.fixtures import pictures
from tests.fixtures.pictures import encoded

LIMITS = DecodeLimits()


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\xff\x0a\xfa\x1f\x01\x91\x08\x06\x01\0", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl ", "JPEG XL"),
        (encoded(pictures.noise(32, 32), "JPEG2000"), "JPEG 2000"),
        (b"\xff\x4f\xff\x51\0\x2f\0\0", "JPEG 2000"),
        (b"8BPS\0\1\0\0\0\0\0\0\0\3", "Photoshop (PSD)"),
        (b"8BPS\0\2\0\0\0\0\0\0\0\3", "Photoshop (PSD)"),
        (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n", "Radiance HDR"),
        (b"\x76\x2f\x31\x01\2\0\0\0", "OpenEXR"),
        (b"II\xbc\1\x08\0\0\0", "JPEG XR"),
        (b'<svg xmlns="http://www.w3.org/2000/svg">', "SVG"),
        (b'<?xml version="1.0"?>\n<!-- made by hand -->\n<svg width="3">', "SVG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript (EPS)"),
        (encoded(pictures.noise(32, 32), "ICO"), "Windows icon (ICO)"),
        (encoded(pictures.noise(32, 32), "PPM"), "Netpbm (PBM, PGM, PPM, PAM)"),
        (encoded(pictures.noise(32, 32), "QOI"), "QOI"),
        (encoded(pictures.noise(32, 32), "DDS"), "DirectDraw surface (DDS)"),
        (encoded(pictures.noise(32, 32), "PCX"), "PCX"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "camera raw (CR3)"),
        (b"FUJIFILMCCD-RAW 0201FF", "camera raw"),
    ],
)
def test_formats_that_are_not_read_have_names(head: bytes, name: str) -> None:
    with pytest.raises(
        UnsupportedImageError, match=rf"^it is in the format {re.escape(name)}, which is not read; save"
    ):
        decode(head + bytes(300), LIMITS, None)


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"%PDF-1.7", b"<html><svg>", b"<?xml version='1.0'?><rss>", bytes(400), b"P4 is a number"]
)
def test_what_is_no_image_is_not_called_one(data: bytes) -> None:
    with pytest.raises((NotAnImageError, DamagedImageError)):
        decode(data, LIMITS, None)


def _with_frame(marker: int, bits: int = 8, layers: int | None = None) -> bytes:
    """A JPEG whose frame is called another kind: the decoder cannot know the rest of it."""
    data = bytearray(encoded(pictures.noise(64, 48), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 1] = marker
    data[at + 4] = bits
    if layers is not None:
        data[at + 9] = layers
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (_with_frame(0xC1, bits=12), "12-bit JPEG"),
        (_with_frame(0xC3, bits=16), "16-bit lossless JPEG"),
        (_with_frame(0xC3), "lossless JPEG"),
        (_with_frame(0xC5), "hierarchical JPEG"),
        (_with_frame(0xCB), "lossless JPEG"),
        (_with_frame(0xF7), "JPEG-LS"),
        (_with_frame(0xC0, layers=2), "2-channel JPEG"),
    ],
)
def test_kinds_of_jpeg_that_are_not_read(data: bytes, kind: str) -> None:
    with pytest.raises(UnsupportedImageError, match=rf"^it is a {kind}, which is not read; save it as"):
        decode(data, LIMITS, None)


def test_each_has_one_sentence_and_one_class() -> None:
    assert issubclass(UnsupportedImageError, FileError)
    assert not issubclass(UnsupportedImageError, (DamagedImageError, NotAnImageError))


def test_a_bitmap_with_a_compression_of_its_own() -> None:
    data = bytearray(encoded(Image.new("RGB", (8, 8)), "BMP"))
    data[30] = 9
    with pytest.raises(UnsupportedImageError, match="not read"):
        decode(bytes(data), LIMITS, None)


@pytest.mark.skipif(not pictures.can_encode("HEIF"), reason="no HEVC encoder")
def test_a_heif_coded_in_another_way() -> None:
    """H.266 in place of H.265: the boxes are sound, and no decoder is there."""
    data = encoded(pictures.noise(64, 64), "HEIF").replace(b"hvc1", b"vvc1").replace(b"hvcC", b"vvcC")
    with pytest.raises(FileError):
        decode(data, LIMITS, None)
