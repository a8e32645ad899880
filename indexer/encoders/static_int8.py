"""Convolutions of a graph in int8: weights by output channel, inputs by ranges that photographs have shown.

In: a graph in float32 and photographs (`Ranges.measured`). Out: the graph with a `FakeQuantize` on each tensor that a
convolution reads, and its weights as int8 numbers with scales. The runtime makes 8-bit kernels of that: sums of whole
numbers, the activation and the next rounding in the same pass, and what two branches share is rounded once, so that
residual sums read int8. `runtime.py` takes the rounding out again where a CPU has no such kernels.

Inputs are affine in 256 steps, zero exactly representable (Jacob et al. 2018, "Quantization and Training of Neural
Networks for Efficient Integer-Arithmetic-Only Inference"); weights are symmetric. A range is the one of least squared
error between the extremes and a part of them, because a rare large number should not coarsen all others (Choukroun et
al. 2019, "Low-bit Quantization of Neural Networks for Efficient Inference").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from indexer.encoders.convolutions import convolutions, weights_of
from indexer.encoders.runtime import CORE
from indexer.types import Float32, Pixels

#: The largest weight in int8, and where a CPU adds pairs of products in 16 bits: 2 x 255 x 63 < 2 ** 15.
LARGEST: Final = 127
LARGEST_OF_PAIRS: Final = 63
#: Steps of a range of 8 bits.
_STEPS: Final = 255
#: Numbers of a tensor that are kept of each photograph, spread over it, to choose the range by.
_SAMPLE: Final = 4096
#: Parts of the extremes that are tried as a range.
_PARTS: Final = tuple(np.linspace(1.0, 0.4, 13))


@dataclass(frozen=True, slots=True)
class Range:
    """`low` <= 0 <= `high`, 255 steps apart, one of which is 0. `error`: squared, as a part of the tensor's power."""

    low: float
    high: float
    error: float


class Ranges:
    """What the inputs of a graph's convolutions are like, in the order of `convolutions`."""

    def __init__(self, inputs: Sequence[Range]) -> None:
        self.inputs = tuple(inputs)

    @classmethod
    def measured(cls, model: Any, photographs: Pixels) -> Ranges:
        """Run `model` (its one input (n, h, w, 3) uint8) in float32 on `photographs`, one by one. It stays as it is.

        Raises RuntimeError where the runtime cannot.
        """
        inputs = [node.input_value(0) for node in convolutions(model)]
        names = [(value.get_node().get_friendly_name(), value.get_index()) for value in inputs]
        watched = dict(zip(names, inputs, strict=True))  # each once: several may read one tensor
        before = len(model.outputs)
        model.add_outputs(list(watched.values()))
        added = model.get_results()[before:]
        try:
            compiled = CORE.get().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
            request = compiled.create_infer_request()
            seen = {name: _Seen() for name in watched}
            for photograph in photographs:
                request.infer({0: np.ascontiguousarray(photograph[None])})
                for place, each in enumerate(seen.values()):
                    each.look(request.get_output_tensor(before + place).data)
        finally:
            for result in added:
                model.remove_result(result)
        chosen = {name: each.range() for name, each in seen.items()}
        return cls([chosen[name] for name in names])

    def worst(self, part: float) -> frozenset[int]:
        """The places of the convolutions that lose most by rounding their inputs, `part` of all."""
        order = sorted(range(len(self.inputs)), key=lambda place: -self.inputs[place].error)
        return frozenset(order[: round(part * len(order))])


class _Seen:
    """The numbers of one tensor: their extremes, and a sample."""

    def __init__(self) -> None:
        self._low = self._high = 0.0
        self._samples: list[Float32] = []

    def look(self, tensor: Float32) -> None:
        flat = tensor.reshape(-1)
        self._low = min(self._low, float(flat.min()))
        self._high = max(self._high, float(flat.max()))
        stride = max(1, len(flat) // _SAMPLE) | 1  # odd, so that it goes through all columns of a map
        self._samples.append(np.array(flat[::stride]))

    def range(self) -> Range:
        values = np.concatenate(self._samples)
        power = max(float(np.mean(values**2)), 1e-20)
        found: list[Range] = []
        for part in _PARTS:
            low, high, step = _with_zero(self._low * part, self._high * part)
            rounded = np.clip(np.rint(values / step) * step, low, high)
            found.append(Range(low, high, float(np.mean((rounded - values) ** 2)) / power))
        return min(found, key=lambda each: each.error)


def _with_zero(low: float, high: float) -> tuple[float, float, float]:
    """The range (and its step) nearest to this one in which 0 is one of the steps."""
    step = max(high - low, 1e-12) / _STEPS
    below = round(-low / step)
    return -below * step, (_STEPS - below) * step, step


def quantise_convolutions(
    model: Any, ranges: Ranges, kept: frozenset[int] = frozenset(), largest: int = LARGEST
) -> int:
    """Change `model`, of which `ranges` were measured, so that its convolutions compute in int8, without those in the
    places `kept`. The `largest` weight of a channel is `LARGEST` or `LARGEST_OF_PAIRS`. Returns how many do."""
    nodes = convolutions(model)
    for place, node in enumerate(nodes):
        if place not in kept:
            _round_input(node, ranges.inputs[place])
            _round_weights(node, largest)
    model.validate_nodes_and_infer_types()
    return len(nodes) - len(kept)


def _round_input(node: Any, wanted: Range) -> None:
    value = node.input_value(0)
    source = value.get_node()
    if source.get_type_name() == "FakeQuantize":
        return  # another convolution reads it too
    if source.get_type_name() == "Concat":
        rounded = [_rounded(source.input_value(place), wanted) for place in range(source.get_input_size())]
        if all(each.get_node().get_type_name() == "FakeQuantize" for each in rounded):
            return
    _rounded(value, wanted)


def _rounded(value: Any, wanted: Range) -> Any:
    """Let all that reads `value` read it rounded."""
    from openvino import opset13 as op

    if value.get_node().get_type_name() == "FakeQuantize":
        return value
    targets = list(value.get_target_inputs())
    ends = [op.constant(np.float32(end)) for end in (wanted.low, wanted.high) * 2]
    made = op.fake_quantize(value, *ends, _STEPS + 1).output(0)
    for target in targets:
        target.replace_source_output(made)
    return made


def _round_weights(node: Any, top: int) -> None:
    from openvino import opset13 as op

    weights = weights_of(node)
    assert weights is not None
    apart = 2 if node.get_type_name() == "GroupConvolution" else 1
    largest = np.abs(weights).max(axis=tuple(range(apart, weights.ndim)), keepdims=True)
    scale = (np.maximum(largest, 1e-12) / top).astype(np.float32)
    stored = np.clip(np.rint(weights / scale), -top, top).astype(np.int8)
    made = op.multiply(op.convert(op.constant(stored), "f32"), op.constant(scale))
    node.input(1).replace_source_output(made.output(0))
