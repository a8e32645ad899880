"""A decoded picture becomes the pixels that an encoder wants, as the model's own training transforms made them.

"shortest" and "longest" are those of open_clip (`open_clip/transform.py`, with torchvision's `Resize` and
`CenterCrop`), bit for bit, their rounding included; a test compares them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from indexer.encoders.base import Interpolation, Preprocessing
from indexer.types import Pixels

#: A picture this many times longer than its target shape is cut before it is resized: its resized whole could
#: be gigabytes (1 x 20,000 pixels at 224: 224 x 4,480,000). Within three grey levels, a quarter on average, of
#: cutting afterwards.
_EXTREME = 16


class Shrunk(NamedTuple):
    """What `images.decoder` leaves under `SHRUNK` in `Image.info` of a picture that it shrank; shrinking rounds up.

    `size` it has now, `full` it had (width, height), and the `box` (left, upper, right, lower) of the pixels it has
    now that the full picture covers: its edge may cover only a part of the last ones.
    """

    size: tuple[int, int]
    full: tuple[int, int]
    box: tuple[float, float, float, float]


SHRUNK = "shrunk"


class Placement(NamedTuple):
    """How a picture is resized, to `size` (width, height) with `interpolation`, and the `box` that is kept of it."""

    size: tuple[int, int]
    interpolation: Interpolation
    box: tuple[int, int, int, int]


_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def to_pixels(image: Image.Image, preprocessing: Preprocessing) -> Pixels:
    """`image` (mode "RGB", any size) -> (height, width, 3) uint8 as `preprocessing` says; mean and std not applied.

    A JPEG that was shrunk while it was decoded is placed as its full size would be.
    """
    placed = place(_full_size(image), preprocessing)
    if placed is None:
        extreme = preprocessing.resize == "shortest"
        return np.array((_cut if extreme else _longest)(image, preprocessing), dtype=np.uint8)
    sized = _resized(image, placed.size, _FILTERS[placed.interpolation])
    whole = (0, 0, *placed.size)
    return np.array(sized if placed.box == whole else sized.crop(placed.box), dtype=np.uint8)


def place(size: tuple[int, int], preprocessing: Preprocessing) -> Placement | None:
    """Where a picture of `size` (width, height) goes under "squash" and "shortest"; None where `to_pixels` has more to
    do than to resize and cut."""
    width, height = preprocessing.width, preprocessing.height
    if preprocessing.resize == "squash":
        return Placement((width, height), preprocessing.interpolation, (0, 0, width, height))
    if preprocessing.resize != "shortest":
        return None
    placed = _covering(size, preprocessing)
    return None if placed.size[0] > _EXTREME * width or placed.size[1] > _EXTREME * height else placed


def _covering(size: tuple[int, int], preprocessing: Preprocessing) -> Placement:
    """Scaled so that it just covers the target, and the centre cut out."""
    width, height = preprocessing.width, preprocessing.height
    w, h = size
    interpolation = preprocessing.interpolation
    if width == height:  # torchvision's Resize(int): the longer side is rounded down
        sized = (width, int(width * h / w)) if w <= h else (int(width * w / h), width)
    else:  # open_clip's ResizeKeepRatio(longest=0), which is always bicubic
        ratio = min(h / height, w / width)
        sized, interpolation = (round(w / ratio), round(h / ratio)), "bicubic"
    # CenterCrop rounds half to even, as Python does.
    left, top = round((sized[0] - width) / 2.0), round((sized[1] - height) / 2.0)
    return Placement(sized, interpolation, (left, top, left + width, top + height))


def _shrunk(image: Image.Image) -> Shrunk | None:
    """How `images.decoder` shrank this picture; None for others, and for a part cut out since (it inherits `info`)."""
    shrunk = image.info.get(SHRUNK)
    return shrunk if isinstance(shrunk, Shrunk) and shrunk.size == image.size else None


def _full_size(image: Image.Image) -> tuple[int, int]:
    shrunk = _shrunk(image)
    return shrunk.full if shrunk else image.size


def _resized(image: Image.Image, size: tuple[int, int], resample: Image.Resampling) -> Image.Image:
    shrunk = _shrunk(image)
    if shrunk:
        return image.resize(size, resample, box=shrunk.box)
    return image if image.size == size else image.resize(size, resample)


def _cut(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    """ "shortest" of a picture whose resized whole would be too large: the centre is cut out before it is resized."""
    placed = _covering(_full_size(image), preprocessing)
    across, down = image.width / placed.size[0], image.height / placed.size[1]
    left, top, right, bottom = placed.box
    box = (left * across, top * down, right * across, bottom * down)
    return image.resize((right - left, bottom - top), _FILTERS[placed.interpolation], box=box)


def _longest(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    width, height = preprocessing.width, preprocessing.height
    size = _longest_size(_full_size(image), width, height)
    sized = _resized(image, size, _FILTERS[preprocessing.interpolation])
    return _centred(sized, width, height, preprocessing.fill)


def _longest_size(size: tuple[int, int], width: int, height: int) -> tuple[int, int]:
    """open_clip's ResizeKeepRatio(longest=1), but at least one pixel each way."""
    ratio = max(size[1] / height, size[0] / width)
    return max(1, round(size[0] / ratio)), max(1, round(size[1] / ratio))


def _centred(image: Image.Image, width: int, height: int, fill: int) -> Image.Image:
    """open_clip's CenterCropOrPad for an image that fits: on a ground of grey level `fill`, the odd pixel behind."""
    if image.size == (width, height):
        return image
    ground = Image.new("RGB", (width, height), (fill, fill, fill))
    ground.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    return ground
