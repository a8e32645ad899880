"""The pixels of an opened image, also of one whose file has lost its end; and what of it is missing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.TiffImagePlugin import COMPRESSION, PLANAR_CONFIGURATION, STRIPOFFSETS, TiffImageFile

from indexer.errors import FileError
from indexer.images.containers import load_boxes, load_webp
from indexer.images.endings import MISSING_SHARE, empty_bytes, interrupted, partial
from indexer.images.formats import open_heif
from indexer.images.jpeg import load_jpeg
from indexer.images.png import load_png
from indexer.images.tiff import load_tiff

#: A copy grows by whole blocks of a disk: an empty end that starts at one is no black part of a picture, ...
_BLOCK = 4096
#: ... when it is this share of the file.
_EMPTY_SHARE = 0.25

_ORIENTATION = 0x0112


def load(
    image: ImageFile.ImageFile, data: bytes, prepare: Callable[[ImageFile.ImageFile], None]
) -> tuple[Image.Image, str | None]:
    """The picture of `image`, which was opened from `data`, loaded, and the note about what of it is missing, if any.

    `prepare` is called before a JPEG is decoded. Raises DamagedImageError when the file's end is missing, other
    errors of ours, or what Pillow raises.
    """
    match image.format:
        case "JPEG":
            return load_jpeg(image, prepare)
        case "PNG":
            return image, load_png(image, data)
        case "WEBP":
            return load_webp(image, data)
        case "HEIF":
            return load_boxes(image, data, open_heif)
        case "AVIF":
            return load_boxes(image, data, AvifImageFile)
    if image.format == "TIFF" and not _is_plain(image):
        return load_tiff(image, data)
    return image, _load_rows(image, data)


def _load_rows(image: ImageFile.ImageFile, data: bytes) -> str | None:
    """GIF, BMP and plain TIFF, whose rows come in order: those of a BMP from below, as a rule."""
    plain = _is_plain(image)
    arguments = image.tile[0].args if image.tile else None
    arguments = arguments if isinstance(arguments, tuple) else ()
    ordered = plain or (image.format == "GIF" and arguments[1:2] == (False,))  # not interlaced
    upwards = plain and image.format == "BMP" and arguments[2] < 0
    try:
        image.load()
    except (FileError, MemoryError):
        raise
    except Exception as error:
        cut = "truncated" in str(error)
        if cut and ordered:
            return partial(image, data, upwards=upwards)
        if cut or empty_bytes(data):
            raise interrupted(data) from None
        raise
    empty = empty_bytes(data) if plain else 0
    if empty > MISSING_SHARE * len(data) and _ends_within(image, data, upwards=upwards):
        raise interrupted(data)
    return None


def _is_plain(image: ImageFile.ImageFile) -> bool:
    """Whether the pixels are in the file as they are, row by row, all channels together."""
    if isinstance(image, TiffImageFile):
        tags = image.tag_v2
        together = tags.get(PLANAR_CONFIGURATION, 1) == 1 and STRIPOFFSETS in tags
        return together and tags.get(COMPRESSION, 1) == 1 and tags.get(_ORIENTATION, 1) == 1
    return image.format == "BMP" and bool(image.tile) and all(tile.codec_name == "raw" for tile in image.tile)


def _ends_within(image: ImageFile.ImageFile, data: bytes, *, upwards: bool) -> bool:
    """Whether the zeros at the end of uncompressed pixels were never written, which black parts of a picture were.

    They begin at a block of the disk, or within a row: to the left of there, and above to the right, the picture is
    not of their colour. A black area of that shape would be a step of one row's height.
    """
    empty = empty_bytes(data)
    if (len(data) - empty) % _BLOCK == 0 and empty >= _EMPTY_SHARE * len(data):
        return True
    levels = np.asarray(image)  # (h, w) or (h, w, channels)
    if upwards:
        levels = levels[::-1]
    same = levels == levels[-1, -1]
    if same.ndim == 3:
        same = same.all(axis=2)
    written = np.flatnonzero(~same.all(axis=1))
    if len(written) == 0 or written[-1] == 0:
        return False
    row = int(written[-1])
    column = int(np.flatnonzero(~same[row])[-1]) + 1
    left, above = same[row, :column], same[row - 1, column:]
    return bool(len(above) >= 8 and left.mean() < 0.5 and above.mean() < 0.5)
