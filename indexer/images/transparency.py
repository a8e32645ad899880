"""A transparent picture becomes opaque, on a ground that it can be seen on."""

from __future__ import annotations

import numpy as np
from PIL import Image

#: A channel of transparency that never goes above this says nothing: a writer left it empty.
_UNUSED_ALPHA = 1

#: Grey levels that are lost on white, and on black: closer than a look tells apart.
_NEAR = 32

#: Side of the reduced picture whose colours are counted: lines keep their colour there, and it costs nothing.
_SAMPLED_SIDE = 512

#: With more of the picture opaque than this, the ground is a margin, and white.
_OPAQUE = 0.9

WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def opaque(image: Image.Image) -> Image.Image:
    """`image` (mode "RGBA") in mode "RGB".

    It is laid on white; on black when most of what is to be seen would be lost on white. An alpha channel that is
    empty is no transparency: the colours are shown.
    """
    alpha = image.getchannel("A")
    lowest, highest = alpha.getextrema()
    if lowest == 255 or highest <= _UNUSED_ALPHA:  # type: ignore[operator]
        return image.convert("RGB")
    ground = Image.new("RGB", image.size, _ground(image))
    ground.paste(image, mask=alpha)
    return ground


def _ground(image: Image.Image) -> tuple[int, int, int]:
    factor = max(1, min(image.size) // _SAMPLED_SIDE)
    small = image.reduce(factor) if factor > 1 else image
    levels = np.asarray(small.convert("RGB").convert("L"))  # (h, w) uint8
    weights = np.asarray(small.getchannel("A"))  # (h, w) uint8
    counts = np.bincount(levels.ravel(), weights=weights.ravel(), minlength=256)
    seen = counts.sum()
    if seen > _OPAQUE * 255 * weights.size:
        return WHITE
    lost_on_white, lost_on_black = counts[256 - _NEAR :].sum(), counts[:_NEAR].sum()
    return BLACK if lost_on_white > seen / 2 and lost_on_white > lost_on_black else WHITE
