"""Convolutions in an OpenVINO graph: which there are, their weights, and depthwise ones that are fast.

Here graphs are changed in ways that leave their results as they are. `static_int8.py` rounds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from indexer.types import Float32

#: A tower of convolutions has at least this share of its multiplications in dense ones. MobileCLIP2-S0 has 0.92,
#: ResNet-50 0.98; ConvNeXt, whose products are MatMuls between depthwise convolutions, 0.02, a ViT 0.03.
LEAST_SHARE: Final = 0.5

_CONVOLUTIONS: Final = ("Convolution", "GroupConvolution")


def convolutions(model: Any) -> list[Any]:
    """The nodes whose weights are constants, and whose maps are more than one pixel; in the order of the graph.

    Those of a single pixel (squeeze and excitation) are no work.
    """
    return [
        node
        for node in model.get_ordered_ops()
        if node.get_type_name() in _CONVOLUTIONS
        and weights_of(node) is not None
        and not all(size.is_static and size.get_length() == 1 for size in list(node.get_output_partial_shape(0))[2:])
    ]


def weights_of(node: Any) -> Float32 | None:
    """(out, in, h, w) of a convolution, (groups, out, in, h, w) of a grouped one; None where they are computed."""
    found = constant_of(node.input_value(1))
    return None if found is None else found


def constant_of(value: Any) -> Float32 | None:
    """What a value of the graph is, float32, where it is a constant in whatever type and shape it is kept."""
    source = value.get_node()
    while source.get_type_name() in ("Convert", "Reshape"):
        source = source.input_value(0).get_node()
    if source.get_type_name() != "Constant":
        return None
    values: npt.NDArray[Any] = source.data
    if values.dtype.kind != "f":
        return None
    return np.array(values, np.float32).reshape(tuple(value.get_shape()))


def is_tower_of_convolutions(model: Any) -> bool:
    """Whether most multiplications of a graph, whose shapes are known but for the rows, are dense convolutions'."""
    dense = rest = 0
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        if kind in _CONVOLUTIONS:
            weights = tuple(node.input_value(1).get_partial_shape().to_shape())
            work = _pixels(node) * int(np.prod(weights))
            if kind == "Convolution":
                dense += work
            else:
                rest += work
        elif kind == "MatMul":
            inner = node.input_value(0).get_partial_shape()
            axis = len(inner) - (2 if node.get_attributes()["transpose_a"] else 1)
            sizes = [*list(node.get_output_partial_shape(0))[1:], inner[axis]]
            rest += int(np.prod([size.get_length() if size.is_static else 1 for size in sizes]))
    return dense > 0 and dense >= LEAST_SHARE * (dense + rest)


def _pixels(node: Any) -> int:
    sizes = list(node.get_output_partial_shape(0))[2:]
    return int(np.prod([size.get_length() if size.is_static else 1 for size in sizes]))


# -- channel multipliers ------------------------------------------------------------------------------------


def split_channel_multipliers(model: Any) -> int:
    """Make of each depthwise convolution with k outputs a channel k of one output, which have kernels of their own:
    in the runtime's grouped kernel 16 times as many products are computed as are wanted. Returns how many there were.

    Their outputs lie one behind the other then, not channel by channel. What follows number by number (bias,
    activation) moves before them, and a dense convolution behind it takes its inputs in the new order, so that nothing
    is ever put back.
    """
    count = 0
    for node in model.get_ordered_ops():
        if node.get_type_name() != "GroupConvolution":
            continue
        weights = weights_of(node)  # (g, k, 1, h, w)
        if weights is not None and weights.shape[1] > 1 and weights.shape[2] == 1:
            _split(node, weights)
            count += 1
    if count:
        model.validate_nodes_and_infer_types()
    return count


def _split(node: Any, weights: Float32) -> None:
    """`weights`: (g, k, 1, h, w)."""
    from openvino import opset13 as op

    groups, times = weights.shape[:2]
    settings = node.get_attributes()
    parts = [
        op.group_convolution(
            node.input_value(0),
            op.constant(np.ascontiguousarray(weights[:, which : which + 1])),
            *(settings[name] for name in ("strides", "pads_begin", "pads_end", "dilations", "auto_pad")),
        )
        for which in range(times)
    ]
    last = node
    while (following := _number_by_number(last, groups * times)) is not None:
        after, made = following
        parts = [made(part, slice(which, None, times)) for which, part in enumerate(parts)]
        last = after
    joined = op.concat(parts, 1)
    consumers = [target.get_node() for target in last.output(0).get_target_inputs()]
    if all(each.get_type_name() == "Convolution" and weights_of(each) is not None for each in consumers):
        order = np.arange(groups * times).reshape(groups, times).T.reshape(-1)
        for each in consumers:
            dense = weights_of(each)
            assert dense is not None
            each.input(1).replace_source_output(op.constant(np.ascontiguousarray(dense[:, order])).output(0))
        output = joined.output(0)
    else:
        output = op.shuffle_channels(joined, 1, times).output(0)
    output.get_node().set_friendly_name(last.get_friendly_name())
    last.output(0).replace(output)


def _number_by_number(node: Any, channels: int) -> tuple[Any, Callable[[Any, slice], Any]] | None:
    """The only node behind this one, if it works number by number, and what makes it for some of the channels."""
    from openvino import opset13 as op

    targets = list(node.output(0).get_target_inputs())
    if len(targets) != 1:
        return None
    after = targets[0].get_node()
    kind = after.get_type_name()
    if kind == "Gelu":
        mode = after.get_attributes()["approximation_mode"]
        return after, lambda part, _: op.gelu(part, mode)
    if kind == "Relu":
        return after, lambda part, _: op.relu(part)
    if kind in ("Add", "Multiply"):
        constant = constant_of(after.input_value(1 - targets[0].get_index()))
        if constant is not None and constant.shape == (1, channels, 1, 1):
            make = op.add if kind == "Add" else op.multiply
            return after, lambda part, own: make(part, op.constant(np.ascontiguousarray(constant[:, own])))
    return None
