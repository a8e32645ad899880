"""Weight-only compression of an ONNX graph: weights are stored small, all arithmetic stays in float32.

Activations are never quantised, so a row's result cannot depend on what else is in its batch. A dense weight becomes
`Cast(int8) * scale`, or `Cast(float16)`, on constants: the runtime folds it to float32 once, when it loads the
graph. A table that is only gathered from stays int8 in memory, and just the gathered rows are expanded.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

Storage = Literal["float32", "float16", "int8"]

#: Smaller tensors (norms, biases) are left as they are: they cost nothing and matter most.
LEAST_ELEMENTS: Final = 4096

#: Numbers that share a scale, at most; the largest divisor of the axis is taken. One scale a row lost 0.4 points of
#: image-to-text R@1 on Flickr8k's `val`.
GROUP: Final = 64
#: An axis without a divisor in this range is not worth the scales.
LEAST_GROUP: Final = 16


def group_size(count: int) -> int | None:
    """How many of `count` numbers share a scale; None when they are better kept in float16."""
    return next((size for size in range(GROUP, LEAST_GROUP - 1, -1) if count % size == 0), None)


def quantise(weight: npt.NDArray[np.float32], axis: int) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Symmetric int8 with one scale for each run of `group_size` numbers along `axis` of a matrix.

    Returns (weights, scales): `axis` is split in two, (groups, size), and the scales broadcast to that. The scale
    is the one of 24 candidates below the largest magnitude that leaves the least squared error: cutting a rare
    outlier buys finer steps for all the others. Raises ValueError when no group divides the axis.
    """
    size = group_size(weight.shape[axis]) if weight.ndim == 2 else None
    if size is None:
        raise ValueError(f"No groups of up to {GROUP} along axis {axis} fit a weight of shape {weight.shape}.")
    groups = (weight.shape[axis] // size, size)
    split = weight.reshape(*weight.shape[:axis], *groups, *weight.shape[axis + 1 :])
    inner = axis + 1
    largest = np.maximum(np.abs(split).max(axis=inner, keepdims=True), 1e-12)  # broadcasts to split
    best_error = np.full(largest.shape, np.inf, dtype=np.float32)
    best_scale = largest / 127
    for share in np.linspace(0.6, 1.0, 24, dtype=np.float32):
        scale = largest * share / 127
        kept = np.clip(np.rint(split / scale), -127, 127) * scale
        error = np.square(split - kept).sum(axis=inner, keepdims=True)
        best_scale = np.where(error < best_error, scale, best_scale)
        best_error = np.minimum(error, best_error)
    quantised = np.clip(np.rint(split / best_scale), -127, 127).astype(np.int8)
    return quantised, best_scale.astype(np.float32)


def compress(model: Any, storage: Storage) -> None:
    """Store the large float32 weights of `model`, an onnx.ModelProto, as `storage` says; in place."""
    if storage == "float32":
        return
    graph = model.graph
    uses: dict[str, list[tuple[Any, int]]] = {}
    for node in graph.node:
        for position, name in enumerate(node.input):
            uses.setdefault(name, []).append((node, position))
    added = []
    for tensor in list(graph.initializer):
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) < LEAST_ELEMENTS:
            continue
        users = uses.get(tensor.name, [])
        weight = numpy_helper.to_array(tensor)
        graph.initializer.remove(tensor)
        if all(node.op_type == "Gather" and position == 0 for node, position in users):
            added += _gathered(graph, tensor.name, weight, [node for node, _ in users])
            continue
        # Along the axis that a product sums over: the first of a right factor, unless it is transposed.
        axis = 1 if any(_transposed(node) for node, _ in users) else 0
        if storage == "float16" or weight.ndim != 2 or group_size(weight.shape[axis]) is None:
            graph.initializer.append(numpy_helper.from_array(weight.astype(np.float16), f"{tensor.name}_f16"))
            added.append(_cast(f"{tensor.name}_f16", tensor.name))
        else:
            small, scale = quantise(weight, axis)
            added += _expanded(graph, tensor.name, small, scale, weight.shape)
    nodes = added + list(graph.node)
    del graph.node[:]
    graph.node.extend(_sorted(nodes, graph))


def _cast(source: str, target: str) -> Any:
    return helper.make_node("Cast", [source], [target], to=onnx.TensorProto.FLOAT)


def _transposed(node: Any) -> bool:
    return any(attribute.name == "transB" and attribute.i for attribute in node.attribute)


def _expanded(
    graph: Any,
    name: str,
    small: npt.NDArray[np.int8],
    scale: npt.NDArray[np.float32],
    shape: tuple[int, ...],
) -> list[Any]:
    """Nodes that make the float32 constant `name` of its groups and scales."""
    graph.initializer.append(numpy_helper.from_array(small, f"{name}_i8"))
    graph.initializer.append(numpy_helper.from_array(scale, f"{name}_scale"))
    graph.initializer.append(numpy_helper.from_array(np.array(shape, dtype=np.int64), f"{name}_shape"))
    return [
        _cast(f"{name}_i8", f"{name}_wide"),
        helper.make_node("Mul", [f"{name}_wide", f"{name}_scale"], [f"{name}_groups"]),
        helper.make_node("Reshape", [f"{name}_groups", f"{name}_shape"], [name]),
    ]


def _gathered(graph: Any, name: str, weight: npt.NDArray[np.float32], users: list[Any]) -> list[Any]:
    """Rows of an int8 table and their scales, gathered first and multiplied after."""
    small, scale = quantise(weight, 1)  # (rows, groups, size), (rows, groups, 1)
    graph.initializer.append(numpy_helper.from_array(small, f"{name}_i8"))
    graph.initializer.append(numpy_helper.from_array(scale, f"{name}_scale"))
    # In a Reshape, 0 keeps the size of that axis: n and T of the indices.
    added = []
    for number, node in enumerate(users):
        prefix = f"{name}_rows{number}"
        indices, output = node.input[1], node.output[0]
        shape = np.array([0, 0, weight.shape[1]], dtype=np.int64)  # (n, T, width)
        graph.initializer.append(numpy_helper.from_array(shape, f"{prefix}_shape"))
        added += [
            helper.make_node("Gather", [f"{name}_scale", indices], [f"{prefix}_scale"], axis=0),
            _cast(f"{prefix}_i8", f"{prefix}_wide"),
            helper.make_node("Mul", [f"{prefix}_wide", f"{prefix}_scale"], [f"{prefix}_groups"]),
            helper.make_node("Reshape", [f"{prefix}_groups", f"{prefix}_shape"], [output]),
        ]
        node.input[0], node.output[0] = f"{name}_i8", f"{prefix}_i8"
    return added


def _sorted(nodes: list[Any], graph: Any) -> list[Any]:
    """The nodes in an order where every input is made before it is used, as ONNX asks."""
    known = {tensor.name for tensor in graph.initializer} | {value.name for value in graph.input} | {""}
    waiting, result = nodes, []
    while waiting:
        ready = [node for node in waiting if all(name in known for name in node.input)]
        # Judged against what was known before this round, so that equal graphs come out in equal order.
        if not ready:
            raise ValueError("The graph has a cycle or an input that nothing makes.")
        for node in ready:
            known.update(node.output)
        result += ready
        taken = {id(node) for node in ready}
        waiting = [node for node in waiting if id(node) not in taken]
    return result
