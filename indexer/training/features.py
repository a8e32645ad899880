"""The frozen towers at work: maps of photographs and sentence embeddings, computed once and cached.

Run as exported float32 graphs: several times faster on a CPU than the same modules in eager mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from indexer.encoders.runtime import Graph
from indexer.training.datasets import Row, View, cached, image_features
from indexer.training.export import export_graph
from indexer.training.towers import (
    WIDTH,
    ImageTower,
    TextTower,
    load_image_tower,
    load_text_tower,
    text_weights_folder,
)
from indexer.types import Float32, Pixels


class _Maps(nn.Module):
    def __init__(self, tower: ImageTower) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, pixels: Tensor) -> Tensor:
        return self.tower.map(pixels)


class FrozenTowers:
    """Both towers with published weights, and `cache`, the folder where what they say is kept."""

    def __init__(self, cache: Path) -> None:
        cache.mkdir(parents=True, exist_ok=True)
        self.cache = cache
        self.image: ImageTower = load_image_tower()
        self.text: TextTower = load_text_tower()
        self._graphs: dict[str, Graph] = {}

    def pooled(self, rows: list[Row], name: str, view: View) -> Tensor:
        """Returns (n, 1280) float32: the mean over places of the last convolution. `name` is the data set and split."""

        def run(pixels: Pixels) -> Float32:
            maps: Float32 = self._map_graph(view.side).run({"pixels": pixels})["maps"]
            return maps

        def compute() -> Float32:
            maps = image_features(rows, f"{name}-maps", view, run, self.cache)  # (n, 352, h, w) float16
            with torch.inference_mode():
                parts = [
                    self.image.pool(torch.from_numpy(maps[start : start + 64].astype(np.float32)))
                    for start in range(0, len(maps), 64)
                ]
            pooled: Float32 = torch.cat(parts).numpy()
            return pooled

        recipe = "\n".join([str(view), *(row.path.name for row in rows)])
        return torch.from_numpy(np.array(cached(self.cache, f"{name}-pooled-{view}", recipe, compute)))

    def sentences(self, texts: Sequence[str], name: str) -> Tensor:
        """Returns (n, 384) float32, unit norm. `name` is for the cache."""
        found = cached(self.cache, f"{name}-sentences", "\n".join(texts), lambda: self._embed(texts))
        return torch.from_numpy(np.array(found))

    def captions(self, rows: list[Row], name: str) -> Tensor:
        """Returns (n, c, 384) float32: the sentence embeddings of c captions a row, the same number in each."""
        count = len(rows[0].captions)
        if any(len(row.captions) != count for row in rows):
            raise ValueError(f"Rows of {name} have different numbers of captions.")
        flat = self.sentences([caption for row in rows for caption in row.captions], name)
        return flat.view(len(rows), count, WIDTH)

    def _embed(self, texts: Sequence[str], size: int = 16) -> Float32:
        from tokenizers import Tokenizer

        print(f"sentence embeddings of {len(texts)} texts", flush=True)
        tokenizer = Tokenizer.from_file(str(text_weights_folder() / "tokenizer.json"))
        tokenizer.no_padding()
        ids = [tokenizer.encode(text).ids for text in texts]
        order = sorted(range(len(ids)), key=lambda index: len(ids[index]))  # little padding in a batch
        result = np.empty((len(ids), WIDTH), dtype=np.float32)
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            padded = np.zeros((len(rows), len(ids[rows[-1]])), dtype=np.int64)  # (size, T)
            for place, row in enumerate(rows):
                padded[place, : len(ids[row])] = ids[row]
            result[rows] = self._text_graph().run({"ids": padded})["sentences"]
        return result

    def _map_graph(self, side: int) -> Graph:
        key = f"maps-{side}.onnx"
        if key not in self._graphs:
            example = torch.zeros(2, side, side, 3, dtype=torch.uint8)
            export_graph(_Maps(self.image), example, ("pixels", "maps"), ["n"], "float32", self.cache / key)
            self._graphs[key] = Graph(self.cache / key)
        return self._graphs[key]

    def _text_graph(self) -> Graph:
        key = "sentences.onnx"
        if key not in self._graphs:
            example = torch.ones(2, 9, dtype=torch.int64)
            export_graph(self.text, example, ("ids", "sentences"), ["n", "T"], "float32", self.cache / key)
            self._graphs[key] = Graph(self.cache / key)
        return self._graphs[key]
