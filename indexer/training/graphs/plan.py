"""A graph file as a list of steps: what is constant is computed, what is learned is named.

    .xml, .bin  -> read (openvino) -> folded: constants and shapes become tensors here, once
                                   -> Plan: the steps that are left, in order; the layers among them, with their numbers

Products and convolutions with constant weights, and norms, are layers (`Layer`), which `graph_module.py` makes torch
modules of. Their biases go with them. Sizes that the graph leaves open (how many rows, how many tokens) stand in shapes
as numbers that no shape has, by the axis of the graph's input that they are the size of; they are known in each run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from torch import Tensor

from indexer.encoders.runtime import import_openvino
from indexer.training.graphs.errors import NotTrainableError
from indexer.training.graphs.layer_names import layer_name
from indexer.training.graphs.operations import Operation, operation

LayerKind = Literal["linear", "convolution", "layer norm"]

#: What stands for the open size of axis a of the graph's input is this less a.
OPEN: Final = -(10**9)
#: Sizes of axis 0 that tell it from others where it turns up in shapes further on; of the axes after it 2 more each.
#: Small: tables of positions end.
_PROBES: Final = (21, 35)
#: Operations that only move numbers, so that a shape with open sizes goes through them.
_MOVING: Final = {"Slice", "Gather", "Concat", "Reshape", "Squeeze", "Unsqueeze", "Broadcast", "Convert"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the graph a layer's tensor is read: input `input` of the node `node`, of this shape."""

    node: str
    input: int
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """Something learned. `tensors`: float32 by name ("weight", "bias"), as torch has them; `places`: where they are in
    the graph. `transposed`: a product whose weights the graph has as (in, out). `settings`: of a convolution."""

    name: str
    kind: LayerKind
    tensors: Mapping[str, Tensor]
    places: Mapping[str, Place]
    transposed: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One node's work. `inputs`: the name of a value, or a constant; `output`: the name of what it gives.

    A step runs `function` with `attributes`, or is a layer. `shape`: of the output, with open sizes.
    """

    output: str
    inputs: tuple[str | Tensor, ...]
    shape: tuple[int, ...]
    function: Operation | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    layer: Layer | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """`parameter`: the graph's input. `outputs`: the values of the graph's outputs, by their names."""

    file: Path
    parameter: str
    parameter_shape: tuple[int, ...]
    steps: tuple[Step, ...]
    outputs: Mapping[str, str]

    @property
    def layers(self) -> dict[str, Layer]:
        """By name, from the input to the output."""
        return {step.layer.name: step.layer for step in self.steps if step.layer is not None}


def read_plan(file: Path) -> Plan:
    """`file`: the .xml of a graph with one input, its weights beside it.

    Raises NotTrainableError for an operation that has no torch form here, EncoderUnavailableError without openvino.
    """
    model = import_openvino().Core().read_model(file)
    if len(model.inputs) != 1:
        raise NotTrainableError(
            f"The graph {file.name} has {len(model.inputs)} inputs; only graphs with one are trained."
        )
    nodes = model.get_ordered_ops()
    shapes = _shapes(model, nodes)
    return _Reader(file, nodes, shapes, _folded(nodes, shapes)).plan()


def reference(output: Any) -> str:
    """The name of the value that an output of a node gives."""
    name: str = output.get_node().get_friendly_name()
    return name if not output.get_index() else f"{name}#{output.get_index()}"


def _values(node: Any) -> Iterator[str]:
    return (reference(node.input_value(at)) for at in range(node.get_input_size()))


def _shapes(model: Any, nodes: list[Any]) -> dict[str, tuple[int, ...]]:
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
    probe = model.clone()
    probe.reshape(list(sizes))
    return {
        reference(output): tuple(output.get_partial_shape().get_min_shape())
        for node in probe.get_ordered_ops()
        for output in node.outputs()
    }


def _folded(nodes: list[Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """The values that do not depend on the input, or on its sizes alone."""
    found: dict[str, Tensor] = {}
    for node in nodes:
        kind = node.get_type_name()
        if kind == "Constant":
            if node.get_element_type().get_type_name() in ("f32", "f16", "i64", "i32", "i8", "u8", "boolean"):
                found[reference(node.output(0))] = torch.from_numpy(np.array(node.data))
        elif kind == "ShapeOf":
            found[reference(node.output(0))] = torch.tensor(shapes[next(_values(node))], dtype=torch.int64)
        elif kind not in ("Parameter", "Result") and all(name in found for name in _values(node)):
            inputs = [found[name] for name in _values(node)]
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


def is_open(value: Tensor) -> bool:
    """Whether a constant holds open sizes."""
    return value.dtype == torch.int64 and bool((value <= OPEN).any())


class _Reader:
    def __init__(
        self, file: Path, nodes: list[Any], shapes: Mapping[str, tuple[int, ...]], folded: Mapping[str, Tensor]
    ) -> None:
        self.file, self.nodes, self.shapes, self.folded = file, nodes, shapes, folded
        self.taken: set[str] = set()  # names of layers
        self.inside: set[str] = set()  # nodes that are part of a layer
        self.same: dict[str, str] = {}  # values that a layer gives under another name

    def plan(self) -> Plan:
        steps, outputs, parameter = [], {}, ""
        for node in self.nodes:
            kind = node.get_type_name()
            if kind == "Parameter":
                parameter = reference(node.output(0))
            elif kind == "Result":
                outputs[node.output(0).any_name] = self._named(next(_values(node)))
            elif node.get_friendly_name() not in self.inside and reference(node.output(0)) not in self.folded:
                steps.append(self._step(node))
        return Plan(self.file, parameter, self.shapes[parameter], tuple(steps), outputs)

    def _named(self, value: str) -> str:
        return self.same.get(value, value)

    def _step(self, node: Any) -> Step:
        made = self._product(node) or self._norm(node)
        if made is not None:
            return made
        name, kind = node.get_friendly_name(), node.get_type_name()
        if node.get_output_size() != 1:
            raise NotTrainableError(f"The node {name} ({kind}) gives several values; such graphs are not trained.")
        inputs = tuple(self.folded[value] if value in self.folded else self._named(value) for value in _values(node))
        output = reference(node.output(0))
        return Step(output, inputs, self.shapes[output], operation(kind, name), node.get_attributes())

    # -- layers ---------------------------------------------------------------------------------------------

    def _product(self, node: Any) -> Step | None:
        kind = node.get_type_name()
        if kind not in ("MatMul", "Convolution", "GroupConvolution"):
            return None
        source, weight_name = _values(node)
        weight = self.folded.get(weight_name)
        if weight is None or source in self.folded:
            return None
        attributes = node.get_attributes()
        if kind == "MatMul":
            if weight.ndim != 2 or attributes["transpose_a"]:
                return None
            transposed = not attributes["transpose_b"]
            matrix, outputs, shape = (weight.T if transposed else weight), (), (weight.shape[1 if transposed else 0],)
            layer_kind: LayerKind = "linear"
            settings: dict[str, Any] = {}
        else:
            transposed, layer_kind = False, "convolution"
            matrix = weight.flatten(0, 1) if kind == "GroupConvolution" else weight  # (out, in / groups, h, w)
            settings = _convolution(attributes, weight.shape[0] if kind == "GroupConvolution" else 1)
            shape = (matrix.shape[0],)
        tensors, places = {"weight": matrix.contiguous().float()}, {"weight": self._place(node, 1)}
        end, bias = self._bias(node, shape[0], channels=layer_kind == "convolution")
        if bias is not None:
            tensors["bias"], places["bias"] = self._tensor(bias).reshape(-1).float(), bias
        name = layer_name(node, end, bias is not None, self.taken)
        layer = Layer(name, layer_kind, tensors, places, transposed, settings)
        return self._layer_step(layer, source, end)

    def _bias(self, node: Any, count: int, *, channels: bool) -> tuple[Any, Place | None]:
        """The node that ends the layer, and where its bias is."""
        after = self._only_user(node)
        while after is not None and after.get_type_name() == "Multiply" and self._is_one(after, node):
            passed, after = after, self._only_user(after)
            if after is None or not self._adds(after, passed, count, channels):
                return node, None
            self.inside.add(passed.get_friendly_name())
            return after, self._place(after, self._constant_input(after))
        if after is not None and self._adds(after, node, count, channels):
            return after, self._place(after, self._constant_input(after))
        return node, None

    def _adds(self, after: Any, node: Any, count: int, channels: bool) -> bool:
        """Whether `after` adds one number to each of a layer's outputs."""
        if after.get_type_name() != "Add" or self._constant_input(after) is None:
            return False
        shape = tuple(self.folded[list(_values(after))[self._constant_input(after)]].shape)
        rank = len(self.shapes[reference(node.output(0))])
        wanted = (1, count) + (1,) * (rank - 2) if channels else (count,)
        return shape == wanted

    def _norm(self, node: Any) -> Step | None:
        """A layer norm: MVN over the last axis, times a constant, plus a constant."""
        if node.get_type_name() != "MVN":
            return None
        source, axes_name = _values(node)
        axes, shape = self.folded[axes_name].reshape(-1).tolist(), self.shapes[source]
        attributes = node.get_attributes()
        inside = str(attributes["eps_mode"]).upper() == "INSIDE_SQRT" and attributes["normalize_variance"]
        if len(axes) != 1 or axes[0] % len(shape) != len(shape) - 1 or not inside:
            return None
        times = self._only_user(node)
        plus = None if times is None or times.get_type_name() != "Multiply" else self._only_user(times)
        if plus is None or self._constant_input(times) is None or not self._adds(plus, times, shape[-1], False):
            return None
        places = {"weight": self._place(times, self._constant_input(times)),
                  "bias": self._place(plus, self._constant_input(plus))}  # fmt: skip
        if places["weight"].shape != (shape[-1],):
            return None
        tensors = {called: self._tensor(place).float() for called, place in places.items()}
        name = layer_name(times, plus, True, self.taken)
        layer = Layer(name, "layer norm", tensors, places, settings={"eps": float(attributes["eps"])})
        self.inside.add(times.get_friendly_name())
        return self._layer_step(layer, source, plus)

    def _layer_step(self, layer: Layer, source: str, end: Any) -> Step:
        self.inside.add(end.get_friendly_name())
        output = reference(end.output(0))
        return Step(output, (self._named(source),), self.shapes[output], layer=layer)

    # -- the graph around a node ----------------------------------------------------------------------------

    def _only_user(self, node: Any) -> Any | None:
        """The one node that reads what `node` gives, but for shapes; None where there are several."""
        users = [target.get_node() for target in node.output(0).get_target_inputs()]
        users = [
            user for user in users if user.get_type_name() == "Result" or reference(user.output(0)) not in self.folded
        ]
        return users[0] if len(users) == 1 and users[0].get_type_name() != "Result" else None

    def _constant_input(self, node: Any) -> Any:
        """Which of two inputs is constant, where one is."""
        places = [at for at, value in enumerate(_values(node)) if value in self.folded]
        return places[0] if len(places) == 1 else None

    def _is_one(self, node: Any, before: Any) -> bool:
        at = self._constant_input(node)
        if at is None:
            return False
        value = self.folded[list(_values(node))[at]]
        return value.numel() == 1 and float(value) == 1.0

    def _place(self, node: Any, at: Any) -> Place:
        shape = tuple(self.folded[reference(node.input_value(at))].shape)
        return Place(node.get_friendly_name(), int(at), shape)

    def _tensor(self, place: Place) -> Tensor:
        node = next(each for each in self.nodes if each.get_friendly_name() == place.node)
        return self.folded[reference(node.input_value(place.input))]


def _convolution(attributes: Mapping[str, Any], groups: int) -> dict[str, Any]:
    if str(attributes["auto_pad"]).lower() != "explicit":
        raise NotTrainableError(f"A convolution pads by {attributes['auto_pad']}; only explicit padding is trained.")
    begin, end = list(attributes["pads_begin"]), list(attributes["pads_end"])
    return {
        "stride": tuple(attributes["strides"]), "dilation": tuple(attributes["dilations"]), "groups": groups,
        # Of torch's pad: the last axis first, before and after.
        "pads": tuple(pad for pair in zip(reversed(begin), reversed(end), strict=True) for pad in pair),
    }  # fmt: skip
