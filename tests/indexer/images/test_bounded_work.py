"""A hostile file costs a bounded number of steps: counted, never timed."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from indexer.errors import DamagedImageError, UnsupportedImageError
from indexer.images import embedded, jpeg_header, png, tiff
from indexer.images.cut_headers import ends_early
from indexer.images.decoder import decode
from indexer.images.jpeg import first_scan, keeps_coefficients, open_jpeg
from indexer.images.metadata import read_metadata
from indexer.images.peak import decoding_peak
from indexer.settings import DecodeLimits
from tests.fixtures import tiffs
from tests.fixtures.hostile import jpeg_claiming
from tests.fixtures.pictures import encoded, jpeg_with, looks_like_quarters, png_with, quarters

LIMITS = DecodeLimits()
PNG, JPEG = encoded(quarters(), "PNG"), encoded(quarters(), "JPEG")
ZEROS = zlib.compress(bytes(100_000))


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each unpacking gave."""
    found: list[int] = []

    inflate = png.inflate

    def count(data: bytes, limit: int) -> bytes:
        given = inflate(data, limit)
        found.append(len(given))
        return given

    for module in (png, embedded):
        monkeypatch.setattr(module, "inflate", count)
    return found


@pytest.mark.parametrize(
    ("chunk", "most"),
    [
        ((b"zTXt", b"Comment\0\0" + ZEROS), 1),
        ((b"iTXt", b"Comment\0\1\0\0\0" + ZEROS), 1),
        ((b"zTXt", b"Comment\0\0" + zlib.compress(b"")), 20),  # it says nothing: the next one may
        ((b"zTXt", b"Comment\0\0no zlib data"), 20),
        ((b"zTXt", b"workflow\0\0" + ZEROS), 0),  # nobody asks for it
        ((b"iCCP", b"profile\0\0" + ZEROS), 2),  # read_metadata and decode; no profile, and not looked at again
        ((b"iCCP", b"profile\0\0broken"), 8),
    ],
)
def test_thousands_of_texts_and_profiles(chunk: tuple[bytes, bytes], most: int, unpacked: list[int]) -> None:
    data = png_with(PNG, *[chunk] * 2_000)
    read_metadata(data)
    if chunk[0] == b"iCCP":
        assert looks_like_quarters(decode(data, LIMITS, None))
    assert len(unpacked) == most


def test_a_text_behind_many_others_is_found() -> None:
    chunks = [(b"tEXt", b"Software\0Camera")] * 500 + [(b"tEXt", b"Description\0A lighthouse")]
    assert read_metadata(png_with(PNG, *chunks)).captions == ("A lighthouse",)


def test_the_first_text_of_a_keyword_wins_and_an_empty_one_is_none() -> None:
    texts = [b"Title\0", b"Title\0First", b"Title\0Second"]
    assert read_metadata(png_with(PNG, *[(b"tEXt", text) for text in texts])).captions == ("First",)


def test_chunks_are_looked_at_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png, "_MAX_CHUNKS", 50)
    assert len(list(png.chunks(png_with(PNG, *[(b"abCd", b"")] * 200)))) == 50
    assert looks_like_quarters(decode(png_with(PNG, *[(b"abCd", b"")] * 40), LIMITS, None))


# -- JPEG ---------------------------------------------------------------------------------------------------


class Counted(io.BytesIO):
    """Counts how often it is read from."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        return super().read(size)


@pytest.mark.parametrize(
    "between",
    [
        b"\xff\x00" + bytes(1_000_000),
        b"\xff\x00" * 100_000,
        (b"\xff\xdb\0\x43\0" + b"\1" * 64) * 21_000,
        b"\xff\xe2\0\x10ICC_PROFILE\0\1\1" * 21_000,
        b"\xff\xfe\0\x02" * 300_001,
    ],
    ids=["zeros", "stuffed", "tables", "profiles", "comments"],
)
def test_a_header_without_end_is_not_followed(between: bytes) -> None:
    stream = Counted(JPEG[:2] + between + JPEG[2:])
    with pytest.raises(DamagedImageError):
        open_jpeg(stream)
    assert stream.reads == 0  # Pillow has not seen it
    with pytest.raises(DamagedImageError, match=r"its header does not come to an end|is empty \(zeros\)"):
        decode(stream.getvalue(), LIMITS, None)
    assert ends_early(stream.getvalue()) in (True, False)


@pytest.mark.parametrize(
    "between",
    [b"\xff" * 1_000_000, b"\xff\xe5\0\x02" * 100_000, b"\xff\xfe\0\x04ab" * 100_000, b"\xff\xe1\0\4ab" * 100_000],
    ids=["fill bytes", "application data", "comments", "broken EXIF"],
)
def test_what_nobody_asks_for_is_cut_out_of_a_header(between: bytes) -> None:
    """And what is behind it is found: the orientation."""
    upright = jpeg_with(JPEG, exif=b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0")
    wanted = decode(upright, LIMITS, None)
    assert wanted.size == quarters().size[::-1]
    image = open_jpeg(Counted(upright[:2] + between + upright[2:]))
    data, _ = first_scan(image)
    assert len(data) <= len(upright) + 6 * 2_000
    flood = upright[:2] + between + upright[2:]
    whole = open_jpeg(io.BytesIO(upright))
    more = decoding_peak(image, flood) - decoding_peak(whole, upright)
    assert more == 2 * len(flood) - len(upright)  # the file, and what is left of it
    found = decode(upright[:2] + between + upright[2:], LIMITS, None)
    assert np.array_equal(np.asarray(found), np.asarray(wanted))


def test_what_cameras_write_is_no_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    opened = JpegImageFile._open

    def watch(self: Any) -> None:
        seen.append(len(self.fp.getvalue()))
        opened(self)

    monkeypatch.setattr(JpegImageFile, "_open", watch)
    extended = b"".join(b"\xff\xe1" + struct.pack(">H", 65_535) + bytes(65_533) for _ in range(30))
    for between in (b"", b"\xff" * 100, bytes(300), extended, b"\xff\xe2\0\x10ICC_PROFILE\0\1\1" * 40):
        data = JPEG[:2] + b"\xff" * bool(between) + between + JPEG[2:] if between[:1] == b"\xff" else JPEG
        assert looks_like_quarters(decode(data, LIMITS, None))
        assert seen[-1] == len(data)  # all of it


def test_pieces_of_exif_are_joined_up_to_a_number() -> None:
    piece = b"Exif\0\0" + bytes(60_000)
    segment = b"\xff\xe1" + struct.pack(">H", len(piece) + 2) + piece
    flood = JPEG[:2] + segment * 500 + JPEG[2:]
    assert jpeg_header.surplus(flood) == [(2 + 32 * len(segment), 2 + 500 * len(segment))]
    assert looks_like_quarters(decode(flood, LIMITS, None))
    with_exif = jpeg_with(JPEG, exif=b"II*\0\x08\0\0\0\0\0")
    assert jpeg_header.surplus(with_exif) == []


def scans(width: int, height: int, count: int, *, between: bytes = b"", behind: bytes = b"") -> bytes:
    """A progressive JPEG of this size whose last scan is there so many times."""
    data = jpeg_claiming(width, height, progressive=True)
    last = data.rindex(b"\xff\xda")
    padding = 4 * (b"\xff\xfe\xff\xff" + bytes(65_533))  # so that its data are not too few
    return data[:2] + padding + data[2:last] + (between + data[last:-2]) * count + b"\xff\xd9" + behind


@pytest.mark.parametrize("between", [b"", b"\xff\xfe\0\4\xff\xd9", b"\xff\x01" * 2_000], ids=["", "comment", "bare"])
def test_thousands_of_scans_over_many_blocks_are_not_decoded(between: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JpegImageFile, "load", lambda self: pytest.fail("it is decoded"))
    with pytest.raises(UnsupportedImageError, match=r"^it is a JPEG in more than 100 scans, which takes too long"):
        decode(scans(8_000, 8_000, 400, between=between), LIMITS, (224, 224))


def test_some_scans_more_are_decoded() -> None:
    assert decode(scans(1_600, 1_600, 60), LIMITS, None).size == (1_600, 1_600)
    assert looks_like_quarters(decode(scans(*quarters().size, 2_000), LIMITS, None))  # of few blocks


def test_what_is_behind_a_picture_is_no_scan() -> None:
    assert decode(scans(1_600, 1_600, 1, behind=b"\xff\xda\0\2" * 50_000), LIMITS, None).size == (1_600, 1_600)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_only_a_picture_in_several_scans_keeps_its_coefficients(mode: str) -> None:
    levels = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    for picture in (Image.fromarray(levels).convert(mode), Image.new(mode, (32, 32))):
        assert keeps_coefficients(open_jpeg(io.BytesIO(encoded(picture, "JPEG")))) == 0
        several = encoded(picture, "JPEG", progressive=True, subsampling=0)
        assert keeps_coefficients(open_jpeg(io.BytesIO(several))) == 128 * 16 * len(picture.getbands())


# -- TIFF ---------------------------------------------------------------------------------------------------


def test_a_directory_of_millions_is_not_read() -> None:
    entries = 100_000
    data = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, entries) + bytes(20 * entries + 8)
    with pytest.raises(DamagedImageError):
        read_metadata(data)


def test_a_tile_of_absurd_size_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is unpacked is a tile, however small the picture is."""
    from indexer.errors import ImageTooLargeError

    monkeypatch.setenv("SEARCH_MEMORY", "600MB")
    for kind in ("u1", "f4"):
        level = np.zeros((64, 64, 3), kind)
        data = tiffs.tiff(level, tiffs.RGB, compression=tiffs.DEFLATE, tile=64, tags={322: [20_000], 323: [20_000]})
        with pytest.raises(ImageTooLargeError):
            decode(data, LIMITS, None)


def test_a_tiff_in_a_million_strips_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would become an object."""
    levels = np.asarray(quarters().convert("L"))
    data = tiffs.tiff(levels, tiffs.MIN_IS_BLACK, rows=1)
    assert decode(data, LIMITS, None).size == quarters().size
    monkeypatch.setattr(tiff, "_MAX_STRIPS", levels.shape[0] - 1)
    with pytest.raises(UnsupportedImageError, match="in more than 31 strips"):
        decode(data, LIMITS, None)
    assert decode(tiffs.tiff(levels, tiffs.MIN_IS_BLACK, rows=2), LIMITS, None).size == quarters().size


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_cannot_claim_more_blocks_than_its_data_have_bits(progressive: bool) -> None:
    assert looks_like_quarters(decode(jpeg_claiming(48, 32, progressive=progressive), LIMITS, None))
    with pytest.raises(DamagedImageError, match="far too few for the 4,000 x 3,000 pixels it claims"):
        decode(jpeg_claiming(4_000, 3_000, progressive=progressive), LIMITS, (64, 64))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 2, "quality": 1}, {"optimize": True}])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_of_one_colour_has_all_its_blocks(options: dict[str, Any], mode: str) -> None:
    """The smallest that there is of its size."""
    data = encoded(Image.new(mode, (3_000, 2_000), "grey"), "JPEG", **options)
    assert decode(data, LIMITS, None).getpixel((2_999, 1_999)) == (128, 128, 128)
