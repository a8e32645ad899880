"""Whether an explanation points at what its words say: a pointing game over tilings of photographs.

    python tests/benchmarks/bench_pointing.py --data FOLDER [--split val] [--reranker FOLDER] [--pictures 500]

FOLDER holds flickr8k/. `tools/alignment/tilings.py` says how the pictures are made: a caption of one photograph asks,
and each of its words that no other photograph's captions say should be found where its photograph is, half a region of
tolerance. Shown with a 95 % interval (bootstrap over pictures): the share of regions that would hit; all such words,
those that the explanation says it found, the strongest region of its whole grid, one such word as a query of its own,
and two of them, of two photographs, in one query ("dog and snow"), each of which has its own place. Nothing here
asserts.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from indexer.encoders.base import Encoder
from indexer.encoders.batches import encode_images, encode_texts
from indexer.encoders.registry import load_encoder
from indexer.types import Int8
from search.ground_truth.bootstrap import ClusterBootstrap
from search.rerank.base import EncodedQuery, Reranker
from search.rerank.explain import Explanation, WordMatch, explain, strongest
from search.rerank.registry import load_reranker
from tools.alignment.tilings import SIDE, Tile, Tiling, lies_in, photographs, region, tilings

SEED = 0
COUNTED = CHANCE, WORDS, FOUND, GRID, ALONE, TWO = (
    "chance",
    "words",
    "words that it found",
    "strongest of the grid",
    "a word alone",
    "two words, two places",
)


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
    among = photographs(given.data / "flickr8k", given.split)
    found = play(list(tilings(among, given.pictures, size, SEED)), encoder, reranker)
    for name, hits in found.items():
        print(f"{name:24} {told(hits)}")


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


def points(word: WordMatch, told: Explanation, tile: Tile) -> bool:
    """Whether a word was looked for where its photograph is."""
    return lies_in(strongest(np.array(word.attention), told.area), tile.box)


def chance(told: Explanation, tile: Tile) -> float:
    """The share of regions that hit."""
    rows, columns = np.array(told.grid).shape
    return float(np.mean([lies_in(region(at, rows, columns), tile.box) for at in range(rows * columns)]))


def told(hits: list[list[float]]) -> str:
    """Share of hits in percent, with its interval."""
    flat = np.array([hit for each in hits for hit in each], float)  # (w,)
    picture = np.repeat(np.arange(len(hits)), [len(each) for each in hits])  # (w,)
    _, clusters = np.unique(picture, return_inverse=True)
    low, high = ClusterBootstrap(clusters, samples=2_000, seed=SEED).means(flat[:, None])[0]
    return f"{100 * flat.mean():.1f} % of {len(flat):,} ({100 * low:.1f} to {100 * high:.1f})"


if __name__ == "__main__":
    main()
