"""Make the bundled encoder again, from the published weights of its towers to the files that ship:

    python -m tools.bundled.train --data FOLDER [--out data/models/bundled] [--cache FOLDER]

`--data` holds `flickr8k/` as `tools.bundled.datasets` reads it. Needs the `training` extra. Frozen features are
computed once and kept in `--cache`, and so are the weights after each pass: a run that was stopped goes on. About an
hour on two CPU cores.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from indexer.encoders.base import TokenShape
from indexer.training.clusters import centres
from tools.bundled.align import AlignSettings, Branch, Texts, train_branch, vectors_of
from tools.bundled.branch import ImageBranch, TextBranch, project
from tools.bundled.class_channel import ClassChannel, class_embeddings, class_names
from tools.bundled.datasets import View, read_captions
from tools.bundled.features import FrozenTowers
from tools.bundled.heads import HeadSettings
from tools.bundled.join import Join, JoinSettings
from tools.bundled.onnx_export import ImageGraph, TextGraph, describe, export_graph, export_tokenizer
from tools.bundled.quantise import calibration_pixels, convert_graph, quantise_image_graph
from tools.bundled.retrieval import caption_recalls
from tools.bundled.towers import WIDTH

VERSION: Final = "3"
VIEW: Final = View(260)
#: What a photograph looks like in training: as it is, mirrored, or a part of it.
TRAINED_VIEWS: Final = (VIEW, View(260, flip=True), View(260, crop=True))
#: MiniLM was trained on 128 tokens and takes 256; captions have 12.
MAX_TEXT_TOKENS: Final = 128
#: Tokens of a caption that are trained on, the marks included: 1 in 1,000 is longer.
CAPTION_TOKENS: Final = 32
#: Words of a text that are compared with regions.
MAX_WORDS: Final = 32


def train(data: Path, towers: FrozenTowers, head: HeadSettings, align: AlignSettings) -> Branch:
    """The learned branch, on Flickr8k's `train`."""
    rows = read_captions(data / "flickr8k", "train")
    trunks = [towers.trunks(rows, "flickr8k-train", view) for view in TRAINED_VIEWS]
    mean = towers.captions(rows, "flickr8k-train").mean((0, 1))  # (384,)
    torch.manual_seed(align.seed)
    image = ImageBranch(towers.image.top(), WIDTH, head)
    text = TextBranch(towers.text.top(align.frozen_layers), mean, head)
    branch = Branch(image, text, towers.text, align.frozen_layers)
    train_branch(branch, trunks, Texts(towers.ids(rows, CAPTION_TOKENS)), align, head, towers.cache)
    return branch.eval()


def join_channels(data: Path, towers: FrozenTowers, settings: JoinSettings) -> Join:
    """The class channel, from the names alone, and how much it weighs for which text."""
    texts = towers.captions(read_captions(data / "flickr8k", "train"), "flickr8k-train")  # (n, 5, 384)
    mean = texts.mean((0, 1))
    embeddings = class_embeddings(class_names(), lambda names: towers.sentences(names, "imagenet-names"))
    channel = ClassChannel(embeddings, settings.class_temperature, settings.class_dimension, settings.class_whitening)
    clusters = centres(F.normalize(texts.flatten(0, 1) - mean, dim=-1), settings.caption_clusters)  # (k, 384)
    return Join(channel, mean, clusters.T.contiguous(), settings).eval()


@torch.inference_mode()
def embed(data: Path, towers: FrozenTowers, branch: Branch, join: Join, split: str = "val") -> tuple[Tensor, Tensor]:
    """Flickr8k's photographs (n, d) and captions (n, 5, d) in float32, as the exported graphs will give them."""
    rows = read_captions(data / "flickr8k", split)  # type: ignore[arg-type]
    trunk = towers.trunks(rows, f"flickr8k-{split}", VIEW)
    u, v = vectors_of(branch, trunk, towers.ids(rows, CAPTION_TOKENS).reshape(-1, CAPTION_TOKENS))
    logits = torch.cat([towers.image.logits(torch.from_numpy(part.astype(np.float32))) for part in _parts(trunk)])
    images = join.image(project(u, branch.image.axes), logits)
    sentences = towers.captions(rows, f"flickr8k-{split}")  # (n, 5, 384)
    texts = join.text(project(v, branch.text.axes), sentences.flatten(0, 1))
    return images, texts.view(len(rows), -1, texts.shape[1])


def ship(
    branch: Branch, join: Join, towers: FrozenTowers, settings: dict[str, object], layers: int, data: Path, out: Path
) -> None:
    """Write the graphs, the tokenizer and `encoder.json` to `out`."""
    out.mkdir(parents=True, exist_ok=True)
    side = VIEW.side
    pixels, ids = torch.zeros(2, side, side, 3, dtype=torch.uint8), torch.ones(2, 9, dtype=torch.int64)
    image = ImageGraph(towers.image, branch.image, join)
    text = TextGraph(towers.text, branch.text, join, layers)
    outputs = ["vectors", "tokens"]
    with tempfile.TemporaryDirectory() as folder:
        onnx_image, onnx_text = Path(folder, "image.onnx"), Path(folder, "text.onnx")
        export_graph(image, (pixels,), ["pixels"], outputs, [["n"]], "int8", onnx_image)
        export_graph(text, (ids,), ["ids"], outputs, [["n", "T"]], "int8", onnx_text)
        quantise_image_graph(onnx_image, calibration_pixels(data, VIEW.preprocessing()), out / "image.xml")
        convert_graph(onnx_text, out / "text.xml")
    export_tokenizer(out / "tokenizer.json")
    grid = branch.image.grid
    describe(
        out,
        version=VERSION,
        dimension=branch.image.axes.shape[1] + join.settings.class_dimension,
        preprocessing=VIEW.preprocessing(),
        max_text_tokens=MAX_TEXT_TOKENS,
        tokens=TokenShape(grid, grid, MAX_WORDS, branch.image.places.shape[1]),
        trained=settings,
    )


def _parts(trunk: np.ndarray[Any, Any], size: int = 64) -> Iterator[np.ndarray[Any, Any]]:
    for start in range(0, len(trunk), size):
        yield trunk[start : start + size]


def _row(values: tuple[float, ...]) -> str:
    return " / ".join(f"{value:.1f}" for value in values)


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description="Train and export the bundled encoder.")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds flickr8k/")
    parser.add_argument("--out", type=Path, default=Path("data/models/bundled"))
    parser.add_argument(
        "--cache", type=Path, default=Path(".cache/training"), help="where features and passes are kept"
    )
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_flush_denormal(True)
    head, align, settings = HeadSettings(), AlignSettings(seed=given.seed), JoinSettings()
    towers = FrozenTowers(given.cache)
    branch = train(given.data, towers, head, align)
    join = join_channels(given.data, towers, settings)
    images, texts = embed(given.data, towers, branch, join)
    forward, back = caption_recalls(images.numpy(), texts.numpy())
    print(f"Flickr8k val, float32, R@1/5/10: text-to-image {_row(forward)}, image-to-text {_row(back)}")
    trained: dict[str, object] = {"heads": asdict(head), "align": asdict(align), "join": asdict(settings)}
    ship(branch, join, towers, trained, align.frozen_layers, given.data, given.out)
    print(f"wrote {given.out}")


if __name__ == "__main__":
    main()
