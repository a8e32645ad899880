"""The model card's numbers, recomputed from the files that ship and nothing else:

    python -m tools.bundled.report --data FOLDER [--model data/models/bundled] [--split test]

Captions: Flickr8k and COCO (which has no `test` here), all images and captions of the split. Labels: Caltech-101 and
the clothing set, each class name typed as it is ("steam locomotive"), every image of the split ranked. Neither labelled
set was trained on.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import cast

import numpy as np

from indexer.encoders.base import Encoder
from indexer.encoders.graph_encoder import GraphEncoder
from indexer.encoders.graph_model import verify_bundled
from indexer.metrics import average_precisions
from indexer.types import Float32
from tools.bundled.datasets import Row, Split, batches, read_captions
from tools.bundled.retrieval import label_ranks, pair_recalls, recalls

CAPTIONED = ("flickr8k", "coco_captioned")
LABELLED = ("caltech101", "clothing_small")


def encode_rows(encoder: Encoder, rows: list[Row]) -> Float32:
    """The rows' photographs, resized as the encoder asks. Returns (n, d) float32, unit norm."""
    paths, preprocessing = [row.path for row in rows], encoder.identity.preprocessing
    parts = [encoder.encode_images(pixels).vectors for pixels in batches(paths, preprocessing, encoder.batch_size)]
    return np.concatenate(parts)


def captions_line(encoder: Encoder, folder: Path, split: Split) -> str:
    """Recalls of a captioned set, both ways."""
    rows = read_captions(folder, split)
    images = encode_rows(encoder, rows)  # (n, d)
    texts = encoder.encode_texts([caption for row in rows for caption in row.captions]).vectors  # (m, d)
    owners = np.repeat(np.arange(len(rows)), [len(row.captions) for row in rows])  # (m,)
    forward, back = pair_recalls(images, texts, owners)
    found = " | ".join(f"{value:.1f}" for value in (*forward, *back))
    return f"| {folder.name} {split}, {len(rows)} images | {found} |"


def labels_line(encoder: Encoder, folder: Path, split: Split) -> str:
    """Each class name as a query over every image of the split."""
    rows = read_captions(folder, split)
    names = sorted({row.captions[0] for row in rows})
    images, texts = encode_rows(encoder, rows), encoder.encode_texts(names).vectors
    found = label_ranks(texts, images, np.array([names.index(row.captions[0]) for row in rows]))
    precision = 100 * average_precisions(found).mean()
    first, fifth, _ = recalls(found)
    what = f"{folder.name} {split}, {len(names)} names, {len(rows)} images"
    return f"| {what} | {np.median(found.first):.0f} | {precision:.1f} | {first:.1f} | {fifth:.1f} |"


def speed_lines(model: Path) -> list[str]:
    """Seconds of a first text query with everything still to load, then of more work, on this machine as it is."""
    start = time.perf_counter()
    encoder = GraphEncoder(model)
    encoder.encode_texts(["a red car"])
    cold = time.perf_counter() - start
    texts = ["a man riding a horse on the beach at sunset"] * 100
    start = time.perf_counter()
    encoder.encode_texts(texts)
    warm = (time.perf_counter() - start) / len(texts)
    wanted = encoder.identity.preprocessing
    pixels = np.random.default_rng(0).integers(0, 256, (64, wanted.height, wanted.width, 3), dtype=np.uint8)
    encoder.encode_images(pixels[:4])
    start = time.perf_counter()
    encoder.encode_images(pixels)
    rate = len(pixels) / (time.perf_counter() - start)
    return [
        f"first text query, loading included: {cold:.2f} s",
        f"a text after that: {1000 * warm:.1f} ms",
        f"images: {rate:.0f} a second",
    ]


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description="Measure the bundled encoder as it ships.")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds flickr8k/ and the labelled sets")
    parser.add_argument("--model", type=Path, default=None, help="default: the one that ships")
    parser.add_argument("--split", choices=("train", "val", "test"), default="test")
    given = parser.parse_args()
    split = cast(Split, given.split)
    encoder = GraphEncoder(given.model)
    problems = verify_bundled(encoder.folder)
    if problems:
        raise SystemExit("\n".join(problems))
    size = sum(file.stat().st_size for file in encoder.folder.iterdir())
    print(f"{encoder.folder.name}: {size / 1e6:.1f} MB, {encoder.identity.dimension} numbers a vector")
    print(f"weights {encoder.identity.weights}\n")
    # First, while nothing of the model is in memory.
    print("\n".join(speed_lines(encoder.folder)))
    print("\n| captions | t2i R@1 | R@5 | R@10 | i2t R@1 | R@5 | R@10 |\n|---|---|---|---|---|---|---|", flush=True)
    for name in CAPTIONED:
        if any(row.split == split for row in read_captions(given.data / name)):
            print(captions_line(encoder, given.data / name, split), flush=True)
    print("\n| class names | median rank | mAP | R@1 | R@5 |\n|---|---|---|---|---|", flush=True)
    for name in LABELLED:
        if any(row.split == split for row in read_captions(given.data / name)):
            print(labels_line(encoder, given.data / name, split), flush=True)


if __name__ == "__main__":
    main()
