"""Pictures of which it is known where a word is: photographs with captions as the tiles of one picture.

The grid has a random width and begins at a random place, so that wherever a photograph lies, its edges say nothing of
it. A word that two captions of one photograph say, and no caption of the others, is in that photograph's tile: grids
as of Böhle et al. 2021 (arXiv 2104.00032), with captions instead of classes. Tiles stand for boxes: what a photograph
shows beside the thing counts as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from indexer.types import Pixels
from search.query.stop_words import STOP_WORDS
from search.rerank.explain import Box

SIDE = 520
#: Of the area of a tile, the share that has to be there.
LEAST = 0.55


class Photograph(NamedTuple):
    """A file and what is said of it."""

    path: Path
    captions: list[str]


class Tile(NamedTuple):
    """A photograph in a picture: what of it is there, in fractions of the picture, and words that only it says."""

    box: Box
    captions: list[str]
    words: list[str]


class Tiling(NamedTuple):
    """A picture and the tiles that can be asked for, of which the most is there first."""

    pixels: Pixels
    tiles: list[Tile]


def photographs(folder: Path, split: str) -> list[Photograph]:
    """Those of a split of a data set with five captions."""
    with (folder / "captions.jsonl").open(encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if row["split"] == split and len(row["captions"]) >= 5]
    return [Photograph(folder / "images" / row["image"], row["captions"]) for row in rows]


def tilings(among: list[Photograph], count: int, size: tuple[int, int], seed: int) -> Iterator[Tiling]:
    """`count` of them in the size (width, height) that an encoder takes, with two tiles each at most."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        side = int(SIDE * rng.uniform(0.4, 0.6))
        across, down = (int(each) for each in rng.integers(0, side, 2))
        canvas = Image.new("RGB", (SIDE, SIDE))
        boxes: list[Box] = []
        captions = []
        for upper in range(-down, SIDE, side):
            for left in range(-across, SIDE, side):
                drawn = among[rng.integers(len(among))]
                with Image.open(drawn.path) as photograph:
                    part = photograph.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
                canvas.paste(part, (left, upper))
                boxes.append((_inside(left), _inside(upper), _inside(left + side), _inside(upper + side)))
                captions.append(drawn.captions)
        areas = [(box[2] - box[0]) * (box[3] - box[1]) * (SIDE / side) ** 2 for box in boxes]
        seen = [at for at in np.argsort(areas)[::-1][:2].tolist() if areas[at] >= LEAST]
        tiles = [Tile(boxes[at], captions[at], telling(captions, at)) for at in seen]
        pixels = np.asarray(canvas.resize(size, Image.Resampling.BICUBIC))
        yield Tiling(pixels, [tile for tile in tiles if tile.words])


def telling(captions: list[list[str]], place: int) -> list[str]:
    """Words that two captions of the photograph at `place` say, and none of the others', in order."""
    said = [[set(re.findall(r"[a-z]+", caption.lower())) for caption in each] for each in captions]
    others = set().union(*(words for at, each in enumerate(said) if at != place for words in each))
    own = set().union(*said[place]) - others - STOP_WORDS
    return sorted(
        word
        for word in own
        if sum(word in each for each in said[place]) >= 2 and word.rstrip("s") not in others and len(word) > 1
    )


def lies_in(box: Box, place: Box) -> bool:
    """Whether a region's middle lies in a place, with a tolerance of half of the region (the pointing game of Zhang et
    al. 2016, arXiv 1608.00507)."""
    across, down = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    wide, high = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
    return place[0] - wide < across < place[2] + wide and place[1] - high < down < place[3] + high


def region(at: int, rows: int, columns: int) -> Box:
    """The box of the region at a position of a grid, from the upper left along the rows."""
    row, column = divmod(at, columns)
    return (column / columns, row / rows, (column + 1) / columns, (row + 1) / rows)


def _inside(end: int) -> float:
    return min(max(end, 0), SIDE) / SIDE
