"""Make the bundled encoder again, from the published weights of its towers to the files that ship:

    python -m indexer.training.bundled --data FOLDER [--out data/models/bundled] [--cache FOLDER]

`--data` holds `flickr8k/` as `indexer.training.datasets` reads it. Needs the `training` extra. Frozen features are
computed once and kept in `--cache`; without them it takes a quarter of an hour on two CPU cores, with them two minutes.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Final

import torch
import torch.nn.functional as F

from indexer.training.clusters import centres
from indexer.training.conse import ClassChannel, class_embeddings, class_names
from indexer.training.datasets import View, read_captions
from indexer.training.export import ImageGraph, TextGraph, describe, export_graph, export_tokenizer
from indexer.training.features import FrozenTowers
from indexer.training.heads import HeadSettings, train_heads
from indexer.training.join import Join, JoinSettings
from indexer.training.retrieval import caption_recalls

VERSION: Final = "1"
VIEW: Final = View(260)
#: MiniLM was trained on 128 tokens and takes 256; captions have 12.
MAX_TEXT_TOKENS: Final = 128


def train(data: Path, towers: FrozenTowers, head: HeadSettings, join: JoinSettings) -> Join:
    """Heads on Flickr8k's `train`, the class channel from the names alone. Prints recalls on `val`."""
    rows = read_captions(data / "flickr8k", "train")
    images = towers.pooled(rows, "flickr8k-train", VIEW)  # (n, 1280)
    texts = towers.captions(rows, "flickr8k-train")  # (n, 5, 384)
    heads = train_heads(images[None], texts, head)
    embeddings = class_embeddings(class_names(), lambda names: towers.sentences(names, "imagenet-names"))
    channel = ClassChannel(embeddings, join.class_temperature, join.class_dimension)
    captions = F.normalize(texts.flatten(0, 1) - heads.text_head.mean, dim=-1)  # (5 n, 384)
    clusters = centres(captions, join.caption_clusters).T.contiguous()  # (384, k)
    model = Join(heads, channel, clusters, join).eval()
    rows = read_captions(data / "flickr8k", "val")
    images, texts = towers.pooled(rows, "flickr8k-val", VIEW), towers.captions(rows, "flickr8k-val")
    with torch.inference_mode():
        u = model.image(images, towers.image.logits(images))  # (n, d)
        v = model.text(texts.flatten(0, 1)).view(*texts.shape[:2], u.shape[1])  # (n, 5, d)
    forward, back = caption_recalls(u.numpy(), v.numpy())
    print(f"Flickr8k val, float32, R@1/5/10: text-to-image {_row(forward)}, image-to-text {_row(back)}")
    return model


def ship(model: Join, towers: FrozenTowers, head: HeadSettings, join: JoinSettings, out: Path) -> None:
    """Write the graphs, the tokenizer and `encoder.json` to `out`."""
    out.mkdir(parents=True, exist_ok=True)
    side = VIEW.side
    pixels = torch.zeros(2, side, side, 3, dtype=torch.uint8)
    ids = torch.ones(2, 9, dtype=torch.int64)
    image, text = ImageGraph(towers.image, model), TextGraph(towers.text, model)
    export_graph(image, pixels, ("pixels", "vectors"), ["n"], "float16", out / "image.onnx")
    export_graph(text, ids, ("ids", "vectors"), ["n", "T"], "int8", out / "text.onnx")
    export_tokenizer(out / "tokenizer.json")
    describe(
        out,
        version=VERSION,
        dimension=head.dimension + join.class_dimension,
        preprocessing=VIEW.preprocessing(),
        max_text_tokens=MAX_TEXT_TOKENS,
        trained={"heads": asdict(head), "join": asdict(join)},
    )


def _row(values: tuple[float, ...]) -> str:
    return " / ".join(f"{value:.1f}" for value in values)


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description="Train and export the bundled encoder.")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds flickr8k/")
    parser.add_argument("--out", type=Path, default=Path("data/models/bundled"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/training"), help="where frozen features are kept")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    head, join = HeadSettings(seed=given.seed), JoinSettings()
    towers = FrozenTowers(given.cache)
    model = train(given.data, towers, head, join)
    ship(model, towers, head, join, given.out)
    print(f"wrote {given.out}")


if __name__ == "__main__":
    main()
