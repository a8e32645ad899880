"""Whether an ensemble of prompt templates helps the bundled encoder with class names: mean average precision, percent.

    python tests/benchmarks/bench_templates.py --data FOLDER [--split test]

FOLDER holds caltech101/ and clothing_small/. A query is a class name: bare; in CLIP's "a photo of a {}."; the mean of
its vectors in the seven templates of CLIP's authors (Radford et al. 2021); and the mean of that and the bare name's.
Every photograph of the split is ranked. Nothing here asserts.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final, cast

import numpy as np

from indexer.encoders.graph_encoder import GraphEncoder
from indexer.metrics import Float64, average_precisions
from tools.bundled.datasets import Split, read_captions
from tools.bundled.report import LABELLED, encode_rows
from tools.bundled.retrieval import label_ranks

SEVEN: Final = (
    "itap of a {}.", "a bad photo of the {}.", "a origami {}.", "a photo of the large {}.", "a {} in a video game.",
    "art of the {}.", "a photo of the small {}.",
)  # fmt: skip


def unit(vectors: Float64) -> Float64:
    """(..., d) of unit norm."""
    found: Float64 = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return found


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description="Measure prompt templates.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", choices=("train", "val", "test"), default="test")
    given = parser.parse_args()
    split = cast(Split, given.split)
    encoder = GraphEncoder()
    print("| | bare | a photo of a | seven | bare + seven |\n|---|---|---|---|---|")
    for name in LABELLED:
        rows = read_captions(given.data / name, split)
        if not rows:
            continue
        names = sorted({row.captions[0] for row in rows})
        labels = np.array([names.index(row.captions[0]) for row in rows])
        images = encode_rows(encoder, rows)

        def vectors(template: str, names: list[str] = names) -> Float64:
            return encoder.encode_texts([template.format(each) for each in names]).vectors.astype(np.float64)

        bare, photo = vectors("{}"), vectors("a photo of a {}.")
        seven = unit(np.mean([vectors(template) for template in SEVEN], axis=0))
        ways = (bare, photo, seven, unit(bare + seven))
        found = (average_precisions(label_ranks(each.astype(np.float32), images, labels)).mean() for each in ways)
        print(f"| {name} {split} | {' | '.join(f'{100 * value:.1f}' for value in found)} |", flush=True)


if __name__ == "__main__":
    main()
