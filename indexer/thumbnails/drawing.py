"""A photograph made small: upright, in sRGB, its pixels and nothing else."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image

from indexer.images.decoder import decode
from indexer.memory_budget import ALONE, Share
from indexer.settings import DecodeLimits

#: At 78 some 9 kB of 256 pixels and 50 kB of 768, no visible blocks. Method 2 is twice as fast as the usual 4, and its
#: files are a twentieth larger.
_QUALITY: Final = 78
_METHOD: Final = 2
#: Of a JPEG that fills a screen, and of one of many on a sheet, where 80 shows no blocks and takes a few kilobytes.
LOOKED_AT: Final = 88
ON_A_SHEET: Final = 80


def thumbnails(data: bytes, limits: DecodeLimits, sides: tuple[int, ...], share: Share = ALONE) -> dict[int, bytes]:
    """WebP files of the picture in `data` by their longer side, at most so many pixels; decoded once. Takes its memory
    from `share`. Raises what `indexer.images.decoder.decode` raises."""
    picture = _small(data, limits, max(sides), share)
    made: dict[int, bytes] = {}
    for side in sorted(sides, reverse=True):  # the smaller from the larger: far cheaper, and no eye sees it
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
        made[side] = _file(picture, "WEBP", quality=_QUALITY, method=_METHOD)
    return made


def preview(data: bytes, limits: DecodeLimits, side: int, share: Share = ALONE, *, quality: int = LOOKED_AT) -> bytes:
    """A JPEG of the picture in `data`, its longer side at most `side` pixels. Raises as `thumbnails`."""
    return _file(_small(data, limits, side, share), "JPEG", quality=quality)


def _small(data: bytes, limits: DecodeLimits, side: int, share: Share) -> Image.Image:
    picture = decode(data, limits, (side, side), share)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    picture.info = {}
    return picture


def _file(picture: Image.Image, form: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()
