"""The encoder that ships, or one that was made of it, with gradients: what the loop of a training needs of it.

    pixels, texts -> frozen prefix (OpenVINO) -> torch, from the first trained layer on -> vectors
    trained tensors -> `write` -> a folder that `GraphEncoder` loads

Implements `Trainable` and `WritesGraphs`. It computes on the CPU.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from indexer.encoders.base import EncoderId
from indexer.encoders.graph_model import TOKENIZER, TOWERS, GraphModel, Tower, bundled_folder, read_model
from indexer.encoders.wordpieces import WordPieces
from indexer.errors import EncoderUnavailableError
from indexer.training.graphs.adaptation import METHODS, PARTS, GraphAdaptation, Towers
from indexer.training.graphs.graph_module import GraphModule
from indexer.training.graphs.parts import frontier
from indexer.training.graphs.prefix import Prefix
from indexer.training.graphs.reader import read_plan
from indexer.training.graphs.writer import write_folder
from indexer.types import Float32, Int64, Pixels, Texts

#: The vectors are of unit norm, and hubs were taken off them: scores of right pairs lie closer than before.
_TEMPERATURE: Final = 0.05


class GraphTrainable:
    """The model in `folder` (default: the one that ships). Not safe for several threads.

    Raises EncoderUnavailableError for files that are missing or damaged, or that are no such model.
    """

    methods = METHODS

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder if folder is not None else bundled_folder()
        self._model: GraphModel = read_model(self.folder)
        if self._model.tokenizer != "word pieces":
            raise EncoderUnavailableError(
                f"The model in {self.folder} was exported from {self._model.identity.name}; train that one instead."
            )
        files = [self.folder / f"{tower}{ending}" for tower in TOWERS for ending in (".xml", ".bin")]
        self._model.verify(*files)
        modules = {tower: GraphModule(read_plan(self.folder / f"{tower}.xml")) for tower in TOWERS}
        self.towers = Towers(modules["image"], modules["text"])
        self.device = torch.device("cpu")
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / _TEMPERATURE)))
        self._adaptation: GraphAdaptation | None = None
        self._prefixes: dict[Tower, Prefix] = {}
        self._tokenizer = WordPieces(self.folder / TOKENIZER, self._model.max_text_tokens, self._model.verify, None)

    @property
    def identity(self) -> EncoderId:
        """Of the base, before anything is trained."""
        return self._model.identity

    def parts(self) -> dict[str, list[str]]:
        """Names of parameters, from the outermost to the innermost, each with the ones before."""
        return {part: self.towers.parameters_of(part) for part in PARTS}

    def begin(self, method: str, settings: Mapping[str, Any], seed: int) -> None:
        """Make what `method` trains ready; called once. Raises what `GraphAdaptation` raises."""
        torch.manual_seed(seed)
        self._adaptation = GraphAdaptation(self.towers, method, settings)
        self._prefixes.clear()

    def trained(self) -> dict[str, nn.Parameter]:
        """What is trained, by name; the temperature too, which no folder keeps."""
        own = {} if self._adaptation is None else self._adaptation.trained()
        return {**own, "log_scale": self.log_scale}

    def train(self, mode: bool) -> None:
        """Dropout of LoRA's, where there is one."""
        self.towers.train(mode)

    def rows(self, texts: Texts) -> Int64:
        """(t, T) int64, filled with 0 behind shorter ones; T is the length of the longest."""
        words = 0 if self._model.tokens is None else self._model.tokens.words
        each = [self._tokenizer.row(text, words)[0] for text in texts]
        rows = np.zeros((len(each), max(map(len, each), default=1)), np.int64)
        for row, found in zip(rows, each, strict=True):
            row[: len(found)] = found
        return rows

    def images(self, pixels: Tensor) -> Tensor:
        """(n, h, w, 3), uint8, or float on the scale 0 to 255 -> (n, d). Floats have gradients, so of them all is
        computed in torch."""
        return self._encoded("image", pixels)

    def texts(self, rows: Tensor) -> Tensor:
        """(t, T) int64 -> (t, d)."""
        used = int((rows != 0).any(dim=0).sum())
        return self._encoded("text", rows[:, : max(1, used)])

    def frozen(self, tower: Tower, rows: Pixels | Int64) -> dict[str, Tensor]:
        """What is computed of `rows` before the first trained layer, to be kept where rows come again unchanged."""
        if tower not in self._prefixes:
            module = self._module(tower)
            self._prefixes[tower] = Prefix(module.plan, frontier(module.plan, trained_layers(module)))
        return self._prefixes[tower].run(rows)

    def vectors(self, tower: Tower, values: Mapping[str, Tensor]) -> Tensor:
        """What `frozen` gave -> (n, d), with gradients."""
        found: Tensor = self._module(tower)(values)["vectors"]
        return found

    def delta(self, tensors: Mapping[str, Tensor]) -> dict[str, Float32]:
        """All that is trained but the temperature."""
        return {name: each.detach().cpu().numpy() for name, each in tensors.items() if name != "log_scale"}

    def write(self, target: Path, pixels: Pixels, texts: Texts, trained: Mapping[str, Any]) -> dict[Tower, float]:
        """Write what was trained as a folder of its own, measured on `pixels` and `texts` (a few photographs and
        captions). Nothing can be trained after that. See `write_folder`."""
        if self._adaptation is not None:
            self._adaptation.finish()
        modules: dict[Tower, GraphModule] = {tower: self._module(tower) for tower in TOWERS}
        return write_folder(self.folder, modules, target, {"image": pixels, "text": self.rows(texts)}, trained)

    def _encoded(self, tower: Tower, rows: Tensor) -> Tensor:
        module = self._module(tower)
        if rows.is_floating_point():
            return self.vectors(tower, {module.plan.parameter: rows})
        return self.vectors(tower, self.frozen(tower, rows.numpy()))

    def _module(self, tower: Tower) -> GraphModule:
        found: GraphModule = getattr(self.towers, tower)
        return found


def trained_layers(module: GraphModule) -> list[str]:
    """Names of the layers that something in is trained of."""
    return [name for name in module.plan.layers if any(p.requires_grad for p in module.layer(name).parameters())]
