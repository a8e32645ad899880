"""What each operation of a graph is in torch: one function a type of operation, as OpenVINO's opsets define it.

A function takes the node's attributes and its inputs as tensors, and gives its output (a tuple where it has several).
Shapes, axes and bounds are inputs too: small int64 tensors. Gradients flow through all that is floating point; where
the mathematical gradient is zero or endless, it is chosen so that training goes on, and the function says how.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import Tensor

from indexer.training.graphs.errors import NotTrainableError

Attributes = Mapping[str, Any]
Operation = Callable[..., Any]

_TYPES: Final = {
    "f32": torch.float32, "f16": torch.float16, "f64": torch.float64, "boolean": torch.bool,
    "u8": torch.uint8, "i8": torch.int8, "i32": torch.int32, "i64": torch.int64,
}  # fmt: skip


def fake_quantize(
    x: Tensor, input_low: Tensor, input_high: Tensor, output_low: Tensor, output_high: Tensor, levels: int
) -> Tensor:
    """`x` brought to one of `levels` values between the bounds; the bounds broadcast to `x`.

    The gradient is that of the same map without rounding: the straight-through estimator (Bengio, Leonard and
    Courville 2013, arXiv 1308.3432). Outside of the bounds it is zero.
    """
    span = input_high - input_low
    clipped = torch.minimum(torch.maximum(x, input_low), input_high)
    share = (clipped - input_low) / span  # 0 to 1
    with torch.no_grad():
        rounded = torch.round(share * (levels - 1)) / (levels - 1)
    through = share + (rounded - share).detach() if share.requires_grad else rounded
    return through * (output_high - output_low) + output_low


def safe_sqrt(x: Tensor) -> Tensor:
    """The square root. Its gradient at 0, which is endless, is 0: `sqrt(max(x, 0))` would give NaN below 0."""
    positive = x > 0
    return torch.where(positive, torch.sqrt(torch.where(positive, x, torch.ones_like(x))), torch.zeros_like(x))


def _axes(given: Tensor) -> tuple[int, ...]:
    return tuple(int(axis) for axis in given.reshape(-1).tolist())


def _convert(attributes: Attributes, x: Tensor) -> Tensor:
    wanted = str(attributes["destination_type"])
    if wanted not in _TYPES:
        raise NotTrainableError(f"The type {wanted} of a Convert has no torch form here.")
    return x.to(_TYPES[wanted])


def _divide(attributes: Attributes, x: Tensor, y: Tensor) -> Tensor:
    if x.is_floating_point():
        return x / y
    return torch.div(x, y, rounding_mode="floor" if attributes.get("m_pythondiv", True) else "trunc")


def _fake_quantize(attributes: Attributes, x: Tensor, *bounds: Tensor) -> Tensor:
    low, high, output_low, output_high = bounds
    return fake_quantize(x, low, high, output_low, output_high, int(attributes["levels"]))


def _matmul(attributes: Attributes, x: Tensor, y: Tensor) -> Tensor:
    x = x.transpose(-1, -2) if attributes["transpose_a"] else x
    y = y.transpose(-1, -2) if attributes["transpose_b"] else y
    return x @ y


def _mvn(attributes: Attributes, x: Tensor, axes: Tensor) -> Tensor:
    over = _axes(axes)
    centred = x - x.mean(dim=over, keepdim=True)
    if not attributes["normalize_variance"]:
        return centred
    variance, eps = centred.square().mean(dim=over, keepdim=True), float(attributes["eps"])
    if str(attributes["eps_mode"]).upper() == "INSIDE_SQRT":
        return centred / torch.sqrt(variance + eps)
    return centred / (safe_sqrt(variance) + eps)


def _concat(attributes: Attributes, *parts: Tensor) -> Tensor:
    return torch.cat(parts, dim=int(attributes["axis"]))


def _reshape(attributes: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    wanted = _axes(shape)
    if attributes["special_zero"]:
        wanted = tuple(x.shape[at] if size == 0 else size for at, size in enumerate(wanted))
    return x.reshape(wanted)


def _broadcast(attributes: Attributes, x: Tensor, shape: Tensor, *axes: Tensor) -> Tensor:
    mode = str(attributes["mode"]).lower()
    wanted = _axes(shape)
    if mode == "numpy":
        return x.expand(wanted)
    if mode == "bidirectional":
        return x.expand(torch.broadcast_shapes(x.shape, wanted))  # type: ignore[no-untyped-call]
    raise NotTrainableError(f"The mode {mode} of a Broadcast has no torch form here.")


def _gather(attributes: Attributes, x: Tensor, indices: Tensor, axis: Tensor) -> Tensor:
    if int(attributes.get("batch_dims", 0)):
        raise NotTrainableError("A Gather with batch_dims has no torch form here.")
    at = int(axis) % x.ndim
    places = indices.reshape(-1).long()
    places = torch.where(places < 0, places + x.shape[at], places)
    return x.index_select(at, places).reshape(*x.shape[:at], *indices.shape, *x.shape[at + 1 :])


def _gather_nd(attributes: Attributes, x: Tensor, indices: Tensor) -> Tensor:
    if int(attributes.get("batch_dims", 0)):
        raise NotTrainableError("A GatherND with batch_dims has no torch form here.")
    return x[tuple(indices.long().unbind(-1))]


def _slice(attributes: Attributes, x: Tensor, start: Tensor, stop: Tensor, step: Tensor, *axes: Tensor) -> Tensor:
    starts, stops, steps = _axes(start), _axes(stop), _axes(step)
    chosen = _axes(axes[0]) if axes else tuple(range(len(starts)))
    if min(steps, default=1) < 1:
        raise NotTrainableError("A Slice that runs backwards has no torch form here.")
    parts = [slice(None)] * x.ndim
    for at, *bounds in zip(chosen, starts, stops, steps, strict=True):
        parts[at] = slice(*bounds)
    return x[tuple(parts)]


def _variadic_split(attributes: Attributes, x: Tensor, axis: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
    at, sizes = int(axis), list(_axes(lengths))
    rest = x.shape[at] - sum(size for size in sizes if size >= 0)
    return torch.split(x, [rest if size < 0 else size for size in sizes], dim=at)


def _unsqueeze(attributes: Attributes, x: Tensor, axes: Tensor) -> Tensor:
    rank = x.ndim + axes.numel()
    for axis in sorted(axis % rank for axis in _axes(axes)):
        x = x.unsqueeze(axis)
    return x


def _squeeze(attributes: Attributes, x: Tensor, *axes: Tensor) -> Tensor:
    return x.squeeze(_axes(axes[0])) if axes else x.squeeze()


def _round(attributes: Attributes, x: Tensor) -> Tensor:
    if str(attributes["mode"]).lower() != "half_to_even":
        raise NotTrainableError(f"The mode {attributes['mode']} of a Round has no torch form here.")
    return torch.round(x)


def _plain(function: Callable[..., Tensor]) -> Operation:
    return lambda attributes, *inputs: function(*inputs)


def _reduced(function: Callable[..., Tensor]) -> Operation:
    def run(attributes: Attributes, x: Tensor, axes: Tensor) -> Tensor:
        return function(x, dim=_axes(axes), keepdim=bool(attributes["keep_dims"]))

    return run


#: By the name of the type in OpenVINO's opsets.
OPERATIONS: Final[Mapping[str, Operation]] = {
    "Add": _plain(torch.add),
    "Broadcast": _broadcast,
    "Concat": _concat,
    "Convert": _convert,
    "Divide": _divide,
    "Equal": _plain(torch.eq),
    "Erf": _plain(torch.erf),
    "Exp": _plain(torch.exp),
    "FakeQuantize": _fake_quantize,
    "Gather": _gather,
    "GatherND": _gather_nd,
    "Log": _plain(torch.log),
    "LogicalNot": _plain(torch.logical_not),
    "MVN": _mvn,
    "MatMul": _matmul,
    "Maximum": _plain(torch.maximum),
    "Minimum": _plain(torch.minimum),
    "Multiply": _plain(torch.mul),
    "Power": _plain(torch.pow),
    "Range": lambda attributes, start, stop, step: torch.arange(int(start), int(stop), int(step)),
    "ReduceL2": _reduced(torch.linalg.vector_norm),
    "ReduceMax": _reduced(torch.amax),
    "ReduceMean": _reduced(torch.mean),
    "ReduceSum": _reduced(torch.sum),
    "Reshape": _reshape,
    "Round": _round,
    "Select": _plain(torch.where),
    "Sigmoid": _plain(torch.sigmoid),
    "Slice": _slice,
    "Softmax": lambda attributes, x: torch.softmax(x, dim=int(attributes["axis"])),
    "Sqrt": _plain(safe_sqrt),
    "Squeeze": _squeeze,
    "Subtract": _plain(torch.sub),
    "Transpose": lambda attributes, x, order: x.permute(_axes(order)),
    "Unsqueeze": _unsqueeze,
    "VariadicSplit": _variadic_split,
}


def operation(kind: str, name: str) -> Operation:
    """The function of the type `kind`, for a node called `name`. Raises NotTrainableError."""
    if kind not in OPERATIONS:
        raise NotTrainableError(
            f"The operation {kind} of the node {name} has no torch form here, so the graph cannot be trained; "
            "add it to indexer/training/graphs/operations.py."
        )
    return OPERATIONS[kind]
