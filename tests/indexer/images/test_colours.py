"""Colours: depth, palette, transparency, ink and profiles end as the right 8-bit sRGB."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from indexer.images.decoder import decode
from indexer.settings import DecodeLimits
from tests.fixtures import pictures
from tests.fixtures.pictures import encoded, looks_like_quarters, quarters

LIMITS = DecodeLimits()
FORMATS = [f for f in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF") if pictures.can_encode(f)]
WITH_EXIF = [f for f in FORMATS if f not in ("GIF", "BMP")]


# Colours and depth


def _only(data: bytes) -> tuple[int, ...]:
    """The colour of a picture of one colour."""
    pixels = np.asarray(decode(data, LIMITS, None)).reshape(-1, 3).astype(int)
    assert (np.abs(pixels - pixels[0]) <= 2).all()
    return tuple(int(level) for level in pixels[0])


def _plain(mode: str, colour: object) -> Image.Image:
    return Image.new(mode, (16, 16), colour)  # type: ignore[arg-type]


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
