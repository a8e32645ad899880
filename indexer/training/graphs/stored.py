"""How a graph keeps a constant tensor, and the same kept anew with other numbers.

    float32           Constant
    float16           Constant f16 -> Convert
    int8              Constant i8 -> Convert -> Multiply (scales) [-> Reshape]
    fake quantised    Constant -> ... -> FakeQuantize: floats that are rounded, by ranges of their own, when the graph
                      is loaded

Constants that a graph computes of others in another way are kept anew as float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from indexer.training.rounding import to_int8
from indexer.types import Float32


@dataclass(frozen=True, slots=True)
class Stored:
    """`kind`: as above. `split`: the shape that int8 numbers have before the Reshape, `over`: the axes of it along
    which they share a scale; of fake quantised ones the axes along which they share a range. `levels`: of these."""

    kind: str
    split: tuple[int, ...] = ()
    over: tuple[int, ...] = ()
    levels: int = 0
    half: bool = False


def stored_form(root: Any) -> Stored:
    """How the constant tensor is kept that the node `root` gives."""
    kind = root.get_type_name()
    node = _input(root, 0) if kind == "Reshape" else root
    if node.get_type_name() == "Multiply":
        numbers, scale = _input(node, 0), _input(node, 1)
        source = _input(numbers, 0) if numbers.get_type_name() == "Convert" else numbers
        if _is_constant(source, "i8") and _is_constant(scale, "f32"):
            split, shared = tuple(source.get_output_shape(0)), tuple(scale.get_output_shape(0))
            shared = (1,) * (len(split) - len(shared)) + shared
            return Stored("int8", split, tuple(axis for axis, size in enumerate(shared) if size == 1))
    if kind == "Convert" and _is_constant(_input(root, 0), "f16"):
        return Stored("float16")
    if kind == "FakeQuantize":
        shape, range_ = tuple(root.get_output_shape(0)), tuple(root.get_input_shape(2))
        range_ = (1,) * (len(shape) - len(range_)) + range_
        over = tuple(axis for axis, size in enumerate(range_) if size == 1)
        return Stored("fake quantised", shape, over, int(root.get_attributes()["levels"]), _has_half(root))
    return Stored("float32")


def keep(values: Float32, form: Stored) -> Any:
    """A new node that gives `values` (any shape, float32), kept in `form`."""
    from openvino import opset13 as op

    if form.kind == "float16":
        return op.convert(op.constant(values.astype(np.float16)), "f32")
    if form.kind == "int8":
        rounded, scale = to_int8(values.reshape(form.split), form.over)
        made = op.multiply(op.convert(op.constant(rounded), "f32"), op.constant(scale))
        if form.split == values.shape:
            return made
        return op.reshape(made, op.constant(np.array(values.shape, np.int64)), special_zero=False)
    if form.kind == "fake quantised":
        largest = np.maximum(np.abs(values).max(axis=form.over, keepdims=True), 1e-12)  # (..., 1, ...)
        if form.half:
            source = op.convert(op.constant(values.astype(np.float16)), "f32")
        else:
            source = op.constant(values)
        low, high = op.constant(-largest), op.constant(largest)
        return op.fake_quantize(source, low, high, low, high, form.levels)
    return op.constant(values)


def _input(node: Any, place: int) -> Any:
    return node.input_value(place).get_node()


def _is_constant(node: Any, type_: str) -> bool:
    return bool(node.get_type_name() == "Constant" and node.get_element_type().get_type_name() == type_)


def _has_half(root: Any) -> bool:
    node = root
    while node.get_type_name() in ("FakeQuantize", "Reshape", "Convert"):
        node = _input(node, 0)
    return _is_constant(node, "f16")
