"""The explained part of the contact sheet: heat maps over a picture, and the words that call them up.

Plain CSS does it all: the words' maps lie over each other, unseen, and a word that is pointed at, here or in the
header, shows its own in the place of the map of the whole query.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable

import numpy as np
from PIL import Image

from search.html.page import escape
from search.rerank.explain import Box, Explanation, Grid

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

_STYLE = """
.frame { position: relative; overflow: hidden; }
.picture .heat { inset: auto; object-fit: fill; opacity: 0; transition: opacity .18s;
  box-shadow: 0 0 0 9999px rgb(14 12 40 / .46); } /* what the encoder does not see counts as the map's nothing */
.picture .heat.whole { opacity: 1; }
.place { position: absolute; opacity: 0; border: 2px solid #fff; border-radius: 4px; box-shadow: 0 0 0 1px #0009;
  transition: opacity .18s; }
.words { display: flex; flex-wrap: wrap; gap: .25rem; margin: .1rem 0; }
.word { padding: .05rem .45rem; border-radius: 999px; font-size: .82rem; cursor: default; border: 1px solid var(--line);
  background: color-mix(in srgb, #e2663c calc(var(--share) * 62%), var(--card)); }
.word small { opacity: .72; font-variant-numeric: tabular-nums; margin-left: .2rem; }
.word:hover, .word:focus-visible { border-color: var(--ink); outline: none; }
header .words { margin-top: .5rem; }
header .point { font-size: .82rem; }
.picture:hover .heat.whole { opacity: 0; }
.weak:has(.heat) .picture { opacity: .8; }
.weak:hover .picture, body:has(header .word:hover) .weak .picture { opacity: 1; }
"""


def style(explanations: Iterable[Explanation | None]) -> str:
    """The rules that these explanations need; empty when there is none."""
    known = [explanation for explanation in explanations if explanation is not None]
    if not known:
        return ""
    rules = [_STYLE]
    for number in sorted({number for explanation in known for number, _ in explanation.heaviest(WORDS)}):
        for scope, part in (("li", ""), ("body", "header ")):
            pointed = ", ".join(f"{part}.w{number}:{state}" for state in ("hover", "focus-visible"))
            rules.append(
                f"{scope}:has({pointed}) .heat.whole {{ opacity: 0; }}\n"
                f"{scope}:has({pointed}) :is(.heat, .place).w{number} {{ opacity: 1; }}\n"
            )
    return "".join(rules)


def over(explanation: Explanation) -> str:
    """HTML of the maps, to lie over a picture inside its frame."""
    layers = [_layer(explanation.grid, explanation.area, "whole")]
    for number, word in explanation.heaviest(WORDS):
        layers.append(_layer(word.attention, explanation.area, f"w{number}"))
        layers.append(f'<i class="place w{number}" style="{_position(word.box)}"></i>')
    return "".join(layers)


def legend(explanation: Explanation) -> str:
    """HTML of the words for the header, each with its weight, which does not depend on the picture."""
    return (
        f'<div class="words">{_chips(explanation, "{0.weight:.0%}")}</div>'
        '<p class="point">Point at a word to see where it was found, at a picture to see it plain. '
        "A word's share says how much it counts; the number below a picture, how well what is there fits it.</p>"
    )


def words(explanation: Explanation) -> str:
    """HTML of the words for one picture, each with how well it was found there."""
    return f'<div class="words">{_chips(explanation, "{0.similarity:.2f}")}</div>'


def _chips(explanation: Explanation, shown: str) -> str:
    most = max([1e-6, *(word.weight for word in explanation.words)])
    return "".join(
        f'<span class="word w{number}" tabindex="0" style="--share: {max(0, word.weight) / most:.2f}">'
        f"{escape(word.word)}<small>{shown.format(word)}</small></span>"
        for number, word in explanation.heaviest(WORDS)
    )


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


def _layer(grid: Grid, area: Box, name: str) -> str:
    return f'<img class="heat {name}" alt="" style="{_position(area)}" src="{_png(grid)}">'


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
