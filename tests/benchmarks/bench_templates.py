"""Whether prompt templates help the bundled encoder with short queries: mean average precision, percent.

    python tests/benchmarks/bench_templates.py --data FOLDER --cache FOLDER [--split test]

FOLDER holds caltech101/, clothing_small/ and flickr8k/; photographs are encoded once and kept in the cache (8,000 of
both splits, minutes). A query is bare; in CLIP's "a photo of a {}."; the mean of its vectors in the seven templates of
CLIP's authors (Radford and others 2021); the mean of the bare vector and that; and what the product asks. Every
photograph is ranked.

The queries: the class names of the labelled sets (`val` of Caltech-101 is every second class of its `train`, by name,
those that the bundled model's settings were chosen on), and of Flickr8k the words and pairs of neighbouring words that
captions of at least ten photographs hold: right are the photographs whose captions hold them. Nothing here asserts.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from bench_not import STOP

from indexer.encoders.graph_encoder import GraphEncoder
from indexer.encoders.templates import CLIP_TEMPLATES
from indexer.metrics import Float64, InnerProducts, Relevance, average_precisions, rank_all
from indexer.types import Float32
from search.engine.ensembles import Ensembles
from search.query.class_names import is_class_name
from tools.bundled.datasets import Row, read_captions
from tools.bundled.report import LABELLED, encode_rows

LEAST_PHOTOGRAPHS: Final = 10
#: The queries of a set, and the places of the photographs that are right for each.
Queries = dict[str, list[int]]


def rows_of(data: Path, name: str, split: str) -> list[Row]:
    """The photographs of a split."""
    if (name, split) != ("caltech101", "val"):
        return [row for row in read_captions(data / name) if row.split == split]
    rows = read_captions(data / name, "train")
    names = set(sorted({row.captions[0] for row in rows})[::2])
    return [row for row in rows if row.captions[0] in names]


def class_names(rows: list[Row]) -> Queries:
    """Each class name with its photographs."""
    found: Queries = defaultdict(list)
    for place, row in enumerate(rows):
        found[row.captions[0]].append(place)
    return found


def words_of_captions(rows: list[Row], count: int) -> Queries:
    """What `count` neighbouring words of captions name in enough photographs."""
    found: defaultdict[str, set[int]] = defaultdict(set)
    for place, row in enumerate(rows):
        for caption in row.captions:
            words = re.findall(r"[a-z]+", caption.lower())
            pairs = [(word,) for word in words] if count == 1 else list(pairwise(words))
            for pair in pairs:
                if not STOP & set(pair) and min(map(len, pair)) > 2:
                    found[" ".join(pair)].add(place)
    return {text: sorted(places) for text, places in sorted(found.items()) if len(places) >= LEAST_PHOTOGRAPHS}


def unit(vectors: Float64) -> Float64:
    """(..., d) of unit norm."""
    found: Float64 = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return found


def precision(texts: Float64, images: Float32, queries: Queries) -> float:
    """Mean average precision of one vector a query, percent."""
    pairs = [(number, place) for number, places in enumerate(queries.values()) for place in places]
    which, right = np.array(pairs).T
    ranks = rank_all(InnerProducts(texts.astype(np.float32), images), Relevance.of_pairs(which, right, len(queries)))
    return float(100 * average_precisions(ranks).mean())


def line(encoder: GraphEncoder, images: Float32, what: str, queries: Queries) -> str:
    """A row of the table."""

    def vectors(template: str) -> Float64:
        return encoder.encode_texts([template.format(each) for each in queries]).vectors.astype(np.float64)

    bare, photo = vectors("{}"), vectors("a photo of a {}.")
    seven = unit(np.mean([vectors(template) for template in CLIP_TEMPLATES], axis=0))
    cache = Ensembles()
    product = np.concatenate(
        [
            cache.encode(encoder, (each,), (each,) if is_class_name(each) else (), None, tokens=False).vectors
            for each in queries
        ]
    )
    ways = (bare, photo, seven, unit(bare + seven), product.astype(np.float64))
    found = [precision(each, images, queries) for each in ways]
    return f"| {what}, {len(queries)} | {' | '.join(f'{value:.1f}' for value in found)} |"


def kept(file: Path, recipe: str, compute: Callable[[], Float32]) -> Float32:
    """`compute()`, or what it gave before for this recipe."""
    file = file.with_name(f"{file.name}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}.npy")
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, compute())
    found: Float32 = np.load(file)
    return found


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description="Measure prompt templates.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="where vectors of photographs are kept")
    parser.add_argument("--split", choices=("val", "test"), default="val")
    given = parser.parse_args()
    encoder = GraphEncoder()
    print(
        f"| {given.split}, queries | bare | a photo of a | seven | bare + seven | product |\n|---|---|---|---|---|---|"
    )
    for name in (*LABELLED, "flickr8k"):
        start = time.perf_counter()
        rows = rows_of(given.data, name, given.split)
        recipe = json.dumps([encoder.identity.to_json(), *(str(row.path) for row in rows)])
        images = np.asarray(
            kept(given.cache / f"{name}-{given.split}", recipe, lambda rows=rows: encode_rows(encoder, rows))
        )
        sets = (
            {"class names": class_names(rows)}
            if name in LABELLED
            else {"words": words_of_captions(rows, 1), "pairs of words": words_of_captions(rows, 2)}
        )
        for what, queries in sets.items():
            print(line(encoder, images, f"{name}, {len(rows):,} photographs: {what}", queries), flush=True)
        print(f"({name}: {time.perf_counter() - start:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
