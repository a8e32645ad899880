"""The frozen towers at work: trunks of photographs and sentence embeddings, computed once and cached.

Run as exported float32 graphs: several times faster on a CPU than the same modules in eager mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from indexer.encoders.runtime import Graph
from indexer.types import Float32, Int64, Pixels
from tools.bundled.datasets import Features, Row, View, cached, image_features
from tools.bundled.onnx_export import export_graph
from tools.bundled.towers import (
    WIDTH,
    ImageTower,
    TextTower,
    load_image_tower,
    load_text_tower,
    text_weights_folder,
)


class _Trunk(nn.Module):
    def __init__(self, tower: ImageTower) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, pixels: Tensor) -> Tensor:
        return self.tower.trunk(pixels)


class FrozenTowers:
    """Both towers with published weights, and `cache`, the folder where what they say is kept."""

    def __init__(self, cache: Path) -> None:
        cache.mkdir(parents=True, exist_ok=True)
        self.cache = cache
        self.image: ImageTower = load_image_tower()
        self.text: TextTower = load_text_tower()
        self._graphs: dict[str, Graph] = {}

    def trunks(self, rows: list[Row], name: str, view: View) -> Features:
        """Returns (n, 208, h, w) float16: the map before the last stage. `name` is the data set and split."""

        def run(pixels: Pixels) -> Float32:
            maps: Float32 = self._trunk_graph(view.side).run({"pixels": pixels})["maps"]
            return maps

        return image_features(rows, f"{name}-trunk", view, run, self.cache)

    def ids(self, rows: list[Row], longest: int) -> Int64:
        """Token ids of every caption, (n, c, longest) int64, 0 where padded; the mark of the end is never cut."""
        tokenizer = self._tokenizer()
        tokens = [[tokenizer.encode(caption).ids for caption in row.captions] for row in rows]
        found = np.zeros((len(rows), len(rows[0].captions), longest), np.int64)
        for row, captions in enumerate(tokens):
            for column, ids in enumerate(captions):
                cut = ids if len(ids) <= longest else [*ids[: longest - 1], ids[-1]]
                found[row, column, : len(cut)] = cut
        return found

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
        print(f"sentence embeddings of {len(texts)} texts", flush=True)
        tokenizer = self._tokenizer()
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

    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(text_weights_folder() / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def _trunk_graph(self, side: int) -> Graph:
        key = f"trunk-{side}.onnx"
        if key not in self._graphs:
            example = torch.zeros(2, side, side, 3, dtype=torch.uint8)
            export_graph(_Trunk(self.image), (example,), ["pixels"], ["maps"], [["n"]], "float32", self.cache / key)
            self._graphs[key] = Graph(self.cache / key)
        return self._graphs[key]

    def _text_graph(self) -> Graph:
        key = "sentences.onnx"
        if key not in self._graphs:
            example = torch.ones(2, 9, dtype=torch.int64)
            export_graph(self.text, (example,), ["ids"], ["sentences"], [["n", "T"]], "float32", self.cache / key)
            self._graphs[key] = Graph(self.cache / key)
        return self._graphs[key]
