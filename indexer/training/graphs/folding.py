"""What of a graph does not depend on its input: constants, and shapes, which are computed here once.

    nodes -> the shape of every value, with open sizes -> the values that are constant, as tensors

A shape that is read of a value becomes numbers at once, so that the arithmetic of shapes is gone from what is run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from indexer.encoders.runtime import import_openvino
from indexer.training.graphs.errors import NotTrainableError
from indexer.training.graphs.operations import operation
from indexer.training.graphs.plan import OPEN, is_open

#: Sizes of axis 0 that tell it from others where it turns up in shapes further on; of the axes after it 2 more each.
#: Small: tables of positions end.
_PROBES: Final = (21, 35)
#: Operations that only move numbers, so that a shape with open sizes goes through them.
_MOVING: Final = {"Slice", "Gather", "Concat", "Reshape", "Squeeze", "Unsqueeze", "Broadcast", "Convert"}


def reference(output: Any) -> str:
    """The name of the value that an output of a node gives."""
    name: str = output.get_node().get_friendly_name()
    return name if not output.get_index() else f"{name}#{output.get_index()}"


def inputs_of(node: Any) -> Iterator[str]:
    return (reference(node.input_value(at)) for at in range(node.get_input_size()))


def shapes_of(model: Any, nodes: list[Any]) -> dict[str, tuple[int, ...]]:
    """The shape of every value, with open sizes. Raises NotTrainableError for one that is no size of the input."""
    given = model.inputs[0].get_partial_shape()
    sizes = [
        tuple(probe + 2 * axis if size.is_dynamic else size.get_length() for axis, size in enumerate(given))
        for probe in _PROBES
    ]
    known = {
        pair: OPEN - axis for axis, pair in enumerate(zip(*sizes, strict=True)) if given[axis].is_dynamic
    }  # fmt: skip
    first, second = (_shapes_at(model, each) for each in sizes)
    found = {}
    for node in nodes:
        for output in node.outputs():
            name = reference(output)
            if name not in first or name not in second:  # a shape, which is folded without it
                continue
            pairs = list(zip(first[name], second[name], strict=True))
            if any(one != other and (one, other) not in known for one, other in pairs):
                raise NotTrainableError(
                    f"The value {name} has a size that is computed of the input's; such graphs are not trained."
                )
            found[name] = tuple(one if one == other else known[one, other] for one, other in pairs)
    return found


def _shapes_at(model: Any, sizes: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    openvino = import_openvino()
    probe = model.clone()  # not its `reshape`, which takes nodes away
    probe.get_parameters()[0].set_partial_shape(openvino.PartialShape(list(sizes)))
    probe.validate_nodes_and_infer_types()
    return {
        reference(output): tuple(output.get_partial_shape().get_min_shape())
        for node in probe.get_ordered_ops()
        for output in node.outputs()
    }


def folded(nodes: list[Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """The values that do not depend on the input, or on its sizes alone."""
    found: dict[str, Tensor] = {}
    for node in nodes:
        kind = node.get_type_name()
        if kind == "Constant":
            if node.get_element_type().get_type_name() in ("f32", "f16", "i64", "i32", "i8", "u8", "boolean"):
                found[reference(node.output(0))] = torch.from_numpy(np.array(node.data))
        elif kind == "ShapeOf":
            found[reference(node.output(0))] = torch.tensor(shapes[next(inputs_of(node))], dtype=torch.int64)
        elif kind not in ("Parameter", "Result") and all(name in found for name in inputs_of(node)):
            inputs = [found[name] for name in inputs_of(node)]
            name = node.get_friendly_name()
            if kind != "Concat" and any(is_open(value) for value in inputs[1:]):
                continue  # a constant that is cut or spread to an open size: a step
            if is_open(inputs[0]) and kind not in _MOVING:
                raise NotTrainableError(
                    f"The node {name} ({kind}) computes with open sizes; such graphs are not trained."
                )
            made = operation(kind, name)(node.get_attributes(), *inputs)
            for output, value in zip(node.outputs(), made if isinstance(made, tuple) else (made,), strict=True):
                found[reference(output)] = value
    return found
