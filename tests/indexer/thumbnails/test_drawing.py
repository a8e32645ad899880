"""Photographs made small: for grids, screens and sheets, by one way of drawing."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from indexer.errors import NotAnImageError
from indexer.settings import DecodeLimits
from indexer.thumbnails.drawing import LOOKED_AT, ON_A_SHEET, preview, thumbnails
from tests.fixtures import pictures
from tests.fixtures.pictures import encoded, looks_like_quarters, oriented, quarters

LIMITS = DecodeLimits()


def test_a_preview_is_a_small_upright_jpeg_of_pixels_alone() -> None:
    profile = pictures.icc_matrix_profile(pictures.DISPLAY_P3, 2.2)
    data = preview(oriented("JPEG", 6, quarters(900, 600), icc_profile=profile), LIMITS, 120)
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (120, 80), "RGB")
        assert "icc_profile" not in image.info
        assert len(image.getexif()) == 0
        assert looks_like_quarters(image, tolerance=60)
    assert len(data) < 5_000


def test_one_on_a_sheet_takes_less() -> None:
    data = encoded(pictures.noise(600, 400), "PNG")
    large, small = (preview(data, LIMITS, 300, quality=quality) for quality in (LOOKED_AT, ON_A_SHEET))
    assert len(small) < len(large)
    with Image.open(io.BytesIO(large)) as one, Image.open(io.BytesIO(small)) as other:
        assert one.size == other.size == (300, 200)


@pytest.mark.parametrize(("size", "expected"), [((20, 10), (20, 10)), ((1, 20_000), (1, 64)), ((1, 1), (1, 1))])
def test_odd_sizes(size: tuple[int, int], expected: tuple[int, int]) -> None:
    data = encoded(pictures.noise(*size), "PNG")
    for drawn in (preview(data, LIMITS, 64), thumbnails(data, LIMITS, (64,))[64]):
        with Image.open(io.BytesIO(drawn)) as image:
            assert image.size == expected


def test_the_small_one_is_made_of_the_large_one() -> None:
    drawn = thumbnails(encoded(quarters(900, 600), "PNG"), LIMITS, (120, 300))
    for side, data in drawn.items():
        with Image.open(io.BytesIO(data)) as image:
            assert (image.format, max(image.size)) == ("WEBP", side)
            assert looks_like_quarters(image, tolerance=60)


def test_a_strip_that_is_missing_is_no_hole() -> None:
    data = encoded(pictures.noise(320, 240), "JPEG")
    with Image.open(io.BytesIO(preview(data[:-40], LIMITS, 64))) as small:
        assert small.size == (64, 48)


def test_nothing_is_no_picture() -> None:
    for draw in (lambda: preview(b"nothing", LIMITS, 64), lambda: thumbnails(b"nothing", LIMITS, (64,))):
        with pytest.raises(NotAnImageError):
            draw()
