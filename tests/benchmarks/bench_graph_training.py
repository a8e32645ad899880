"""What fine-tuning the bundled encoder's image tower brings: before and after, through the files that were written.

    python tests/benchmarks/bench_graph_training.py DATA [--set caltech101|clothing_small|flickr8k] [--part heads|last]

DATA: a folder of data sets, each with `captions.jsonl` (image, captions, split) and `images/`. Classes: `--images` of
each class of `train` are trained on, and others are asked for: of Caltech-101 six more a class of `train`, of clothing
those of `val`. A batch has no class twice. Flickr8k: photographs of `train` with a caption drawn for each, measured on
500 of `val`. No `test` is read. The text tower stays as it is; the image tower's part is trained by NT-Xent with AdamW,
the layers before it run once. Nothing here asserts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from indexer.encoders.graph_encoder import GraphEncoder
from indexer.training.contrastive import nt_xent
from indexer.training.graphs.trainable import GraphTrainable
from indexer.types import Float32, Pixels
from tests.benchmarks.machine import about, save
from tools.bundled.datasets import load_pixels, read_captions

TEMPLATE = "a photo of a {}"
HELD_OUT = 6
CHUNK = 64


@dataclass(frozen=True)
class Images:
    """Photographs, and of each the texts that are right for it: numbers into `texts`."""

    paths: list[Path]
    right: list[list[int]]
    texts: list[str]


def classes(data: Path, name: str, images: int, rng: np.random.Generator) -> tuple[Images, Images]:
    """What is trained on, and what is held out."""
    rows = read_captions(data / name, "train")
    names = sorted({row.captions[0] for row in rows})
    texts = [TEMPLATE.format(each.replace("_", " ").lower()) for each in names]
    held_out = read_captions(data / name, "val")
    trained = []
    for each in names:
        own = [row for row in rows if row.captions[0] == each]
        own = [own[place] for place in rng.permutation(len(own))]
        if not held_out or held_out[0].split == "train":
            held_out += own[:HELD_OUT]
            own = own[HELD_OUT:]
        trained += own[:images]
    return tuple(  # type: ignore[return-value]
        Images([row.path for row in part], [[names.index(row.captions[0])] for row in part], texts)
        for part in (trained, held_out)
    )


def captioned(data: Path, name: str, images: int, rng: np.random.Generator) -> tuple[Images, Images]:
    """As `classes`, of photographs with captions of their own."""
    found = []
    for split, count in (("train", images), ("val", 500)):
        rows = read_captions(data / name, split)  # type: ignore[arg-type]
        rows = [rows[place] for place in rng.permutation(len(rows))[:count]]
        texts = [caption for row in rows for caption in row.captions]
        starts = np.cumsum([0, *(len(row.captions) for row in rows)])
        right = [list(range(starts[at], starts[at + 1])) for at in range(len(rows))]
        found.append(Images([row.path for row in rows], right, texts))
    return found[0], found[1]


def figures(encoder: GraphEncoder, images: Images) -> dict[str, float]:
    """Recall of each text among the images, mean average precision, and how often an image's best text is right."""
    vectors = np.concatenate([encoder.encode_images(part).vectors for part in in_parts(encoder, images)])  # (n, d)
    scores = encoder.encode_texts(images.texts).vectors @ vectors.T  # (t, n)
    right = np.zeros(scores.shape, bool)
    for place, texts in enumerate(images.right):
        right[texts, place] = True
    ranked = np.take_along_axis(right, np.argsort(-scores, axis=1, kind="stable"), axis=1)
    found = {f"R@{k}": float(ranked[:, :k].any(axis=1).mean()) for k in (1, 5, 10)}
    precision = ranked.cumsum(axis=1) / np.arange(1, ranked.shape[1] + 1)
    found["mAP"] = float(((precision * ranked).sum(axis=1) / ranked.sum(axis=1)).mean())
    found["image to text R@1"] = float(np.take_along_axis(right, scores.argmax(axis=0)[None], axis=0).mean())
    return {name: round(100 * value, 1) for name, value in found.items()}


def in_parts(encoder: GraphEncoder, images: Images) -> list[Pixels]:
    """The pixels of the photographs, `CHUNK` at a time."""
    wanted = encoder.identity.preprocessing
    return [
        np.stack([load_pixels(path, wanted) for path in images.paths[start : start + CHUNK]])
        for start in range(0, len(images.paths), CHUNK)
    ]


def batches(right: list[list[int]], size: int, rng: np.random.Generator) -> list[list[tuple[int, int]]]:
    """One pass: pairs of an image and one of its texts, no text twice in a batch; the last, smaller ones are left
    out."""
    pairs = [(place, int(rng.choice(texts))) for place, texts in enumerate(right)]
    waiting = [pairs[place] for place in rng.permutation(len(pairs))]
    found = []
    while waiting:
        batch: dict[int, tuple[int, int]] = {}
        for pair in waiting:
            if len(batch) < size:
                batch.setdefault(pair[1], pair)
        chosen = set(batch.values())
        waiting = [pair for pair in waiting if pair not in chosen]
        if len(batch) < min(size, 8):
            break
        found.append(list(batch.values()))
    return found


def train(given: argparse.Namespace, trained: Images, out: Path, rng: np.random.Generator) -> dict[str, object]:
    """Train and write. Returns what to say about it."""
    trainable, encoder = GraphTrainable(), GraphEncoder()
    trainable.begin("full", {"part": given.part}, given.seed)
    trainable.towers.text.requires_grad_(False)
    texts = torch.from_numpy(encoder.encode_texts(trained.texts).vectors)  # (t, d)
    began = time.perf_counter()
    parts = [trainable.frozen("image", part) for part in in_parts(encoder, trained)]
    values = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}  # (n, ...)
    frozen_seconds = time.perf_counter() - began
    weights = [each for each in trainable.towers.image.parameters() if each.requires_grad]
    with torch.no_grad():
        first: Float32 = trainable.vectors("image", {name: each[:8] for name, each in values.items()}).numpy()
    optimizer = torch.optim.AdamW([
        {"params": weights, "lr": given.rate, "weight_decay": 0.0},
        {"params": [trainable.log_scale], "lr": 1e-2, "weight_decay": 0.0},
    ])  # fmt: skip
    began, losses = time.perf_counter(), []
    total = sum(1 for _ in range(given.epochs) for _ in batches(trained.right, given.batch, np.random.default_rng(0)))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, [given.rate, 1e-2], total_steps=total + 1, pct_start=0.1)
    for epoch in range(given.epochs):
        for batch in batches(trained.right, given.batch, rng):
            places, answers = zip(*batch, strict=True)
            vectors = trainable.vectors("image", {name: each[list(places)] for name, each in values.items()})
            loss = nt_xent(vectors, texts[list(answers)], torch.exp(-trainable.log_scale))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if len(losses) < total:
                schedule.step()
            losses.append(float(loss.detach()))
        print(f"epoch {epoch + 1}: loss {np.mean(losses[-20:]):.3f}, {time.perf_counter() - began:.0f} s", flush=True)
    seconds = time.perf_counter() - began
    with torch.no_grad():
        moved = trainable.vectors("image", {name: each[:8] for name, each in values.items()}).numpy()
    probes = next(iter(in_parts(encoder, Images(trained.paths[:8], trained.right[:8], trained.texts))))
    cosines = trainable.write(out, probes, trained.texts[:8], {"method": "full", "part": given.part})
    return {
        "photographs": len(trained.paths), "frozen_seconds": round(frozen_seconds), "seconds": round(seconds),
        "steps": len(losses), "written": cosines, "cosine to before": float((moved * first).sum(axis=1).mean()),
    }  # fmt: skip


def main() -> None:
    """The commands above."""
    parser = argparse.ArgumentParser(description="Fine-tune the bundled encoder's image tower, before and after.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--set", default="caltech101", choices=("caltech101", "clothing_small", "flickr8k"))
    parser.add_argument("--part", default="last", choices=("heads", "last"))
    parser.add_argument("--images", type=int, default=8, help="photographs of a class; of Flickr8k in all")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = about(set=given.set, part=given.part, rate=given.rate, epochs=given.epochs, batch=given.batch)
    rng = np.random.default_rng(given.seed)
    make = captioned if given.set == "flickr8k" else classes
    trained, held_out = make(given.data, given.set, given.images, rng)
    before = figures(GraphEncoder(), held_out)
    print("before", before, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        said = train(given, trained, Path(folder, "adapted"), rng)
        print(said, flush=True)
        after = figures(GraphEncoder(Path(folder, "adapted")), held_out)
    print("after ", after)
    save(given.json, found, before=before, after=after, **said)


if __name__ == "__main__":
    main()
