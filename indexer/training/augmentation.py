"""Photographs and captions, changed at random so that a pass never shows the same pair twice.

Photographs: a random part of 60 to 100 % of the area (Szegedy et al. 2015), brightness, contrast and saturation, and a
mirror image unless a caption says left or right. Captions: words left out, and two captions of one image as one text.
All is drawn from the generator that is given.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
from PIL import Image

from indexer.types import Pixels

_LEAST_AREA: Final = 0.6
_ASPECTS: Final = (3 / 4, 4 / 3)
_COLOUR: Final = 0.2
_FLIPPED: Final = 0.5
_DROPPED: Final = 0.1
_MIXED: Final = 0.2
#: Words that a mirror image would make untrue, in the languages of which captions are common; letters and digits that
#: are read ("a sign that says STOP") would be mirrored too.
_SIDED: Final = re.compile(
    r"\b(left\w*|right\w*|links|rechts|gauche|droite|izquierda|derecha|sign\w*|says?|reads?|text|letters?|written)\b",
    re.IGNORECASE,
)


def may_be_mirrored(caption: str) -> bool:
    """Whether a caption stays true of the mirror image."""
    return _SIDED.search(caption) is None


def part_of(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A random part of `image`, of 60 to 100 % of its area and sides of 3:4 to 4:3 of its own."""
    area = rng.uniform(_LEAST_AREA, 1.0)
    aspect = float(np.exp(rng.uniform(*np.log(_ASPECTS))))
    width = max(1, round(image.width * min(1.0, (area * aspect) ** 0.5)))
    height = max(1, round(image.height * min(1.0, (area / aspect) ** 0.5)))
    left, top = int(rng.integers(0, image.width - width + 1)), int(rng.integers(0, image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


def coloured(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """(h, w, 3) uint8 with brightness, contrast and saturation at random, each by up to 20 %."""
    bright, contrast, colour = rng.uniform(1 - _COLOUR, 1 + _COLOUR, size=3).astype(np.float32)
    values = pixels.astype(np.float32) * bright
    values = (values - values.mean()) * contrast + values.mean()
    grey = values.mean(axis=2, keepdims=True)  # (h, w, 1)
    changed: Pixels = np.clip(grey + (values - grey) * colour, 0, 255).round().astype(np.uint8)
    return changed


def mirrored(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """(h, w, 3), as it is or its mirror image."""
    return np.ascontiguousarray(pixels[:, ::-1]) if rng.random() < _FLIPPED else pixels


def changed_caption(caption: str, others: tuple[str, ...], rng: np.random.Generator) -> str:
    """`caption`, sometimes with one of the `others` of its image behind it, without a tenth of its words."""
    if others and rng.random() < _MIXED:
        caption = f"{caption.rstrip('. ')}. {others[int(rng.integers(len(others)))]}"
    words = caption.split(" ")
    kept = [word for word, drawn in zip(words, rng.random(len(words)), strict=True) if drawn >= _DROPPED]
    return " ".join(kept) if any(kept) else caption
