"""A graph file as a plan: what is constant is computed, what is learned is found and named.

.xml, .bin -> read (openvino) -> folded (`folding.py`) -> layers, each of the nodes that make it up; other steps
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from indexer.encoders.runtime import CORE
from indexer.training.graphs.errors import NotTrainableError
from indexer.training.graphs.folding import folded, inputs_of, reference, shapes_of
from indexer.training.graphs.layer_names import layer_name
from indexer.training.graphs.operations import operation
from indexer.training.graphs.plan import Layer, LayerKind, Place, Plan, Step


def read_plan(file: Path) -> Plan:
    """`file`: the .xml of a graph with one input, its weights beside it.

    Raises NotTrainableError for an operation that has no torch form here, EncoderUnavailableError without openvino.
    """
    model = CORE.get().read_model(file)
    if len(model.inputs) != 1:
        raise NotTrainableError(
            f"The graph {file.name} has {len(model.inputs)} inputs; only graphs with one are trained."
        )
    nodes = model.get_ordered_ops()
    shapes = shapes_of(model, nodes)
    return _Reader(file, nodes, shapes, folded(nodes, shapes)).plan()


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
                outputs[node.output(0).any_name] = self._named(next(inputs_of(node)))
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
        inputs = tuple(self.folded[value] if value in self.folded else self._named(value) for value in inputs_of(node))
        output = reference(node.output(0))
        return Step(output, inputs, self.shapes[output], operation(kind, name), node.get_attributes())

    # -- layers ---------------------------------------------------------------------------------------------

    def _product(self, node: Any) -> Step | None:
        kind = node.get_type_name()
        if kind not in ("MatMul", "Convolution", "GroupConvolution"):
            return None
        source, weight_name = inputs_of(node)
        weight = self.folded.get(weight_name)
        if weight is None or source in self.folded:
            return None
        attributes = node.get_attributes()
        if kind == "MatMul":
            if weight.ndim != 2 or attributes["transpose_a"]:
                return None
            transposed = not attributes["transpose_b"]
            matrix = weight.T if transposed else weight  # (out, in)
            layer_kind: LayerKind = "linear"
            settings: dict[str, Any] = {}
        else:
            transposed, layer_kind = False, "convolution"
            matrix = weight.flatten(0, 1) if kind == "GroupConvolution" else weight  # (out, in / groups, h, w)
            settings = _convolution(attributes, weight.shape[0] if kind == "GroupConvolution" else 1)
        tensors, places = {"weight": matrix.contiguous().float()}, {"weight": self._place(node, 1)}
        end, bias = self._bias(node, matrix.shape[0], channels=layer_kind == "convolution")
        if bias is not None:
            tensors["bias"], places["bias"] = self._tensor(bias).reshape(-1).float(), bias
        name = layer_name(node, end, bias is not None, self.taken)
        layer = Layer(name, layer_kind, tensors, places, transposed, settings)
        return self._layer_step(layer, source, end)

    def _bias(self, node: Any, count: int, *, channels: bool) -> tuple[Any, Place | None]:
        """The node that ends the layer, and where its bias is."""
        before, passed = node, set[str]()
        after = self._only_user(node)
        if after is not None and after.get_type_name() == "Multiply" and self._is_one(after):
            passed.add(after.get_friendly_name())
            before, after = after, self._only_user(after)
        if after is None or not self._adds(after, before, count, channels):
            return node, None
        self.inside |= passed
        return after, self._place(after, self._constant_input(after))

    def _adds(self, after: Any, node: Any, count: int, channels: bool) -> bool:
        """Whether `after` adds one number to each of a layer's outputs."""
        if after.get_type_name() != "Add" or self._constant_input(after) is None:
            return False
        shape = tuple(self.folded[list(inputs_of(after))[self._constant_input(after)]].shape)
        rank = len(self.shapes[reference(node.output(0))])
        wanted = (1, count) + (1,) * (rank - 2) if channels else (count,)
        return shape == wanted

    def _norm(self, node: Any) -> Step | None:
        """A layer norm: MVN over the last axis, times a constant, plus a constant."""
        if node.get_type_name() != "MVN":
            return None
        source, axes_name = inputs_of(node)
        axes, shape = self.folded[axes_name].reshape(-1).tolist(), self.shapes[source]
        attributes = node.get_attributes()
        inside = str(attributes["eps_mode"]).upper() == "INSIDE_SQRT" and attributes["normalize_variance"]
        if len(axes) != 1 or axes[0] % len(shape) != len(shape) - 1 or not inside:
            return None
        times = self._only_user(node)
        if times is None or times.get_type_name() != "Multiply":
            return None
        plus = self._only_user(times)
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
        places = [at for at, value in enumerate(inputs_of(node)) if value in self.folded]
        return places[0] if len(places) == 1 else None

    def _is_one(self, node: Any) -> bool:
        at = self._constant_input(node)
        if at is None:
            return False
        value = self.folded[list(inputs_of(node))[at]]
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
