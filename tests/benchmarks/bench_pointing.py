"""Whether an explanation points at what its words say: a pointing game over tilings of photographs.

    python tests/benchmarks/bench_pointing.py --data FOLDER [--split val] [--reranker FOLDER] [--pictures 500]

FOLDER holds flickr8k/. Photographs of a split are tiles of one picture, whose grid has a random width and begins at a
random place: wherever a photograph lies, its edges say nothing of it. A caption of one asks, and each of its words
should be found where its photograph is. Counted are words that two captions of that photograph say and no caption of
the others, words of grammar aside; of the two photographs of which the most is there. A word hits when the region that
it points at lies in its photograph, half a region of tolerance (the pointing game of Zhang et al. 2016, arXiv
1608.00507, on grids as Böhle et al. 2021, arXiv 2104.00032; tiles stand for boxes, so what a photograph shows beside
the thing counts as well). Shown with a 95 % interval (bootstrap over pictures): all such words, those that the
explanation says it found, the strongest region of its whole grid, one such word as a query of its own, and two of them,
of two photographs, in one query ("dog and snow"), each of which has its own place. Nothing here asserts.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from indexer.encoders.base import Encoder
from indexer.encoders.batches import encode_images, encode_texts
from indexer.encoders.registry import load_encoder
from indexer.types import Int8, Pixels
from search.ground_truth.bootstrap import ClusterBootstrap
from search.query.stop_words import STOP_WORDS
from search.rerank.base import EncodedQuery, Reranker
from search.rerank.explain import Box, Explanation, WordMatch, explain, strongest
from search.rerank.registry import load_reranker

SIDE, SEED = 520, 0
#: Of a tile's own side, the share of its area that has to be there.
LEAST = 0.55
COUNTED = CHANCE, WORDS, FOUND, GRID, ALONE, TWO = (
    "chance",
    "words",
    "words that it found",
    "strongest of the grid",
    "a word alone",
    "two words, two places",
)


class Tile(NamedTuple):
    """A photograph in a picture: what of it is there, in fractions of the picture, and words that only it says."""

    box: Box
    captions: list[str]
    words: list[str]


class Tiling(NamedTuple):
    """A picture and the tiles that are asked for."""

    pixels: Pixels
    tiles: list[Tile]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="val")
    parser.add_argument("--reranker", help="a folder; the one that ships by default")
    parser.add_argument("--pictures", type=int, default=500)
    given = parser.parse_args()
    encoder = load_encoder("bundled")
    reranker = load_reranker(given.reranker, Path("no-store"), encoder)
    assert reranker is not None
    size = (encoder.identity.preprocessing.width, encoder.identity.preprocessing.height)
    found = play(tilings(given.data / "flickr8k", given.split, given.pictures, size), encoder, reranker)
    for name, hits in found.items():
        print(f"{name:24} {told(hits)}")


def tilings(folder: Path, split: str, count: int, size: tuple[int, int]) -> list[Tiling]:
    """`count` of them in the size that an encoder takes, of photographs drawn by a fixed seed."""
    with (folder / "captions.jsonl").open(encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if row["split"] == split]
    rng = np.random.default_rng(SEED)
    made = []
    for _ in range(count):
        side = int(SIDE * rng.uniform(0.4, 0.6))
        across, down = (int(each) for each in rng.integers(0, side, 2))
        canvas = Image.new("RGB", (SIDE, SIDE))
        boxes: list[Box] = []
        captions = []
        for upper in range(-down, SIDE, side):
            for left in range(-across, SIDE, side):
                row = rows[rng.integers(len(rows))]
                with Image.open(folder / "images" / row["image"]) as photograph:
                    part = photograph.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
                canvas.paste(part, (left, upper))
                ends = (left, upper, left + side, upper + side)
                boxes.append(tuple(min(max(end, 0), SIDE) / SIDE for end in ends))  # type: ignore[arg-type]
                captions.append(row["captions"])
        areas = [(box[2] - box[0]) * (box[3] - box[1]) * (SIDE / side) ** 2 for box in boxes]
        seen = [at for at in np.argsort(areas)[::-1][:2].tolist() if areas[at] >= LEAST]
        tiles = [Tile(boxes[at], captions[at], telling(captions, at)) for at in seen]
        pixels = np.asarray(canvas.resize(size, Image.Resampling.BICUBIC))
        made.append(Tiling(pixels, [tile for tile in tiles if tile.words]))
    return made


def play(pictures: list[Tiling], encoder: Encoder, reranker: Reranker) -> dict[str, list[list[float]]]:
    """Hits of each picture, by what is counted."""
    found: dict[str, list[list[float]]] = {name: [] for name in COUNTED}
    tokens = encode_images(encoder, [each.pixels for each in pictures], tokens=True).tokens or ()
    for picture, regions in zip(pictures, tokens, strict=True):
        hits: dict[str, list[float]] = {name: [] for name in COUNTED}
        for tile in picture.tiles:
            asked = explained(tile.captions[0], regions, encoder, reranker)
            hits[GRID].append(lies_in(strongest(np.array(asked.grid), asked.area), tile.box))
            for word in asked.words:
                if word.word.lower() in tile.words:
                    hits[WORDS].append(points(word, asked, tile))
                    hits[CHANCE].append(chance(asked, tile))
                    if word.box is not None:
                        hits[FOUND].append(hits[WORDS][-1])
            alone = explained(tile.words[0], regions, encoder, reranker)
            hits[ALONE] += [points(word, alone, tile) for word in alone.words if word.word == tile.words[0]]
        if len(picture.tiles) == 2:
            places = {tile.words[0]: tile for tile in picture.tiles}
            both = explained(" and ".join(places), regions, encoder, reranker)
            hits[TWO] += [points(word, both, places[word.word]) for word in both.words if word.word in places]
        for name, each in hits.items():
            found[name].append(each)
    return found


def explained(text: str, regions: Int8, encoder: Encoder, reranker: Reranker) -> Explanation:
    """Why a picture with these tokens (r, w) would answer a text."""
    texts = encode_texts(encoder, [text], tokens=True)
    alignment = reranker.explain(EncodedQuery("text", texts.vectors[0], (texts.tokens or ())[0], text), regions)
    assert alignment is not None
    return explain(alignment, encoder.words(text), text, encoder.identity.preprocessing, (SIDE, SIDE))


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


def points(word: WordMatch, told: Explanation, tile: Tile) -> bool:
    """Whether a word was looked for where its photograph is."""
    return lies_in(strongest(np.array(word.attention), told.area), tile.box)


def chance(told: Explanation, tile: Tile) -> float:
    """The share of regions that hit."""
    rows, columns = np.array(told.grid).shape
    boxes = [
        (column / columns, row / rows, (column + 1) / columns, (row + 1) / rows)
        for row in range(rows)
        for column in range(columns)
    ]
    return float(np.mean([lies_in(box, tile.box) for box in boxes]))


def lies_in(box: Box, place: Box) -> bool:
    """Whether a box's middle lies in a place, with a tolerance of half of the box."""
    across, down = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    wide, high = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
    return place[0] - wide < across < place[2] + wide and place[1] - high < down < place[3] + high


def told(hits: list[list[float]]) -> str:
    """Share of hits in percent, with its interval."""
    flat = np.array([hit for each in hits for hit in each], float)  # (w,)
    picture = np.repeat(np.arange(len(hits)), [len(each) for each in hits])  # (w,)
    _, clusters = np.unique(picture, return_inverse=True)
    low, high = ClusterBootstrap(clusters, samples=2_000, seed=SEED).means(flat[:, None])[0]
    return f"{100 * flat.mean():.1f} % of {len(flat):,} ({100 * low:.1f} to {100 * high:.1f})"


if __name__ == "__main__":
    main()
