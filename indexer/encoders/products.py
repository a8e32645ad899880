"""Matrix products of a graph as convolutions of one pixel, for CPUs that have 8-bit kernels for these alone.

With AVX2 and no more, the runtime multiplies matrices in float32 at 50 billion products a second and core, whatever
they are stored in; its convolutions of int8 do 90 (`docs/decisions.md`). The graph computes the same as before; that
it is rounded is the matter of `static_int8.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from indexer.encoders.convolutions import constant_of
from indexer.types import Float32


def products_as_convolutions(model: Any) -> int:
    """Make of each product of rows (..., k) with a constant (n, k) a convolution of a map (1, k, rows, 1).

    A bias and an activation behind it move along. Products that follow each other hand the map on. Returns how many
    there were.
    """
    maps: dict[str, Any] = {}
    count = 0
    for node in model.get_ordered_ops():
        if node.get_type_name() != "MatMul":
            continue
        weight = constant_of(node.input_value(1))
        settings = node.get_attributes()
        if weight is None or weight.ndim != 2 or settings["transpose_a"]:
            continue
        _replace(node, weight if settings["transpose_b"] else weight.T, maps)
        count += 1
    if count:
        model.validate_nodes_and_infer_types()
    return count


def _replace(node: Any, weight: Float32, maps: dict[str, Any]) -> None:
    """`weight`: (n, k). `maps`: what was replaced, by the name of what took its place, as maps (1, n, rows, 1)."""
    from openvino import opset13 as op

    rows = node.input_value(0)
    wide, deep = weight.shape
    found = maps.get(rows.get_node().get_friendly_name())
    if found is None:
        flat = op.reshape(rows, op.constant(np.array([1, -1, deep])), False)  # (1, rows, k)
        found = op.unsqueeze(_turned(flat), op.constant(np.array([3])))  # (1, k, rows, 1)
    kernel = op.constant(np.ascontiguousarray(weight.reshape(wide, deep, 1, 1)))
    made = op.convolution(found, kernel, [1, 1], [0, 0], [0, 0], [1, 1])
    last = node
    while (following := _only_reader(last)) is not None:
        after, place = following
        if after.get_type_name() == "Gelu":
            made = op.gelu(made, after.get_attributes()["approximation_mode"])
        elif after.get_type_name() == "Add":
            bias = constant_of(after.input_value(1 - place))
            if bias is None or bias.size != wide or bias.shape[-1:] != (wide,):
                break
            made = op.add(made, op.constant(bias.reshape(1, wide, 1, 1)))
        else:
            break
        last = after
    first = [op.constant(np.array([at])) for at in (0, -1, 1)]
    shape = op.concat([op.slice(op.shape_of(rows), *first), op.constant(np.array([wide]))], 0)  # (..., n)
    back = op.reshape(_turned(op.squeeze(made, op.constant(np.array([3])))), shape, False)
    back.set_friendly_name(f"{last.get_friendly_name()}/rows")
    maps[back.get_friendly_name()] = made
    last.output(0).replace(back.output(0))


def _turned(value: Any) -> Any:
    """(1, a, b) -> (1, b, a)."""
    from openvino import opset13 as op

    return op.transpose(value, op.constant(np.array([0, 2, 1])))


def _only_reader(node: Any) -> tuple[Any, int] | None:
    """The one node that reads this one, and the place of that input; None where there are several."""
    targets = list(node.output(0).get_target_inputs())
    return (targets[0].get_node(), targets[0].get_index()) if len(targets) == 1 else None
