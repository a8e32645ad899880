"""Files that were cut within their headers: the reason is ours, not a decoder's."""

from __future__ import annotations

import io
import re
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from indexer.errors import DamagedImageError, FileError, NotAnImageError
from indexer.images.cut_headers import ends_early
from indexer.images.decoder import decode
from indexer.images.formats import refuse_head
from indexer.images.sniff import SNIFFED_BYTES, sniff
from indexer.settings import DecodeLimits
from tests.fixtures import pictures
from tests.fixtures.pictures import encoded, quarters

CUT = "its end is missing: the copy was interrupted; copy it again"
PHOTO = pictures.noise(96, 64)
EXIF = Image.Exif()
EXIF[0x010E] = "a description of some length " * 10
FORMATS: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {"exif": EXIF}),
    ("JPEG", {"progressive": True}),
    ("PNG", {"exif": EXIF}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True, "exif": EXIF}),
    ("GIF", {}),
    ("BMP", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("AVIF", {"exif": EXIF}),
    ("HEIF", {}),
]


def _encoded(kind: str, options: dict[str, Any]) -> bytes:
    if kind != "HEIF":
        return encoded(PHOTO, kind, **options)
    import pillow_heif

    stream = io.BytesIO()
    pillow_heif.from_pillow(PHOTO).save(stream, quality=60)
    return stream.getvalue()


def _reason(data: bytes) -> str:
    with pytest.raises(FileError) as caught:
        decode(data, DecodeLimits(), None)
    return str(caught.value)


@pytest.mark.parametrize(("kind", "options"), FORMATS)
def test_a_file_cut_anywhere_in_its_header_was_cut(kind: str, options: dict[str, Any]) -> None:
    data = _encoded(kind, options)
    known = next(length for length in range(1, 64) if sniff(data[:length]))
    assert not ends_early(data)
    for length in {known, known + 1, *range(known, min(700, len(data) // 2), 7)}:
        assert _reason(data[:length]) == CUT, length


def test_a_segment_that_is_longer_than_the_file() -> None:
    data = bytearray(encoded(PHOTO, "JPEG", exif=EXIF))
    at = data.index(b"\xff\xe1")
    data[at + 2 : at + 4] = b"\xff\xf0"
    assert len(data) < 0xFFF0 + at
    assert _reason(bytes(data)) == CUT


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff\xe0\0\x04ab\0\0\0\0rest of it\xff\xd9",  # no segment where one has to be
        b"\xff\xd8\xff\xe0\0\x04ab\xff\xd9",  # it ends at once
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", b"\0\0") + _chunk(b"IEND", b""),
        b"GIF89a\1\0\1\0\0\0\0;",
    ],
)
def test_a_file_that_is_all_there_and_broken_was_not_cut(data: bytes) -> None:
    assert not ends_early(data)
    with pytest.raises(DamagedImageError, match=r"^its (header is damaged|data do not decode)"):
        decode(data, DecodeLimits(), None)


@pytest.mark.parametrize("data", [b"", b"\xff", b"plain", b"\xff\xd8\xff", b"II*\0", b"MM\0+\0\x08", b"BM", b"RIFF"])
def test_no_bytes_are_too_few(data: bytes) -> None:
    assert ends_early(data) is (sniff(data) is not None)


@pytest.mark.parametrize(("kind", "options"), FORMATS)
def test_reasons_say_nothing_of_a_library(kind: str, options: dict[str, Any]) -> None:
    """Of a file that is broken in many ways, none of the sentences that come from inside of Pillow."""
    data = _encoded(kind, options)
    insides = "requires a buffer|driver|plugin|unpack_|Truncated|NoneType|index out of|BMFF|iloc|Invalid input"
    reasons = [_said(data[:at] + bytes((data[at] ^ 0xFF,)) + data[at + 1 :]) for at in range(20, 600, 5)]
    assert [each for each in reasons if re.search(insides, each)] == []


def _said(data: bytes) -> str:
    """Why `data` is no picture; "" when it is one."""
    try:
        decode(data, DecodeLimits(), None)
    except FileError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "a video (MP4)"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", "a video (MP4)"),
        (b"\0\0\0\x14ftypqt  \0\0\2\0qt  ", "a video (QuickTime)"),
        (b"\0\0\0\x14ftyp3gp5\0\0\2\0isom", "a video (3GP)"),
        (b"\x1a\x45\xdf\xa3\x01\0\0\0", "a video (Matroska or WebM)"),
        (b"RIFF\x24\0\0\0AVI LIST", "a video (AVI)"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "a sound (WAV)"),
        (b"\0\0\x01\xba\x44\0", "a video (MPEG)"),
        (b"%PDF-1.7\n", "a document (PDF)"),
        (b"PK\x03\x04\x14\0", "an archive (ZIP, or a document of that form)"),
        (b"\x1f\x8b\x08\0", "an archive"),
        (b"\r\n<!DOCTYPE html>\n<html>", "a web page (HTML)"),
        (b"<html lang='en'>", "a web page (HTML)"),
    ],
)
def test_what_is_no_image_is_called_what_it_is(head: bytes, kind: str) -> None:
    with pytest.raises(NotAnImageError) as caught:
        decode(head + bytes(300), DecodeLimits(), None)
    assert str(caught.value) == f"its content is {kind} and no image; rename it, or put the image in its place"


@pytest.mark.parametrize("data", [b"hello", bytes(255) + b"\1", b"\0\0\0\x18ftyp\0\0\0\0", b"<htmlx", b"PKzip"])
def test_what_is_not_known_gets_no_name(data: bytes) -> None:
    with pytest.raises(
        NotAnImageError,
        match=r"^its content is no image format that can be read; copy it again, or save it as JPEG, PNG or TIFF$",
    ):
        decode(data, DecodeLimits(), None)


@pytest.mark.parametrize("data", [bytes(50_000), bytes(1), bytes(300) + encoded(quarters(), "JPEG")])
def test_a_file_that_was_set_aside_and_never_written_is_an_interrupted_copy(data: bytes) -> None:
    said = r"^the beginning of the file is empty \(zeros\): the copy was interrupted; copy it again$"
    with pytest.raises(DamagedImageError, match=said):
        decode(data, DecodeLimits(), None)
    with pytest.raises(DamagedImageError, match=said):
        refuse_head(data[:SNIFFED_BYTES])
