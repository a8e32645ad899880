"""Decoding: the right pixels of every kind of image file, and one clear reason for each that cannot be read."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from indexer.encoders.base import Interpolation, Preprocessing, ResizeMode
from indexer.errors import DamagedImageError, FileError, ImageTooLargeError, NotAnImageError, UnreadableFileError
from indexer.images import decode, read_file, sniff, thumbnail, to_pixels
from indexer.metadata import read_metadata
from indexer.settings import DecodeLimits
from indexer.types import Candidate
from tests.fixtures import pictures
from tests.fixtures.pictures import encoded, looks_like_quarters, oriented, quarters

LIMITS = DecodeLimits()
FORMATS = [f for f in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF") if pictures.can_encode(f)]
WITH_EXIF = [f for f in FORMATS if f not in ("GIF", "BMP")]


def _box(major: bytes, *compatible: bytes) -> bytes:
    return struct.pack(">I", 16 + 4 * len(compatible)) + b"ftyp" + major + b"\0\0\0\0" + b"".join(compatible)


def _preprocessing(
    width: int, height: int, resize: ResizeMode, interpolation: Interpolation = "bicubic", fill: int = 0
) -> Preprocessing:
    return Preprocessing(height, width, resize, interpolation, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), fill)


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


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_shrunk_jpeg_is_upright_and_large_enough(orientation: int) -> None:
    data = oriented("JPEG", orientation, quarters(1600, 1200))
    image = decode(data, LIMITS, (150, 100))
    assert image.size == (400, 300)
    assert looks_like_quarters(image)
    assert decode(data, LIMITS, (300, 300)).size == (800, 600)
    assert decode(data, LIMITS, (401, 100)).size == (1600, 1200)


@given(st.integers(1, 700), st.integers(1, 700), st.integers(1, 200), st.integers(1, 200), st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_shrinking_leaves_twice_the_target(width: int, height: int, across: int, down: int, orientation: int) -> None:
    data = oriented("JPEG", orientation, Image.new("RGB", (width, height)))
    image = decode(data, LIMITS, (across, down))
    assert image.width >= min(width, 2 * across)
    assert image.height >= min(height, 2 * down)


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


# Colours and depth


def _only(data: bytes) -> tuple[int, ...]:
    """The colour of a picture of one colour."""
    pixels = np.asarray(decode(data, LIMITS, None)).reshape(-1, 3).astype(int)
    assert (np.abs(pixels - pixels[0]) <= 2).all()
    return tuple(int(level) for level in pixels[0])


def _plain(mode: str, colour: object) -> Image.Image:
    return Image.new(mode, (16, 16), colour)  # type: ignore[arg-type]


def test_transparency_is_laid_on_white() -> None:
    assert _only(encoded(_plain("RGBA", (200, 100, 0, 0)), "PNG")) == (255, 255, 255)
    assert _only(encoded(_plain("RGBA", (0, 0, 0, 128)), "PNG")) == (127, 127, 127)
    assert _only(encoded(_plain("RGBA", (200, 100, 0, 255)), "WEBP", lossless=True)) == (200, 100, 0)
    assert _only(encoded(_plain("LA", (0, 64)), "PNG")) == (191, 191, 191)
    assert _only(encoded(_plain("RGBA", (0, 0, 0, 0)), "TIFF")) == (255, 255, 255)


def test_transparent_palettes_and_key_colours_are_laid_on_white() -> None:
    palette = Image.new("P", (16, 16), 1)
    palette.putpalette([0, 0, 0, 10, 200, 30])
    assert _only(encoded(palette, "PNG")) == (10, 200, 30)
    assert _only(encoded(palette, "PNG", transparency=1)) == (255, 255, 255)
    assert _only(encoded(palette, "PNG", transparency=b"\xff\x80")) == (132, 227, 142)
    assert _only(encoded(palette, "GIF", transparency=1)) == (255, 255, 255)
    assert _only(encoded(_plain("RGB", (1, 2, 3)), "PNG", transparency=(1, 2, 3))) == (255, 255, 255)
    assert _only(encoded(_plain("L", 9), "PNG", transparency=9)) == (255, 255, 255)


def test_grey_and_bitmaps() -> None:
    assert _only(encoded(_plain("L", 77), "JPEG")) == (77, 77, 77)
    assert _only(encoded(_plain("1", 1), "PNG")) == (255, 255, 255)
    assert _only(encoded(_plain("1", 0), "TIFF", compression="group4")) == (0, 0, 0)


@pytest.mark.parametrize("image_format", ["JPEG", "TIFF"])
def test_ink_without_a_profile_is_subtracted_from_white(image_format: str) -> None:
    for ink, light in [
        ((0, 0, 0, 0), (255, 255, 255)),
        ((0, 0, 0, 255), (0, 0, 0)),
        ((255, 0, 0, 0), (0, 255, 255)),
        ((0, 255, 255, 0), (255, 0, 0)),
    ]:
        found = _only(encoded(_plain("CMYK", ink), image_format))
        assert all(abs(a - b) <= 3 for a, b in zip(found, light, strict=True)), (ink, found)


@pytest.mark.parametrize("image_format", ["JPEG", "TIFF"])
def test_ink_with_a_profile_is_what_the_profile_says(image_format: str) -> None:
    profile = pictures.icc_ink_profile((0, 128, 128))  # nonsense ink: black everywhere
    assert _only(encoded(_plain("CMYK", (0, 0, 0, 0)), image_format, icc_profile=profile)) == (0, 0, 0)
    profile = pictures.icc_ink_profile((255, 128, 128))
    assert _only(encoded(_plain("CMYK", (0, 0, 0, 0)), image_format, icc_profile=profile)) == (255, 255, 255)
    assert _only(encoded(_plain("CMYK", (0, 255, 0, 0)), image_format, icc_profile=profile)) == (0, 0, 0)


def test_sixteen_bits_keep_their_full_range() -> None:
    ramp = np.array([[0, 255, 256, 32768, 65279, 65535]], dtype=np.uint16)
    for data in (
        encoded(Image.fromarray(ramp), "PNG"),
        encoded(Image.fromarray(ramp), "TIFF"),
        encoded(Image.fromarray(ramp.astype(">u2")), "TIFF"),
        encoded(Image.fromarray(ramp), "TIFF", compression="tiff_lzw"),
        pictures.png_sixteen_bit_rgb([[(level,) * 3 for level in ramp[0].tolist()]]),
    ):
        found = np.asarray(decode(data, LIMITS, None))[0]
        assert (found == found[:, :1]).all()
        assert found[:, 0].tolist() == [0, 0, 1, 128, 254, 255]


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([0.0, 32768.0, 65535.0], [0, 128, 255]),
        ([-5.0, 0.0, 5.0], [0, 128, 255]),
        ([0.0, float("nan"), float("inf")], [0, 0, 0]),
        ([0.0, 1e6, 2e6], [0, 128, 255]),
    ],
)
def test_floating_point_levels(levels: list[float], expected: list[int]) -> None:
    data = encoded(Image.fromarray(np.array([levels], dtype=np.float32)), "TIFF")
    assert np.asarray(decode(data, LIMITS, None))[0, :, 0].tolist() == expected


def test_thirty_two_bit_levels() -> None:
    data = encoded(Image.fromarray(np.array([[0, 1000, 65535]], dtype=np.int32)), "TIFF")
    assert np.asarray(decode(data, LIMITS, None))[0, :, 0].tolist() == [0, 4, 255]


@pytest.mark.parametrize("image_format", WITH_EXIF)
def test_wide_gamut_profiles_are_converted(image_format: str) -> None:
    image = _plain("RGB", (200, 100, 50))
    options = {"lossless": True} if image_format == "WEBP" else {}
    profile = pictures.icc_matrix_profile(pictures.DISPLAY_P3, 2.2)
    p3 = _only(encoded(image, image_format, icc_profile=profile, **options))
    assert all(abs(a - b) <= 4 for a, b in zip(p3, (216, 93, 24), strict=True)), p3


def test_a_profile_that_is_srgb_in_effect_changes_nothing() -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = pictures.noise(40, 40)
    assert decode(encoded(image, "PNG", icc_profile=profile), LIMITS, None).tobytes() == image.tobytes()


@pytest.mark.parametrize(
    "profile",
    [
        b"x" * 200,
        pictures.icc_matrix_profile(pictures.DISPLAY_P3, 2.2)[:300],
        pictures.icc_ink_profile((255, 128, 128)),  # of ink, in a picture of light
    ],
)
def test_a_broken_or_foreign_profile_is_ignored(profile: bytes) -> None:
    assert _only(encoded(_plain("RGB", (200, 100, 50)), "PNG", icc_profile=profile)) == (200, 100, 50)


@pytest.mark.parametrize("image_format", [f for f in FORMATS if f not in ("JPEG", "BMP", "HEIF")])
def test_the_first_frame_of_an_animation(image_format: str) -> None:
    more = [_plain("RGB", (0, 0, 0)).resize((48, 32)), quarters().rotate(180)]
    data = encoded(quarters(), image_format, save_all=True, append_images=more)
    assert looks_like_quarters(decode(data, LIMITS, None), tolerance=25)


def test_a_gif_frame_smaller_than_its_canvas() -> None:
    data = bytearray(encoded(quarters(), "GIF"))
    data[6:10] = struct.pack("<HH", 60, 40)
    assert decode(bytes(data), LIMITS, None).size == (60, 40)


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
    data = encoded(quarters(), "WEBP")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ImageTooLargeError):
        decode(data, LIMITS, None)


# Damage


def test_nothing_at_all() -> None:
    with pytest.raises(DamagedImageError, match="empty"):
        decode(b"", LIMITS, None)


@pytest.mark.parametrize("data", [b"hello", b"\0" * 4096, b"%PDF-1.7 and so on", b"BM", b"\xff\xd8"])
def test_not_an_image(data: bytes) -> None:
    with pytest.raises(NotAnImageError):
        decode(data, LIMITS, None)


@pytest.mark.parametrize("image_format", FORMATS)
def test_a_truncated_file_is_damaged_or_complete(image_format: str) -> None:
    """Cut anywhere: never half a picture. What decodes all the same has lost nothing but an end mark."""
    data = encoded(pictures.noise(64, 48), image_format)
    whole = decode(data, LIMITS, None).tobytes()
    refused = 0
    for length in [*range(1, len(data), max(1, len(data) // 60)), *range(len(data) - 12, len(data))]:
        try:
            assert decode(data[:length], LIMITS, None).tobytes() == whole
        except FileError:
            refused += 1
    assert refused > 40


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("target", [None, (16, 16)])
def test_a_truncated_jpeg_is_refused(progressive: bool, target: tuple[int, int] | None) -> None:
    data = encoded(pictures.noise(256, 192), "JPEG", progressive=progressive)
    for share in (0.3, 0.5, 0.9, 0.97):
        with pytest.raises(DamagedImageError):
            decode(data[: int(len(data) * share)], LIMITS, target)


def test_a_jpeg_whose_end_is_zeros_is_refused() -> None:
    data = encoded(pictures.noise(256, 192), "JPEG")
    with pytest.raises(DamagedImageError, match="zeros"):
        decode(data[: len(data) // 2] + bytes(len(data) // 2), LIMITS, None)
    padded = data + bytes(4096)  # some cameras pad their files
    assert decode(padded, LIMITS, None).tobytes() == decode(data, LIMITS, None).tobytes()


_SAMPLES = [
    *(encoded(pictures.noise(24, 16), image_format) for image_format in FORMATS),
    oriented("JPEG", 6, pictures.noise(40, 24)),
    oriented("PNG", 6, pictures.noise(24, 16)),
    oriented("WEBP", 6, pictures.noise(24, 16)),
    encoded(pictures.noise(24, 16).convert("CMYK"), "JPEG"),
    encoded(pictures.noise(24, 16), "JPEG", progressive=True),
    encoded(pictures.noise(24, 16), "TIFF", compression="tiff_lzw"),
    encoded(pictures.noise(24, 16), "TIFF", compression="jpeg"),
    encoded(pictures.noise(24, 16), "PNG", icc_profile=pictures.icc_matrix_profile(pictures.DISPLAY_P3, 2.2)),
    encoded(pictures.noise(24, 16).convert("P"), "PNG", transparency=b"\x00\x80\xff"),
    encoded(pictures.noise(24, 16).convert("P"), "GIF", save_all=True, append_images=[pictures.noise(24, 16)]),
    encoded(pictures.noise(24, 16), "PNG", save_all=True, append_images=[pictures.noise(24, 16, 1)]),
    encoded(Image.fromarray(np.arange(384, dtype=np.uint16).reshape(16, 24)), "PNG"),
]


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(_SAMPLES)))
    # Headers are where damage does most, so half of the places are near the start.
    place = st.one_of(st.integers(0, min(len(data), 120) - 1), st.integers(0, len(data) - 1))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(place)
        action = draw(st.sampled_from("sbidct"))
        if action == "s":
            data[at % len(data)] = draw(st.integers(0, 255))
        elif action == "b":
            data[at % len(data)] ^= 1 << draw(st.integers(0, 7))
        elif action == "i":
            data[at:at] = draw(st.binary(min_size=1, max_size=8))
        elif action == "d":
            del data[at : at + draw(st.integers(1, 16))]
        elif action == "c":
            data[at : at + 4] = draw(st.sampled_from([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"]))
        else:
            del data[max(at, 1) :]
        if not data:
            break
    return bytes(data)


def _reason(call: Callable[[], object]) -> str | None:
    """Why `call` refuses the file, None when it does not; anything but a FileError is a failure of the test."""
    try:
        call()
    except FileError as error:
        return str(error)
    return None


@given(_mutated(), st.sampled_from([None, (4, 4)]))
@settings(max_examples=1500, deadline=None)
def test_mutated_files_decode_or_have_one_reason(data: bytes, target: tuple[int, int] | None) -> None:
    decoded: list[Image.Image] = []
    reason = _reason(lambda: decoded.append(decode(data, DecodeLimits(max_pixels=1_000_000), target)))
    if reason is None:
        assert decoded[0].mode == "RGB"
        assert decoded[0].width * decoded[0].height <= 1_000_000
    else:
        assert reason
        assert "\n" not in reason
    assert _reason(lambda: read_metadata(data)) != ""


@given(st.binary(max_size=200), st.sampled_from([sample[:n] for sample in _SAMPLES[:8] for n in (12, 32)]))
@settings(max_examples=200, deadline=None)
def test_any_bytes_behind_a_known_start(rest: bytes, start: bytes) -> None:
    assert _reason(lambda: decode(start + rest, DecodeLimits(max_pixels=1_000_000), None)) != ""


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
from indexer.images import decode
from indexer.settings import DecodeLimits
buffer = io.BytesIO()
Image.new("RGB", (8, 8)).save(buffer, "JPEG")
decode(buffer.getvalue(), DecodeLimits(), None)
assert "pillow_heif" not in sys.modules
decode(sys.stdin.buffer.read(), DecodeLimits(), None)
assert "pillow_heif" in sys.modules
assert "HEIF" not in Image.OPEN
"""
    root = Path(__file__).parents[2]
    heif = encoded(quarters(), "HEIF")
    done = subprocess.run([sys.executable, "-c", code], input=heif, capture_output=True, cwd=root, check=False)
    assert done.returncode == 0, done.stderr.decode()


# Reading


def _candidate(path: Path) -> Candidate:
    status = path.stat()
    return Candidate(str(path), status.st_size, status.st_mtime_ns)


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"n\xffme\n.jpg")
    path.write_bytes(b"content")
    assert read_file(_candidate(path), LIMITS) == b"content"
    path.write_bytes(b"")
    assert read_file(_candidate(path), LIMITS) == b""


def test_a_file_that_changed_since_the_scan(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"content")
    candidate = _candidate(path)
    path.write_bytes(b"content and more")
    with pytest.raises(UnreadableFileError, match="it changed while it was read"):
        read_file(candidate, LIMITS)
    path.write_bytes(b"CONTENT")
    os.utime(path, ns=(0, candidate.mtime_ns + 1))
    with pytest.raises(UnreadableFileError, match="it changed while it was read"):
        read_file(candidate, LIMITS)


@pytest.mark.parametrize("change", ["grow", "shrink", "touch"])
def test_a_file_that_changes_while_it_is_read(tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"content" * 1000)
    candidate = _candidate(path)
    real, calls = os.fstat, []

    def fstat(descriptor: int) -> os.stat_result:
        status = real(descriptor)
        if not calls:  # the change comes right behind the first look
            if change == "touch":
                os.utime(path, ns=(0, candidate.mtime_ns + 1))
            else:
                os.truncate(path, 7010 if change == "grow" else 6990)
        calls.append(descriptor)
        return status

    monkeypatch.setattr("indexer.images.os.fstat", fstat)
    with pytest.raises(UnreadableFileError, match="it changed while it was read"):
        read_file(candidate, LIMITS)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"content")
    candidate = _candidate(path)
    with pytest.raises(ImageTooLargeError, match="7 bytes"):
        read_file(candidate, DecodeLimits(max_bytes=6))
    path.unlink()
    with pytest.raises(UnreadableFileError, match="vanished"):
        read_file(candidate, LIMITS)
    os.mkfifo(path)
    with pytest.raises(UnreadableFileError, match="no longer a regular file"):
        read_file(candidate, LIMITS)
    path.unlink()
    path.mkdir()
    with pytest.raises(UnreadableFileError):
        read_file(candidate, LIMITS)
    with pytest.raises(UnreadableFileError):
        read_file(Candidate("nul\0", 1, 1), LIMITS)


def test_no_permission() -> None:
    code = """
import os, sys
from indexer.errors import UnreadableFileError
from indexer.images import read_file
from indexer.settings import DecodeLimits
from indexer.types import Candidate
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    read_file(Candidate(sys.argv[1], 1, 1), DecodeLimits())
except UnreadableFileError as error:
    print(error)
"""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "a.jpg"
        path.write_bytes(b"x")
        Path(name).chmod(0o755)
        path.chmod(0)
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[2],
        )
    assert done.stdout == "permission denied\n"


# Pixels for an encoder

_SIZES = [(1, 1), (2, 3), (224, 224), (225, 224), (640, 427), (427, 640), (333, 1000), (1000, 333), (100, 75)]
_TARGETS = [(224, 224), (64, 48), (48, 64), (31, 77)]


@pytest.fixture(scope="module")
def open_clip_transform() -> Callable[..., Image.Image]:
    """open_clip's transform, up to where it leaves Pillow."""
    transform = pytest.importorskip("open_clip.transform")

    def apply(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
        steps = transform.image_transform(
            (preprocessing.height, preprocessing.width),
            is_train=False,
            resize_mode=preprocessing.resize,
            interpolation=preprocessing.interpolation,
            fill_color=preprocessing.fill,
        ).transforms
        for step in steps[:-2]:  # less ToTensor and Normalize
            image = step(image)
        return image

    return apply


@pytest.mark.parametrize("resize", ["squash", "shortest", "longest"])
def test_pixels_are_those_of_open_clip(
    resize: ResizeMode, open_clip_transform: Callable[[Image.Image, Preprocessing], Image.Image]
) -> None:
    interpolations: tuple[Interpolation, ...] = ("bicubic", "bilinear")
    for seed, size in enumerate(_SIZES):
        image = pictures.noise(*size, seed)
        for width, height in _TARGETS:
            for interpolation in interpolations:
                preprocessing = _preprocessing(width, height, resize, interpolation, fill=seed * 20)
                expected = np.asarray(open_clip_transform(image, preprocessing))
                found = to_pixels(image, preprocessing)
                assert found.dtype == np.uint8
                assert np.array_equal(found, expected), (size, preprocessing)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 60), st.integers(1, 60))
@settings(max_examples=100, deadline=None)
def test_pixels_are_those_of_open_clip_at_any_size(width: int, height: int, across: int, down: int) -> None:
    transform = pytest.importorskip("open_clip.transform")
    image = pictures.noise(width, height, width)
    for resize in ("shortest", "longest"):
        preprocessing = _preprocessing(across, down, resize)
        ratio = max(width / across, height / down) / min(width / across, height / down)
        if ratio > 16 or (resize == "longest" and min(width, height) * ratio < 1):
            continue
        steps = transform.image_transform((down, across), is_train=False, resize_mode=resize).transforms[:-2]
        expected = image
        try:
            for step in steps:
                expected = step(expected)
        except ValueError:  # open_clip has no answer where a side becomes zero
            continue
        assert np.array_equal(to_pixels(image, preprocessing), np.asarray(expected))


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (3, 5_000)])
@pytest.mark.parametrize("resize", ["squash", "shortest", "longest"])
def test_extreme_shapes_have_pixels_too(size: tuple[int, int], resize: ResizeMode) -> None:
    pixels = to_pixels(
        decode(encoded(pictures.noise(*size), "PNG"), LIMITS, (224, 224)), _preprocessing(224, 224, resize)
    )
    assert pixels.shape == (224, 224, 3)
    assert pixels.flags.c_contiguous


def test_cutting_before_resizing_equals_cutting_after(monkeypatch: pytest.MonkeyPatch) -> None:
    for size in ((30, 1500), (1500, 30), (40, 700)):
        image = pictures.noise(*size)
        preprocessing = _preprocessing(64, 64, "shortest")
        before = to_pixels(image, preprocessing).astype(int)
        monkeypatch.setattr("indexer.pixels._EXTREME", 1000)
        after = to_pixels(image, preprocessing).astype(int)
        monkeypatch.undo()
        assert np.abs(before - after).max() <= 3
        assert np.abs(before - after).mean() < 0.3


@pytest.mark.parametrize("path", pictures.photographs(), ids=lambda path: path.name)
@pytest.mark.parametrize(("resize", "side"), [("squash", 260), ("shortest", 224), ("longest", 256)])
def test_shrinking_on_load_stays_close_to_the_plain_path(path: Path, resize: ResizeMode, side: int) -> None:
    picture = decode(path.read_bytes(), LIMITS, None)
    data = encoded(picture.resize((1999, 1999 * picture.height // picture.width)), "JPEG", quality=90)
    shrunk = decode(data, LIMITS, (side, side))
    assert shrunk.width < 1999
    preprocessing = _preprocessing(side, side, resize)
    plain = to_pixels(decode(data, LIMITS, None), preprocessing).astype(int)
    assert np.abs(to_pixels(shrunk, preprocessing) - plain).mean() < 0.8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_shrunk_picture_is_placed_as_its_full_size_would_be(orientation: int) -> None:
    """81 x 57 shrunk by 4 is 20.25 x 14.25 pixels: the part of a pixel stays at the side where it belongs."""
    image = pictures.noise(81, 57).resize((81 * 4 + 1, 57 * 4 + 1))
    data = oriented("JPEG", orientation, image, quality=100)
    for resize in ("squash", "shortest", "longest"):
        preprocessing = _preprocessing(40, 28, resize)
        shrunk = decode(data, LIMITS, (40, 28))
        assert shrunk.size == (82, 58)
        plain = to_pixels(decode(data, LIMITS, None), preprocessing).astype(int)
        assert np.abs(to_pixels(shrunk, preprocessing) - plain).mean() < 1.2


def test_a_part_of_a_shrunk_picture_is_placed_by_its_own_size() -> None:
    shrunk = decode(encoded(pictures.noise(1001, 801), "JPEG"), LIMITS, (100, 100))
    assert shrunk.size == (251, 201)
    part = shrunk.crop((0, 0, 100, 50))
    plain = Image.fromarray(np.asarray(part))
    preprocessing = _preprocessing(32, 32, "shortest")
    assert np.array_equal(to_pixels(part, preprocessing), to_pixels(plain, preprocessing))


# Thumbnails


def test_a_thumbnail_is_a_small_upright_jpeg() -> None:
    profile = pictures.icc_matrix_profile(pictures.DISPLAY_P3, 2.2)
    data = thumbnail(oriented("JPEG", 6, quarters(900, 600), icc_profile=profile), LIMITS, 120)
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (120, 80), "RGB")
        assert "icc_profile" not in image.info
        assert len(image.getexif()) == 0
    assert len(data) < 5_000


@pytest.mark.parametrize(("size", "expected"), [((20, 10), (20, 10)), ((1, 20_000), (1, 64)), ((1, 1), (1, 1))])
def test_thumbnails_of_odd_sizes(size: tuple[int, int], expected: tuple[int, int]) -> None:
    data = thumbnail(encoded(pictures.noise(*size), "PNG"), LIMITS, 64)
    assert decode(data, LIMITS, None).size == expected


def test_a_thumbnail_of_nothing() -> None:
    with pytest.raises(NotAnImageError):
        thumbnail(b"nothing", LIMITS, 64)
