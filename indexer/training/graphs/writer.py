"""Trained layers back into a folder of the bundled model's format.

    GraphModule -> constants of the graph, trained ones in float16 -> image.xml .bin, text.xml .bin
    the base's tokenizer and words                                -> the same files
    encoder.json: a name of its own, digests and sums of all of it, what it was trained on

`GraphEncoder(folder)` loads it. Tensors that were not trained stay as they are, bit for bit. Trained ones are not
rounded to int8 again: a training moves weights by less than one of its steps, and they would go back to where they
were (three steps of AdamW at 1e-4: cosine 0.64 to what was trained). What the written graphs give is measured against
the torch modules, and a folder that falls below `LEAST_COSINE` is not kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from indexer.atomic import clean, folder_aside
from indexer.encoders.graph_model import (
    ADAPTED,
    BUNDLED_DESCRIPTION,
    TOKENIZER,
    TOWERS,
    WORDS,
    Tower,
    weights_digest,
    with_sums,
)
from indexer.encoders.openvino_export import LEAST_COSINE
from indexer.encoders.runtime import CORE, Graph, import_openvino
from indexer.training.graphs.errors import NotTrainableError
from indexer.training.graphs.graph_module import GraphModule
from indexer.training.graphs.parts import frontier
from indexer.training.graphs.plan import Layer
from indexer.training.graphs.prefix import Prefix
from indexer.types import Float32

#: What comes along unchanged, where the base has it.
_COPIED: Final = (TOKENIZER, WORDS, "words-copying.txt")
#: Biases and norms are few, and stay in float32.
_MANY: Final = 4096


def write_graph(module: GraphModule, file: Path) -> list[str]:
    """Write `module` to `file` (.xml, weights beside it). Returns the names of the layers that are others than in the
    file it was read from. Raises NotTrainableError for a layer that is not finite, or not a plain one."""
    openvino = import_openvino()
    model = CORE.get().read_model(module.plan.file)
    nodes = {node.get_friendly_name(): node for node in model.get_ordered_ops()}
    changed = []
    for name, layer in module.plan.layers.items():
        now = module.layer(name)
        for called, place in layer.places.items():
            tensor = getattr(now, called, None)
            if not isinstance(tensor, torch.Tensor):
                raise NotTrainableError(
                    f"The layer {name} is a {type(now).__name__} and has no {called}; merge it first."
                )
            if torch.equal(tensor, layer.tensors[called]):
                continue
            values = _as_in_graph(layer, called, tensor.detach().float().numpy())
            if not np.isfinite(values).all():
                raise NotTrainableError(f"The {called} of the layer {name} has numbers that are not finite.")
            made = _kept(values)
            made.set_friendly_name(f"{name}.{called}")  # so that the layer has its name again when it is read
            nodes[place.node].input(place.input).replace_source_output(made.output(0))
            if name not in changed:
                changed.append(name)
    for part in ("nncf", "conversion_parameters", "Runtime_version"):  # traces of the machine that made it
        if model.has_rt_info([part]):
            del model.rt_info[part]
    openvino.save_model(model, file, compress_to_fp16=False)
    return changed


def write_folder(
    source: Path,
    modules: Mapping[Tower, GraphModule],
    target: Path,
    probes: Mapping[Tower, npt.NDArray[Any]],
    trained: Mapping[str, Any],
) -> dict[Tower, float]:
    """Write `target`: the model in `source` with these modules in place of its towers.

    `probes`: rows of each tower that it is measured on, (n, ...); photographs and captions, not noise. `trained`: what
    to say about the training, for `encoder.json`. A former adapted model in `target` is replaced; it is there whole or
    as it was. Returns the least cosine of each tower with its module.

    Raises NotTrainableError when the written graphs give something else, or `target` is something else; OSError.
    """
    if target.exists() and not _is_adapted(target) and (not target.is_dir() or any(target.iterdir())):
        raise NotTrainableError(f"{target} is there and holds no adapted model; name another folder.")
    fields = json.loads((source / BUNDLED_DESCRIPTION).read_text(encoding="utf-8"))
    target.parent.mkdir(parents=True, exist_ok=True)
    clean(target.parent, target.name)
    with folder_aside(target) as aside:
        changed: dict[str, list[str]] = {}
        for tower in TOWERS:
            changed[tower] = write_graph(modules[tower], aside / f"{tower}.xml")
        for name in _COPIED:
            if (source / name).is_file():
                shutil.copyfile(source / name, aside / name)
        cosines = {
            tower: least_cosine(modules[tower], changed[tower], aside / f"{tower}.xml", probes[tower])
            for tower in TOWERS
        }
        for tower, cosine in cosines.items():
            if not cosine >= LEAST_COSINE:
                raise NotTrainableError(
                    f"The written {tower} graph gives other vectors than what was trained (cosine {cosine:.3f}, wanted "
                    f"{LEAST_COSINE}); train it again at a lower rate."
                )
        base = {"name": fields["name"], "weights": weights_digest(fields["files"])}
        fields |= {"name": ADAPTED, "base": base, "files": {name: _digest(aside / name) for name in fields["files"]}}
        fields["trained"] = {**trained, "layers": changed, "cosines": cosines}
        text = json.dumps(with_sums(_without_sums(fields), aside), indent=2, ensure_ascii=False) + "\n"
        (aside / BUNDLED_DESCRIPTION).write_text(text, encoding="utf-8")
        if target.exists():
            shutil.rmtree(target)
        os.replace(aside, target)
    return cosines


def _kept(values: Float32) -> Any:
    """A node that gives `values`, kept in float16 if they are many."""
    from openvino import opset13 as op

    if values.size < _MANY:
        return op.constant(values)
    return op.convert(op.constant(values.astype(np.float16)), "f32")


def _as_in_graph(layer: Layer, called: str, values: Float32) -> Float32:
    if called == "weight" and layer.transposed:
        values = values.T
    return np.ascontiguousarray(values.reshape(layer.places[called].shape))


def least_cosine(module: GraphModule, changed: Sequence[str], file: Path, rows: npt.NDArray[Any]) -> float:
    """The least cosine of the vectors of the graph in `file` with those of `module`, whose layers `changed` are others
    than in its own file, of `rows` (n, ...). What comes before these layers runs as it did in the training."""
    graph = Graph(file)
    found = np.concatenate(
        [graph.run({module.plan.parameter: rows[at : at + 1]}, ["vectors"])["vectors"] for at in range(len(rows))]
    )
    with torch.no_grad():
        values = Prefix(module.plan, frontier(module.plan, changed)).run(rows)
        wanted = module(values)["vectors"].numpy()
    return float((_unit(found) * _unit(wanted)).sum(axis=1).min())


def _unit(vectors: Float32) -> Float32:
    unit: Float32 = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _without_sums(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in ("sums", "own_sum")}


def _is_adapted(folder: Path) -> bool:
    try:
        fields = json.loads((folder / BUNDLED_DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(fields, dict) and fields.get("name") == ADAPTED
