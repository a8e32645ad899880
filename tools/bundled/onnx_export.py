"""From trained parts to the files that ship: two graphs in ONNX, the tokenizer, and one JSON that says what they are.

`quantise.py` brings the graphs into the form that ships.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from indexer.encoders.base import Preprocessing, TokenShape
from indexer.encoders.graph_model import with_sums
from tools.bundled.branch import ImageBranch, TextBranch
from tools.bundled.compress import Storage, compress
from tools.bundled.hubs import Hubs
from tools.bundled.join import Join
from tools.bundled.towers import ImageTower, TextTower, sentence, text_weights_folder

OPSET: Final = 18


class ImageGraph(nn.Module):
    """Pixels (n, side, side, 3) uint8 -> vectors (n, d), unit norm, and region tokens (n, R, w) int8.

    `hubs`: None before they are known.
    """

    def __init__(self, tower: ImageTower, branch: ImageBranch, join: Join, hubs: Hubs | None = None) -> None:
        super().__init__()
        self.tower, self.branch, self.join, self.hubs = tower, branch, join, hubs

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        trunk = self.tower.trunk(pixels)  # (n, 208, h, w)
        learned, tokens = self.branch(trunk)
        vectors = self.join.image(learned, self.tower.logits(trunk))
        return (vectors if self.hubs is None else self.hubs.image(vectors)), tokens


class TextGraph(nn.Module):
    """Token ids (n, T) int64, 0 where padded -> vectors (n, d), unit norm, and word tokens (n, T, w) int8.

    The class channel reads the sentence encoder as it was published, the learned one its trained top; both stand on
    the same first `layers` layers. `hubs`: None before they are known.
    """

    def __init__(self, tower: TextTower, branch: TextBranch, join: Join, layers: int, hubs: Hubs | None = None) -> None:
        super().__init__()
        self.tower, self.branch, self.join, self.layers, self.hubs = tower, branch, join, layers, hubs

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        trunk = self.tower.trunk(ids, self.layers)  # (n, T, 384)
        learned, tokens = self.branch(trunk, ids)
        sentences = sentence(self.tower.rest(trunk, ids, self.layers), ids)  # (n, 384)
        vectors = self.join.text(learned, sentences)
        if self.hubs is not None:
            pieces = (ids != 0).sum(dim=1, keepdim=True).float() - 2  # without the marks of start and end
            vectors = self.hubs.text(vectors, pieces)
        return vectors, tokens


def export_graph(
    module: nn.Module,
    example: tuple[Tensor, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
    free: Sequence[Sequence[str]],
    storage: Storage,
    file: Path,
) -> None:
    """Write `module` to `file` as ONNX; of each input the first axes are free in size and named as `free` says."""
    sizes = tuple({axis: torch.export.Dim(name, min=1, max=4096) for axis, name in enumerate(names)} for names in free)
    with torch.no_grad():  # in training the norms are folded by arithmetic, which no quantiser sees through
        program: Any = torch.onnx.export(
            module.eval(),
            example,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=sizes,
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
    tokens: TokenShape,
    trained: dict[str, object],
) -> None:
    """Write `encoder.json`: what the encoder needs to know, and the digest of each file beside it."""
    files = ("image.xml", "image.bin", "text.xml", "text.bin", "tokenizer.json")
    fields: dict[str, object] = {
        "format": 2,
        "name": "bundled",
        "version": version,
        "dimension": dimension,
        "preprocessing": asdict(preprocessing),
        "max_text_tokens": max_text_tokens,
        "tokens": asdict(tokens),
        "files": {name: digest(folder / name) for name in files},
        "trained": trained,
    }
    text = json.dumps(with_sums(fields, folder), indent=2, ensure_ascii=False) + "\n"
    (folder / "encoder.json").write_text(text, encoding="utf-8")
