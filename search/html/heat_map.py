"""The explained part of the contact sheet: heat maps over a picture, and the words that call them up."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from search.rerank.explain import Box, Explanation, Grid, WordMatch

#: Pixels of a map for each region: enough for a smooth slope, few enough for a file of one or two kilobytes.
PIXELS = 8
#: Words that have a map of their own.
WORDS = 12
#: Colours of a map, from nothing (level 0) to the strongest region (1): level, red, green, blue, opacity.
_COLOURS = (
    (0.00, 14, 12, 40, 0.46),
    (0.30, 92, 22, 110, 0.42),
    (0.60, 226, 62, 70, 0.50),
    (1.00, 255, 214, 74, 0.66),
)


@dataclass(frozen=True, slots=True)
class Layer:
    """A map over a picture. `name`: "whole" or the word's class; `position`, `box`: CSS, of the map and of the region
    that fits a word best; `picture`: a data: address."""

    name: str
    position: str
    picture: str
    box: str = ""


@dataclass(frozen=True, slots=True)
class Chip:
    """A word to point at. `number`: its position in the query; `share`: its weight, 1 for the heaviest; `figure`: what
    stands beside it."""

    number: int
    word: str
    share: float
    figure: str


def shown_words(explanations: Iterable[Explanation]) -> list[int]:
    """Positions of the words that have a map in one of them."""
    return sorted({number for explanation in explanations for number, _ in explanation.heaviest(WORDS)})


def layers(explanation: Explanation) -> tuple[Layer, ...]:
    """The maps that lie over a picture inside its frame, the whole query's first; none where no word was found: the
    places that were looked at then say nothing."""
    if not explanation.found:
        return ()
    area = _position(explanation.area)
    words = explanation.heaviest(WORDS)
    return (
        Layer("whole", area, _png(explanation.grid)),
        *(
            Layer(f"w{number}", area, _png(word.attention), _position(word.box))
            for number, word in words
            if word.box is not None
        ),
    )


def chips(explanation: Explanation, figure: Callable[[WordMatch], str]) -> tuple[Chip, ...]:
    """The words that count most; `figure`: what stands beside one."""
    most = max([1e-6, *(word.weight for word in explanation.words)])
    return tuple(
        Chip(number, word.word, max(0, word.weight) / most, figure(word))
        for number, word in explanation.heaviest(WORDS)
    )


def share_of(word: WordMatch) -> str:
    """How much it counts."""
    return f"{word.weight:.0%}"


def fit_of(word: WordMatch) -> str:
    """How well what is there fits it."""
    return "not found" if word.box is None else f"{word.similarity:.2f}"


def frame_size(width: int, height: int, wide: int, high: int) -> str:
    """CSS of a frame with the shape of a picture, as large as a place of the shape `wide` x `high` lets it be."""
    side = "width" if width * high >= height * wide else "height"
    return f"aspect-ratio: {width} / {height}; {side}: 100%"


def levels(grid: Grid) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """How strongly each region (rows, columns) shows, 0 to 1: what exceeds an even look at everything, against the
    strongest; less than 1 for all when that one hardly exceeds it either."""
    values = np.array(grid, np.float64)
    even = 1 / values.size
    shown: np.ndarray[tuple[int, int], np.dtype[np.float64]] = np.clip(
        (values - even) / max(float(values.max()) - even, even), 0, 1
    )
    return shown


def _position(box: Box) -> str:
    left, upper, right, lower = (100 * side for side in box)
    return f"left: {left:.2f}%; top: {upper:.2f}%; width: {right - left:.2f}%; height: {lower - upper:.2f}%"


def _png(grid: Grid) -> str:
    """A data: address of the map."""
    small = Image.fromarray(np.rint(255 * levels(grid)).astype(np.uint8))  # (rows, columns)
    shown = small.resize((small.width * PIXELS, small.height * PIXELS), Image.Resampling.BICUBIC)
    at = np.array([colour[0] for colour in _COLOURS])
    channels = np.array([(*colour[1:4], 255 * colour[4]) for colour in _COLOURS])  # (stops, RGBA)
    table = np.stack([np.interp(np.linspace(0, 1, 256), at, channel) for channel in channels.T], axis=1)  # (256, 4)
    table = np.rint(table).astype(np.uint8)
    coloured = Image.fromarray(np.array(shown), "P")
    coloured.putpalette(table[:, :3].tobytes())
    buffer = io.BytesIO()
    coloured.save(buffer, "PNG", transparency=table[:, 3].tobytes(), optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
