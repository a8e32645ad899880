"""From trained parts to the files that ship: two graphs, the tokenizer, and one JSON that says what they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from indexer.encoders.base import Preprocessing
from indexer.training.compress import Storage, compress
from indexer.training.join import Join
from indexer.training.towers import ImageTower, TextTower, text_weights_folder

OPSET: Final = 18


class ImageGraph(nn.Module):
    """Pixels (n, side, side, 3) uint8 -> (n, d), unit norm."""

    def __init__(self, tower: ImageTower, join: Join) -> None:
        super().__init__()
        self.tower, self.join = tower, join

    def forward(self, pixels: Tensor) -> Tensor:
        features = self.tower(pixels)  # (n, 1280)
        return self.join.image(features, self.tower.logits(features))


class TextGraph(nn.Module):
    """Token ids (n, T) int64, 0 where padded -> (n, d), unit norm."""

    def __init__(self, tower: TextTower, join: Join) -> None:
        super().__init__()
        self.tower, self.join = tower, join

    def forward(self, ids: Tensor) -> Tensor:
        return self.join.text(self.tower(ids))


def export_graph(
    module: nn.Module, example: Tensor, names: tuple[str, str], free: Sequence[str], storage: Storage, file: Path
) -> None:
    """Write `module` to `file` as ONNX, its first axes free in size and named `free`, weights as `storage` says."""
    sizes = {axis: torch.export.Dim(name, min=1, max=4096) for axis, name in enumerate(free)}
    program: Any = torch.onnx.export(
        module.eval(),
        (example,),
        input_names=[names[0]],
        output_names=[names[1]],
        dynamic_shapes=(sizes,),
        dynamo=True,
        opset_version=OPSET,
        verbose=False,
    )
    model = program.model_proto
    for node in model.graph.node:  # traces of this machine's folders
        del node.metadata_props[:]
    for part in (model.graph, *model.graph.input, *model.graph.output, *model.graph.value_info):
        del part.metadata_props[:]
    del model.graph.value_info[:]
    compress(model, storage)
    file.write_bytes(model.SerializeToString(deterministic=True))


def export_tokenizer(file: Path) -> None:
    """The tokenizer without its padding and truncation: the encoder cuts and pads by itself."""
    fields = json.loads((text_weights_folder() / "tokenizer.json").read_text(encoding="utf-8"))
    fields["truncation"] = fields["padding"] = None
    file.write_text(json.dumps(fields, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def digest(file: Path) -> str:
    """SHA-256 of a file, in hex."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def describe(
    folder: Path,
    *,
    version: str,
    dimension: int,
    preprocessing: Preprocessing,
    max_text_tokens: int,
    trained: dict[str, object],
) -> None:
    """Write `encoder.json`: what the encoder needs to know, and the digest of each file beside it."""
    files = ("image.onnx", "text.onnx", "tokenizer.json")
    fields = {
        "format": 1,
        "name": "bundled",
        "version": version,
        "dimension": dimension,
        "preprocessing": asdict(preprocessing),
        "max_text_tokens": max_text_tokens,
        "files": {name: digest(folder / name) for name in files},
        "trained": trained,
    }
    text = json.dumps(fields, indent=2, ensure_ascii=False) + "\n"
    (folder / "encoder.json").write_text(text, encoding="utf-8")
