"""What stands beside the pixels, too large or broken, never costs the picture; what of it can be read is read."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from indexer.images.decoder import decode
from indexer.images.metadata import read_metadata
from indexer.settings import DecodeLimits
from tests.fixtures import pictures
from tests.fixtures.pictures import encoded, looks_like_quarters, png_with, quarters

LIMITS = DecodeLimits()
PNG = encoded(quarters(), "PNG")
WORKFLOW = b'{"nodes": [' + b", ".join(b'{"id": %d}' % number for number in range(200_000)) + b"]}"
assert len(WORKFLOW) > 2_000_000


def _shows_quarters(data: bytes) -> bool:
    read_metadata(data)
    return looks_like_quarters(decode(data, LIMITS, None), tolerance=25)


# PNG


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize(
    "chunk",
    [
        (b"zTXt", b"workflow\0\0" + zlib.compress(WORKFLOW)),
        (b"tEXt", b"workflow\0" + WORKFLOW),
        (b"iTXt", b"workflow\0\1\0\0\0" + zlib.compress(WORKFLOW)),
        (b"iTXt", b"workflow\0\0\0\0\0" + WORKFLOW),
        (b"zTXt", b"workflow\0\x07" + b"no such compression"),
        (b"zTXt", b"bomb\0\0" + zlib.compress(bytes(200_000_000))),
        (b"iCCP", b"large\0\0" + zlib.compress(bytes(20_000_000))),
        (b"iCCP", b"icc\0\x05" + b"no such compression"),
        (b"iCCP", b""),
        (b"eXIf", b"MM\0*" + b"\xff" * 40),
        (b"pHYs", b"\0"),
        (b"gAMA", b""),
        (b"cHRM", b"\0\0\0"),
        (b"sRGB", b""),
        (b"acTL", b"\0"),
        (b"fcTL", bytes(26)),
        (b"fdAT", b"\0"),
        (b"tRNS", b"\0"),
        (b"caBX", bytes(3_000_000)),  # C2PA
    ],
)
def test_chunks_of_png(chunk: tuple[bytes, bytes], behind: bool) -> None:
    assert _shows_quarters(png_with(PNG, chunk, behind=behind))


def test_hundreds_of_texts_of_png() -> None:
    """Pillow's bound on all texts together is 64 MB."""
    chunk = (b"zTXt", b"note\0\0" + zlib.compress(bytes(range(256)) * 3900))
    assert _shows_quarters(png_with(PNG, *[chunk] * 80))


def test_a_checksum_that_is_wrong() -> None:
    for kind in (b"tEXt", b"iCCP", b"gAMA", b"pHYs"):
        data = bytearray(png_with(PNG, (kind, b"Comment\0\0" + bytes(32))))
        data[data.index(kind) + 12] ^= 1
        assert _shows_quarters(bytes(data))


def test_what_can_be_read_beside_it_is_read() -> None:
    large = (b"zTXt", b"workflow\0\0" + zlib.compress(WORKFLOW))
    data = png_with(PNG, large, (b"tEXt", b"Description\0four fields"))
    assert read_metadata(data).captions == ("four fields",)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(quarters().transpose(Image.Transpose.ROTATE_90), "PNG")
    assert _shows_quarters(png_with(turned, large, (b"eXIf", exif.tobytes()[6:])))


def test_a_large_profile_is_applied() -> None:
    """One of 1.5 MB: as a table of ink has, here a matrix with a private tag of that size."""
    profile = pictures.icc_matrix_profile(pictures.DISPLAY_P3, 2.2)
    profile = struct.pack(">I", len(profile) + 1_500_000) + profile[4:] + bytes(1_500_000)
    colour = Image.new("RGB", (16, 16), (200, 100, 50))
    data = encoded(colour, "PNG", icc_profile=profile)
    found = decode(data, LIMITS, None).getpixel((8, 8))
    assert isinstance(found, tuple)
    assert all(abs(a - b) <= 4 for a, b in zip(found, (216, 93, 24), strict=True)), found


def test_memory_stays_bounded() -> None:
    """A text chunk is never unpacked beyond a megabyte, whatever it claims."""
    import tracemalloc

    bomb = png_with(PNG, (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100_000_000))))
    decode(bomb, LIMITS, None)
    tracemalloc.start()
    decode(bomb, LIMITS, None)
    read_metadata(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000


# JPEG


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


@pytest.mark.parametrize(
    "segment",
    [
        _segment(0xE0, b"JFIF"),
        _segment(0xE0, b"JFIF\0\1"),
        _segment(0xE1, b"Exif\0\0" + b"\xff" * 60_000),
        _segment(0xE1, b"Exif\0"),
        _segment(0xE2, b"ICC_PROFILE\0"),
        _segment(0xE2, b"ICC_PROFILE\0\1\7" + bytes(500)),
        _segment(0xE2, b"MPF\0" + b"\xff" * 80),
        _segment(0xE2, b"FPXR\0" + bytes(60_000)),
        _segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04"),
        _segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\xff" + b"\xff" * 40),
        _segment(0xED, b"Photoshop 3.0\x008BIM\x03\xed\0\0\0\0\0\2ab"),
        _segment(0xEE, b"Adobe"),
        _segment(0xFE, bytes(60_000)),
        _segment(0xEB, b"JP\0\0" + bytes(60_000)) * 60,
        b"\xff\xe5\0\0",
    ],
)
def test_segments_of_jpeg(segment: bytes) -> None:
    data = encoded(quarters(), "JPEG")
    assert _shows_quarters(data[:2] + segment + data[2:])
    assert _shows_quarters(data[:20] + segment + data[20:])
    assert _shows_quarters(data[:20] + b"junk" + data[20:])


def test_a_good_segment_beside_a_broken_one_is_read() -> None:
    exif = Image.Exif()
    exif[0x010E] = "four fields"
    exif[0x0112] = 6
    data = encoded(quarters().transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)
    data = data[:20] + _segment(0xEE, b"Adobe") + data[20:]
    assert _shows_quarters(data)
    assert read_metadata(data).captions == ("four fields",)


def test_a_multi_picture_file_whose_second_picture_is_broken() -> None:
    stream = io.BytesIO()
    quarters().save(stream, "MPO", save_all=True, append_images=[pictures.noise(48, 32)], quality=95, subsampling=0)
    data = stream.getvalue()
    second = data.index(b"\xff\xd8\xff", 4)
    assert _shows_quarters(data)
    for broken in (data[: second + 50], data[:second], data[:second] + bytes(len(data) - second)):
        assert _shows_quarters(broken)


# WebP, TIFF, GIF, HEIF


def _riff(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


@pytest.mark.parametrize("options", [{}, {"lossless": True}])
def test_chunks_of_webp(options: dict[str, object]) -> None:
    exif = Image.Exif()
    exif[0x010E] = "four fields"
    data = encoded(quarters(), "WEBP", exif=exif, **options)
    at = data.index(b"EXIF")
    for rest in (b"", data[at : at + 20], _riff(b"EXIF", b"\xff" * 4_000_000), _riff(b"XMP ", b"<" * 4_000_000)):
        assert _shows_quarters(data[:at] + rest)
    assert _shows_quarters(data[:at] + b"EXIF\xff\xff\xff\x7fII*\0")
    broken = bytearray(data)
    broken[4:8] = struct.pack("<I", len(data) + 100_000)
    assert _shows_quarters(bytes(broken))


def test_an_animated_webp_of_which_only_the_first_frame_is_there() -> None:
    data = encoded(quarters(), "WEBP", save_all=True, append_images=[pictures.noise(48, 32, n) for n in range(3)])
    second = data.index(b"ANMF", data.index(b"ANMF") + 4)
    assert _shows_quarters(data[: second + 40])
    assert _shows_quarters(data[: second + 40] + bytes(len(data) - second - 40))


def test_tags_of_tiff() -> None:
    data = encoded(
        quarters(), "TIFF", tiffinfo={270: "d" * 3_000_000, 34675: b"\xff" * 2_000_000, 700: b"<" * 2_000_000}
    )
    assert _shows_quarters(data)
    with Image.open(io.BytesIO(encoded(quarters(), "TIFF", tiffinfo={270: "words", 305: "program"}))) as image:
        entries = image.tag_v2.offset + 2  # type: ignore[attr-defined]
    data = bytearray(encoded(quarters(), "TIFF", tiffinfo={270: "words", 305: "program"}))
    for entry in range(entries, len(data) - 12, 12):
        if struct.unpack_from("<H", data, entry)[0] in (270, 305):
            struct.pack_into("<II", data, entry + 4, 0xFFFFFFF0, 0xFFFFFFF0)
    assert _shows_quarters(bytes(data))


def test_comments_of_gif() -> None:
    data = encoded(quarters(), "GIF")
    at = data.index(b",\0\0\0\0")
    block = b"\xff" + bytes(255)
    for extension in (b"\x21\xfe" + block * 20_000 + b"\0", b"\x21\xff\x02XX\0", b"\x21\x77\x03abc\0"):
        assert _shows_quarters(data[:at] + extension + data[at:])


@pytest.mark.skipif(not pictures.can_encode("HEIF"), reason="no HEVC encoder")
def test_items_of_heif() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description of four fields"
    data = encoded(quarters(), "HEIF", exif=exif)
    at = data.index(b"a description of four fields")
    assert _shows_quarters(data[: at - 40] + b"\xff" * 60 + data[at + 20 :])


def test_a_private_chunk_between_the_pixels_is_skipped() -> None:
    stored = encoded(pictures.noise(64, 64), "PNG", compress_level=0)
    at = stored.index(b"IDAT") + 4
    (length,) = struct.unpack(">I", stored[at - 8 : at - 4])
    pixels = stored[at : at + length]
    parts = [pictures.png_chunk(b"IDAT", pixels[:5000]), pictures.png_chunk(b"IDAT", pixels[5000:])]
    data = stored[: at - 8] + parts[0] + parts[1] + stored[at + length + 4 :]
    assert np.array_equal(decode(data, LIMITS, None), decode(stored, LIMITS, None))


def test_pillows_own_bounds_stay_as_they_are() -> None:
    before = (PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY)
    decode(png_with(PNG, (b"zTXt", b"workflow\0\0" + zlib.compress(WORKFLOW))), LIMITS, None)
    assert before == (PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY)
