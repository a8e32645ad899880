"""TIFF shows what its tags say, or is refused with the reason."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from indexer.errors import DamagedImageError, ImageTooLargeError, UnsupportedImageError
from indexer.images import tiff_raster
from indexer.images.decoder import decode
from indexer.images.metadata import read_metadata
from indexer.settings import DecodeLimits
from tests.fixtures import pictures, tiffs
from tests.fixtures.paths import ROOT
from tests.fixtures.pictures import looks_like_quarters, quarters
from tests.fixtures.tiffs import CMYK, DEFLATE, LAB, LZW, MIN_IS_BLACK, MIN_IS_WHITE, NONE, PACKBITS, PALETTE, tiff
from tests.fixtures.tiffs import RGB as COLOURS

LIMITS = DecodeLimits()
#: With levels at both ends, odd in both sizes.
RAMP = np.linspace(0, 255, 53 * 37 * 3).round().astype(np.uint8).reshape(37, 53, 3)
GREY = RAMP[:, :, 1]
Order = Literal["<", ">"]


def _shown(data: bytes) -> npt.NDArray[np.int16]:
    return np.asarray(decode(data, LIMITS, None)).astype(np.int16)


def _as(levels: npt.NDArray[np.uint8], kind: str) -> npt.NDArray[Any]:
    """Levels of 8 bits as the same colours in another type."""
    if kind[0] == "f":
        return (levels / 255).astype(kind)
    if kind == "12":
        return (levels.astype(np.uint32) * 4095 // 255).astype("u2")
    whole = {"u1": 1, "u2": 257, "u4": 0x01010101}[kind]
    return levels.astype(kind) * np.array(whole, kind)


@pytest.mark.parametrize("kind", ["u1", "u2", "12", "u4", "f2", "f4", "f8"])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [NONE, LZW, DEFLATE, PACKBITS])
def test_colours_of_every_type(kind: str, planar: bool, order: Order, compression: int) -> None:
    data = tiff(_as(RAMP, kind), COLOURS, planar=planar, order=order, compression=compression, rows=8)
    assert np.abs(_shown(data) - RAMP).max() <= 1


@pytest.mark.parametrize("kind", ["u1", "u2", "12", "u4", "f2", "f4", "f8"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [NONE, LZW])
def test_grey_of_every_type(kind: str, order: Order, compression: int) -> None:
    found = _shown(tiff(_as(GREY, kind), MIN_IS_BLACK, order=order, compression=compression))
    assert np.abs(found - GREY[:, :, None]).max() <= 1


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "f4"])
def test_where_the_lowest_level_is_white(kind: str) -> None:
    found = _shown(tiff(_as(255 - GREY, kind), MIN_IS_WHITE, compression=DEFLATE))
    assert np.abs(found - GREY[:, :, None]).max() <= 1


@pytest.mark.parametrize(("kind", "predictor"), [("u2", 2), ("u4", 2), ("f2", 3), ("f4", 3), ("f8", 3)])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("tile", [None, 16])
def test_predictors(kind: str, predictor: int, planar: bool, order: Order, tile: int | None) -> None:
    levels = _as(RAMP, kind)
    data = tiff(levels, COLOURS, planar=planar, order=order, compression=DEFLATE, predictor=predictor, tile=tile)
    assert np.abs(_shown(data) - RAMP).max() <= 1


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("compression", [NONE, LZW])
def test_tiles(kind: str, planar: bool, compression: int) -> None:
    data = tiff(_as(RAMP, kind), COLOURS, planar=planar, compression=compression, tile=32)
    assert np.abs(_shown(data) - RAMP).max() <= 1


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("photometric", [COLOURS, MIN_IS_BLACK])
@pytest.mark.parametrize("compression", [NONE, LZW])
def test_packed_bits(bits: int, photometric: int, compression: int) -> None:
    levels = RAMP if photometric == COLOURS else GREY
    packed = (levels.astype(np.uint32) * (2**bits - 1) // 255).astype("u2")
    found = _shown(tiff(packed, photometric, bits=bits, compression=compression))
    assert np.abs(found - (levels if photometric == COLOURS else levels[:, :, None])).max() <= 1


def test_levels_with_a_sign() -> None:
    positive = (GREY.astype("i2") * 128) + 64
    assert np.abs(_shown(tiff(positive, MIN_IS_BLACK)) - GREY[:, :, None]).max() <= 1
    both = ((GREY.astype(np.int32) - 128) * 256).astype("i2")  # stretched
    assert np.abs(_shown(tiff(both, MIN_IS_BLACK)) - GREY[:, :, None]).max() <= 1


def test_the_highest_level_that_the_file_names_is_white() -> None:
    levels = (RAMP.astype("u2") * 64).astype("u2")  # 14 bits
    assert np.abs(_shown(tiff(levels, COLOURS, tags={281: [16383] * 3})) - RAMP).max() <= 1
    assert _shown(tiff(levels, COLOURS)).max() < 70  # unnamed, it is a dark picture of 16 bits


def test_light_above_white_is_white() -> None:
    light = _as(RAMP, "f4")
    light[:3] = 40.0  # a lamp
    found = _shown(tiff(light, COLOURS))
    assert (found[:3] == 255).all()
    assert np.abs(found[3:] - RAMP[3:]).max() <= 1


def test_channels_that_mean_nothing_hide_nothing() -> None:
    four = np.dstack([RAMP, np.zeros_like(GREY)])
    for kind in ("u1", "u2"):
        assert np.abs(_shown(tiff(_as(four, kind), COLOURS, extra=[0])) - RAMP).max() <= 1
    eight = np.dstack([RAMP, RAMP, GREY, GREY])
    assert np.abs(_shown(tiff(eight, COLOURS, extra=[0] * 5)) - RAMP).max() <= 1
    assert np.abs(_shown(tiff(eight, COLOURS, planar=True, extra=[0] * 5)) - RAMP).max() <= 1


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
@pytest.mark.parametrize("photometric", [COLOURS, MIN_IS_BLACK])
def test_transparency(kind: str, photometric: int) -> None:
    colours = np.full((16, 16, 3 if photometric == COLOURS else 1), 100, dtype=np.uint8)
    alpha = np.zeros((16, 16, 1), dtype=np.uint8)
    alpha[4:12, 4:12] = 255
    levels = _as(np.dstack([colours, alpha]), kind)
    found = _shown(tiff(levels, photometric, extra=[2], compression=DEFLATE))
    assert np.abs(found[8, 8] - 100).max() <= 1
    assert found[0, 0].tolist() == [255, 255, 255]
    levels = _as(np.dstack([colours * (alpha // 255), alpha]), kind)  # multiplied already
    found = _shown(tiff(levels, photometric, extra=[1], compression=DEFLATE))
    assert np.abs(found[8, 8] - 100).max() <= 1
    assert found[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize("planar", [False, True])
def test_ink(kind: str, planar: bool) -> None:
    ink = np.zeros((16, 16, 4), dtype=np.uint8)
    ink[:8, :, 0] = 255
    found = _shown(tiff(_as(ink, kind), CMYK, planar=planar))
    assert np.abs(found[2, 2] - [0, 255, 255]).max() <= 3
    assert found[12, 2].tolist() == [255, 255, 255]


@pytest.mark.parametrize(("kind", "shift"), [("u1", 0), ("u2", 8)])
def test_lab(kind: str, shift: int) -> None:
    lab = np.zeros((8, 8, 3), dtype=np.int32)
    lab[...] = (138, 81, 70)  # L* 54.3, a* 80.8, b* 69.9 under D50: sRGB's red
    lab[4:] = (255, 0, 0)  # paper
    lab[6:] = (75, 68, -112)  # L* 29.6, a* 68.3, b* -112: its blue
    levels = (lab << shift).astype("i4").astype(kind)
    found = _shown(tiff(levels, LAB))
    assert np.abs(found[1, 1] - [255, 0, 0]).max() <= 6
    assert np.abs(found[5, 5] - [255, 255, 255]).max() <= 3
    assert found[7, 7].max() == found[7, 7, 2] > 240  # out of range in red: it is clipped
    assert found[7, 7, :2].max() < 30


def test_palettes_of_sixteen_and_of_eight_bits() -> None:
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (3, 256))
    wanted = colours.T[GREY]
    for factor in (257, 1):
        found = _shown(tiff(GREY, PALETTE, tags={320: (colours * factor).ravel().tolist()}))
        assert np.abs(found - wanted).max() <= 1


# Pages


def _quarters(scale: int) -> npt.NDArray[np.uint8]:
    return np.asarray(quarters(48 * scale, 32 * scale))


OTHER = np.asarray(pictures.noise(48, 32))


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    "first",
    [
        (OTHER, COLOURS, {254: [1]}),  # reduced
        (OTHER, COLOURS, {255: [2]}),  # reduced, as it was said before
        (OTHER, COLOURS, {}),  # a sixteenth of the pixels
        (np.zeros((128, 192), dtype=np.uint8), MIN_IS_BLACK, {254: [4]}),  # a mask
        (np.zeros((128, 192), dtype=np.uint8), tiffs.MASK, {}),
    ],
)
def test_the_page_that_is_the_photograph(first: Any, nested: bool) -> None:
    data = tiffs.pages(first, (_quarters(4), COLOURS, {254: [0]}), nested=nested)
    assert looks_like_quarters(decode(data, LIMITS, None))
    metadata = read_metadata(data)
    assert (metadata.width, metadata.height) == (192, 128)


def test_the_first_page_of_a_document() -> None:
    data = tiffs.pages((_quarters(3), COLOURS, {254: [2]}), (np.asarray(pictures.noise(190, 130)), COLOURS, {254: [2]}))
    assert looks_like_quarters(decode(data, LIMITS, None))
    data = tiffs.pages((_quarters(1), COLOURS, {}), (np.zeros((200, 200), np.uint8), tiffs.MASK, {254: [4]}))
    assert looks_like_quarters(decode(data, LIMITS, None))


def test_a_thumbnail_is_better_than_nothing() -> None:
    raw = np.zeros((400, 400), dtype=np.uint16)
    data = tiffs.pages((OTHER, COLOURS, {254: [1]}), (_quarters(2), COLOURS, {254: [1]}), (raw, 32803, {254: [0]}))
    assert looks_like_quarters(decode(data, LIMITS, None))


def test_what_the_first_page_says_is_of_the_photograph() -> None:
    data = tiffs.pages((OTHER, COLOURS, {254: [1]}), (_quarters(4), COLOURS, {274: [6]}))
    assert decode(data, LIMITS, None).size == (128, 192)
    assert (read_metadata(data).width, read_metadata(data).height) == (128, 192)


@pytest.mark.parametrize("nested", [False, True])
def test_what_is_said_of_the_document_is_said_of_the_photograph(nested: bool) -> None:
    """The words stand beside the thumbnail that comes first; how it is turned is its own."""
    first = (OTHER, COLOURS, {254: [1], 270: b"four fields\0", 274: [6]})
    data = tiffs.pages(first, (_quarters(4), COLOURS, {}), nested=nested)
    metadata = read_metadata(data)
    assert (metadata.width, metadata.height) == (192, 128)
    assert metadata.captions == ("four fields",)
    assert looks_like_quarters(decode(data, LIMITS, None))


def test_pages_without_end() -> None:
    """A chain of directories that leads back to its start, and one of many."""
    data = bytearray(tiffs.pages((_quarters(2), COLOURS, {}), (OTHER, COLOURS, {})))
    second = data.index((1).to_bytes(1, "little"))  # any place: the chain is broken below
    del second
    first = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[first : first + 2], "little")
    data[first + 2 + 12 * count : first + 6 + 12 * count] = first.to_bytes(4, "little")
    assert looks_like_quarters(decode(bytes(data), LIMITS, None))
    many = tiffs.pages(*[(_quarters(1), COLOURS, {})] * 40)
    assert looks_like_quarters(decode(many, LIMITS, None))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_orientation_of_what_pillow_does_not_read(kind: str, orientation: int) -> None:
    with Image.open(io.BytesIO(pictures.oriented("PNG", orientation))) as stored:
        levels = _as(np.asarray(stored.convert("RGB")), kind)
    data = tiff(levels, COLOURS, planar=True, tags={274: [orientation]})
    assert looks_like_quarters(decode(data, LIMITS, None))
    assert read_metadata(data).width == 48


# What is not read


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (tiff(np.dstack([RAMP, RAMP, GREY, GREY]), MIN_IS_BLACK, extra=[0] * 7), "8 bands"),
        (tiff(RAMP.astype("c8"), COLOURS), "complex numbers"),
        (tiff(RAMP, COLOURS, tags={259: [34712]}), "JPEG 2000 compression"),
        (tiff(RAMP, COLOURS, tags={259: [50002]}), "JPEG XL compression"),
        (tiff(RAMP, COLOURS, tags={259: [64999]}), "compression 64999"),
        (tiff(RAMP, COLOURS, tags={258: [5, 6, 5]}), "different depths"),
        (tiff(GREY.astype("u2"), 32803), "camera's sensor"),
        (tiff(RAMP.astype("f4"), 32845), "luminance"),
        (tiff(RAMP.astype("u2"), tiffs.YCBCR), "colours of kind 6 in 16 bits"),
        (tiff(RAMP, COLOURS, tags={258: [12, 12, 12], 259: [7]}), "12-bit JPEG"),
        (tiff(RAMP.astype("f4"), LAB), r"32-bit L\*a\*b\*"),
    ],
)
def test_what_is_not_read_is_called_what_it_is(data: bytes, reason: str) -> None:
    with pytest.raises(UnsupportedImageError, match=f"it is a TIFF (of|with) .*{reason}.*which is not read; save it"):
        decode(data, LIMITS, None)


def test_limits_hold_before_anything_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = _as(RAMP, "f8")
    with pytest.raises(ImageTooLargeError):
        decode(tiff(levels, COLOURS), DecodeLimits(max_pixels=37 * 53 - 1), None)
    with pytest.raises(ImageTooLargeError):
        decode(tiff(levels, COLOURS, tags={256: [2_000_000], 257: [2_000_000]}), LIMITS, None)
    monkeypatch.setattr(tiff_raster, "_MAX_RASTER_BYTES", 37 * 53 * 24 - 1)
    with pytest.raises(ImageTooLargeError, match="bytes"):
        decode(tiff(levels, COLOURS), LIMITS, None)


def test_strips_that_are_not_there() -> None:
    for tags in ({273: [5_000_000]}, {278: [0]}, {273: [8] * 40, 279: [4] * 40}):
        with pytest.raises((DamagedImageError, UnsupportedImageError)):
            decode(tiff(_as(RAMP, "f4"), COLOURS, compression=DEFLATE, tags=tags), LIMITS, None)


# Nothing is printed


def test_nothing_is_printed_of_damaged_files(tmp_path: Path) -> None:
    """Neither by Python's logging nor by libtiff, which is written in C: so in a process of its own."""
    damaged = bytearray(tiff(RAMP, COLOURS, compression=LZW, rows=8))
    damaged[40:200] = bytes(range(160))
    (tmp_path / "lzw.tif").write_bytes(damaged)
    (tmp_path / "bands.tif").write_bytes(tiff(np.dstack([RAMP] * 3), MIN_IS_BLACK, extra=[0] * 8))
    (tmp_path / "webp.tif").write_bytes(tiff(RAMP, COLOURS, tags={259: [50001]}))
    (tmp_path / "fax.tif").write_bytes(tiff(GREY[:, :40] & 1, MIN_IS_BLACK, bits=1, tags={259: [4]}))
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "HEIF", "AVIF"):
        if pictures.can_encode(kind):
            cut = bytearray(pictures.encoded(pictures.noise(64, 48), kind))
            cut[len(cut) // 2 : len(cut) // 2 + 40] = b"\x55" * 40
            (tmp_path / kind).write_bytes(cut)
    program = """
import sys
from pathlib import Path
from indexer.errors import FileError
from indexer.images.decoder import decode
from indexer.images.metadata import read_metadata
from indexer.settings import DecodeLimits
for path in sorted(Path(sys.argv[1]).iterdir()):
    for read in (lambda data: decode(data, DecodeLimits(), None), read_metadata):
        try:
            read(path.read_bytes())
        except FileError:
            pass
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_applications_own_log_still_gets_what_pillow_says(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(UnsupportedImageError):
        decode(tiff(np.dstack([RAMP] * 3), MIN_IS_BLACK, extra=[0] * 8), LIMITS, None)
    assert "More samples per pixel" in caplog.text
