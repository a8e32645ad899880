"""Pictures that a program holds, of Pillow or as arrays, as the content of a file: then one way reads all of them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from indexer.errors import DamagedImageError, ImageTooLargeError, UsageError
from indexer.images.colours import to_rgb
from indexer.images.decoder import TURNS
from indexer.images.embedded import turn
from indexer.images.formats import pillow_errors
from indexer.settings import DecodeLimits
from indexer.types import Pixels

#: Values of a pixel: grey, red green blue, and opacity.
_CHANNELS = (1, 3, 4)


def file_of(picture: Image.Image | Pixels, limits: DecodeLimits | None = None) -> bytes:
    """A file with these pixels: upright as the picture's EXIF says, sRGB, transparency laid out as in any file.

    It is a BMP: nothing is lost, and it takes no time to write. An array is (h, w) or (h, w, 1) grey, (h, w, 3) RGB or
    (h, w, 4) RGBA, uint8, upright. Raises TypeError and UsageError for another array, FileError for what does not
    decode or is over `limits`.
    """
    image = picture if isinstance(picture, Image.Image) else _of_array(picture)
    limits = limits or DecodeLimits()
    width, height = image.size
    if not width or not height:
        raise DamagedImageError(f"it has {width} x {height} pixels")
    if width * height > limits.max_pixels:
        raise ImageTooLargeError(f"it has {width:,} x {height:,} pixels, more than the limit of {limits.max_pixels:,}")
    with pillow_errors("its data do not decode"):
        image.load()
        turned = turn(image.getexif(), image.format)
        flat = to_rgb(image)
        if turned in TURNS:
            flat = flat.transpose(TURNS[turned])
        buffer = io.BytesIO()
        flat.save(buffer, "BMP")
        return buffer.getvalue()


def _of_array(array: Pixels) -> Image.Image:
    if array.dtype != np.uint8:
        raise TypeError(f"An image is an array of uint8, 0 to 255, not of {array.dtype}.")
    shape = (*array.shape, 1) if array.ndim == 2 else array.shape
    if len(shape) != 3 or shape[2] not in _CHANNELS:
        raise UsageError(
            f"An image is an array (h, w) grey, (h, w, 3) RGB or (h, w, 4) RGBA, not {tuple(array.shape)}; the "
            "channels come last, and of several images each is given by itself."
        )
    return Image.fromarray(np.ascontiguousarray(array[..., 0] if array.ndim == 3 and shape[2] == 1 else array))
