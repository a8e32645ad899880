"""Transparent pictures are opaque on a ground that shows them; an alpha channel that means nothing hides nothing."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageDraw

from indexer.images import transparency
from indexer.images.decoder import decode
from indexer.settings import DecodeLimits
from tests.fixtures import pictures
from tests.fixtures.pictures import encoded, looks_like_quarters, quarters

LIMITS = DecodeLimits()
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def _with_disc(colour: tuple[int, int, int], alpha: int = 255, side: int = 64) -> Image.Image:
    """A disc on a ground that is transparent, and of the disc's colour."""
    image = Image.new("RGBA", (side, side), (*colour, 0))
    ImageDraw.Draw(image).ellipse((side // 4, side // 4, 3 * side // 4, 3 * side // 4), fill=(*colour, alpha))
    return image


def _shown(image: Image.Image, image_format: str = "PNG", **options: object) -> tuple[object, object]:
    """The colours in a corner, and in the middle."""
    found = decode(encoded(image, image_format, **options), LIMITS, None)
    assert found.mode == "RGB"
    return found.getpixel((0, 0)), found.getpixel((found.width // 2, found.height // 2))


@pytest.mark.parametrize(
    ("colour", "ground"),
    [
        (WHITE, BLACK),
        ((240, 240, 230), BLACK),
        (BLACK, WHITE),
        ((30, 30, 30), WHITE),
        ((200, 40, 40), WHITE),
        ((128, 128, 128), WHITE),
    ],
)
def test_the_ground_contrasts(colour: tuple[int, int, int], ground: tuple[int, int, int]) -> None:
    assert _shown(_with_disc(colour)) == (ground, colour)


@pytest.mark.parametrize(("image_format", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})])
def test_white_can_be_seen_in_every_format(image_format: str, options: dict[str, object]) -> None:
    assert _shown(_with_disc(WHITE), image_format, **options) == (BLACK, WHITE)


def test_white_can_be_seen_in_palettes_and_grey() -> None:
    palette = Image.new("P", (64, 64), 1)
    palette.putpalette([255, 255, 255, 255, 255, 255])
    palette.paste(0, (16, 16, 48, 48))
    assert _shown(palette, transparency=1) == (BLACK, WHITE)
    assert _shown(palette, "GIF", transparency=1) == (BLACK, WHITE)
    grey = Image.merge("LA", [Image.new("L", (64, 64), 255), _with_disc(WHITE).getchannel("A")])
    assert _shown(grey) == (BLACK, WHITE)


def test_half_transparent_white_is_weighed_by_its_opacity() -> None:
    assert _shown(_with_disc(WHITE, alpha=128)) == (BLACK, (128, 128, 128))
    # Faint white over all of the picture, and a strong dark disc: the disc is what is seen.
    image = Image.new("RGBA", (64, 64), (255, 255, 255, 10))
    image.paste((20, 20, 20, 255), (16, 16, 48, 48))
    assert _shown(image) == (WHITE, (20, 20, 20))


def test_thin_lines_of_a_large_picture_count() -> None:
    image = Image.new("RGBA", (3000, 2000), (0, 0, 0, 0))
    for x in range(100, 2900, 100):
        ImageDraw.Draw(image).line((x, 100, x, 1900), fill=(255, 255, 255, 255), width=3)
    assert decode(encoded(image, "PNG", compress_level=1), LIMITS, None).getpixel((50, 50)) == BLACK


def test_a_margin_stays_white() -> None:
    page = Image.new("RGBA", (64, 64), (255, 255, 255, 255))
    page.paste((10, 10, 10, 255), (20, 20, 30, 24))
    page.paste((0, 0, 0, 0), (0, 0, 2, 2))  # a rounded corner
    assert _shown(page)[0] == WHITE


@pytest.mark.parametrize(("image_format", "options"), [("PNG", {}), ("WEBP", {"lossless": True, "exact": True})])
@pytest.mark.parametrize("alpha", [0, 1])
def test_an_empty_alpha_channel_hides_nothing(image_format: str, options: dict[str, object], alpha: int) -> None:
    image = quarters()
    image.putalpha(alpha)
    assert looks_like_quarters(decode(encoded(image, image_format, **options), LIMITS, None))


def test_the_fourth_byte_of_a_bitmap_hides_nothing() -> None:
    """Of 32 bits a pixel, with masks (BITMAPV4HEADER): writers leave the alpha bytes zero."""
    width, height = 48, 32
    bgra = np.zeros((height, width, 4), dtype=np.uint8)
    bgra[:, :, :3] = np.asarray(quarters())[::-1, :, ::-1]
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, 0, 0, 0, 0, 0) + masks + bytes(52)
    pixels = bgra.tobytes()
    data = b"BM" + struct.pack("<IHHI", 14 + 108 + len(pixels), 0, 0, 14 + 108) + header + pixels
    assert Image.open(io.BytesIO(data)).mode == "RGBA"
    assert looks_like_quarters(decode(data, LIMITS, None))


def test_an_opaque_alpha_channel_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transparency, "_ground", None)  # it is not even asked for
    image = pictures.noise(64, 64)
    opaque = image.copy()
    opaque.putalpha(255)
    assert decode(encoded(opaque, "PNG"), LIMITS, None).tobytes() == image.tobytes()
