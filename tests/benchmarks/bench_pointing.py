"""Whether an explanation points at what its words say: a pointing game over mosaics of four photographs.

    python tests/benchmarks/bench_pointing.py --data FOLDER [--split val] [--reranker FOLDER] [--mosaics 250]

FOLDER holds flickr8k/. Four photographs of a split stand in one picture, two beside two; a caption of one of them asks,
and each of its words should be found where its photograph is. Counted are words that two captions of that photograph
say and no caption of the others, words of grammar aside. A word hits when the region that it points at lies in its
photograph, half a region of tolerance (the pointing game of Zhang et al. 2016, arXiv 1608.00507, on the grids of Böhle
et al. 2021, arXiv 2104.00032; quadrants stand for boxes, so what a photograph shows beside the thing counts as well).
By chance 16 of 49 regions hit. Shown with a 95 % interval (bootstrap over mosaics): all such words, those that the
explanation says it found, the strongest region of its whole grid, the first such word of each photograph as a query of
its own, and two of them, of two photographs, in one query ("dog and snow"), each of which has its own place. Nothing
here asserts.
"""

from __future__ import annotations

import argparse
import json
import re
from itertools import pairwise
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

SIDE, SEED = 224, 0
COUNTED = WORDS, FOUND, GRID, ALONE, TWO = (
    "words",
    "words that it found",
    "strongest of the grid",
    "a word alone",
    "two words, two places",
)


class Mosaic(NamedTuple):
    """`pixels`: four photographs, two beside two. `captions`: of each photograph."""

    pixels: Pixels
    captions: list[list[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="val")
    parser.add_argument("--reranker", help="a folder; the one that ships by default")
    parser.add_argument("--mosaics", type=int, default=250)
    given = parser.parse_args()
    encoder = load_encoder("bundled")
    reranker = load_reranker(given.reranker, Path("no-store"), encoder)
    assert reranker is not None
    size = (encoder.identity.preprocessing.width, encoder.identity.preprocessing.height)
    found = play(mosaics(given.data / "flickr8k", given.split, given.mosaics, size), encoder, reranker)
    for name, hits in found.items():
        print(f"{name:24} {told(hits)}")


def mosaics(folder: Path, split: str, count: int, size: tuple[int, int]) -> list[Mosaic]:
    """`count` of them in the size that an encoder takes, of photographs drawn by a fixed seed."""
    with (folder / "captions.jsonl").open(encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if row["split"] == split]
    made = []
    rng = np.random.default_rng(SEED)
    for _ in range(count):
        drawn = [rows[at] for at in rng.choice(len(rows), 4, replace=False)]
        canvas = Image.new("RGB", (2 * SIDE, 2 * SIDE))
        for place, row in enumerate(drawn):
            with Image.open(folder / "images" / row["image"]) as photograph:
                part = photograph.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
            canvas.paste(part, (SIDE * (place % 2), SIDE * (place // 2)))
        pixels = np.asarray(canvas.resize(size, Image.Resampling.BICUBIC))
        made.append(Mosaic(pixels, [row["captions"] for row in drawn]))
    return made


def play(pictures: list[Mosaic], encoder: Encoder, reranker: Reranker) -> dict[str, list[list[bool]]]:
    """Hits of each mosaic, by what is counted."""
    found: dict[str, list[list[bool]]] = {name: [] for name in COUNTED}
    tokens = encode_images(encoder, [each.pixels for each in pictures], tokens=True).tokens or ()
    for mosaic, regions in zip(pictures, tokens, strict=True):
        hits: dict[str, list[bool]] = {name: [] for name in COUNTED}
        said = [telling(mosaic.captions, place) for place in range(4)]
        for place, captions in enumerate(mosaic.captions):
            told = explained(captions[0], regions, encoder, reranker)
            hits[GRID].append(lies_in(strongest(np.array(told.grid), told.area), place))
            for word in told.words:
                if word.word.lower() in said[place]:
                    hits[WORDS].append(points(word, told, place))
                    if word.box is not None:
                        hits[FOUND].append(hits[WORDS][-1])
        first = {place: min(words) for place, words in enumerate(said) if words}
        for place, one in first.items():
            told = explained(one, regions, encoder, reranker)
            hits[ALONE] += [points(word, told, place) for word in told.words if word.word == one]
        for (place, one), (behind, other) in pairwise(first.items()):
            told = explained(f"{one} and {other}", regions, encoder, reranker)
            places = {one: place, other: behind}
            hits[TWO] += [points(word, told, places[word.word]) for word in told.words if word.word in places]
        for name, each in hits.items():
            found[name].append(each)
    return found


def explained(text: str, regions: Int8, encoder: Encoder, reranker: Reranker) -> Explanation:
    """Why a mosaic with these tokens (r, w) would answer a text."""
    texts = encode_texts(encoder, [text], tokens=True)
    alignment = reranker.explain(EncodedQuery("text", texts.vectors[0], (texts.tokens or ())[0], text), regions)
    assert alignment is not None
    return explain(alignment, encoder.words(text), text, encoder.identity.preprocessing, (SIDE, SIDE))


def telling(captions: list[list[str]], place: int) -> set[str]:
    """Words that two captions of the photograph at `place` say, and none of the others'."""
    said = [[set(re.findall(r"[a-z]+", caption.lower())) for caption in each] for each in captions]
    others = set().union(*(words for at, each in enumerate(said) if at != place for words in each))
    return {
        word
        for word in said[place][0] - others - STOP_WORDS
        if sum(word in each for each in said[place]) >= 2 and word.rstrip("s") not in others
    }


def points(word: WordMatch, told: Explanation, place: int) -> bool:
    """Whether a word was looked for where its photograph is."""
    return lies_in(strongest(np.array(word.attention), told.area), place)


def lies_in(box: Box, place: int) -> bool:
    """Whether a box's middle lies in a quadrant, with a tolerance of half of the box."""
    across, down = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    left, upper = (place % 2) / 2, (place // 2) / 2
    wide, high = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
    return left - wide < across < left + 0.5 + wide and upper - high < down < upper + 0.5 + high


def told(hits: list[list[bool]]) -> str:
    """Share of hits in percent, with its interval."""
    flat = np.array([hit for each in hits for hit in each], float)  # (w,)
    mosaic = np.repeat(np.arange(len(hits)), [len(each) for each in hits])  # (w,)
    _, clusters = np.unique(mosaic, return_inverse=True)
    low, high = ClusterBootstrap(clusters, samples=2_000, seed=SEED).means(flat[:, None])[0]
    return f"{100 * flat.mean():.1f} % of {len(flat):,} ({100 * low:.1f} to {100 * high:.1f})"


if __name__ == "__main__":
    main()
