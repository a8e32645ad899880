"""What a graph's layers are called: as the model was that the graph was made of, where the graph still knows it."""

from __future__ import annotations

import re
from typing import Any, Final

_ENDINGS: Final = (".weight_bias", ".weight", ".bias")


def layer_name(node: Any, end: Any, has_bias: bool, taken: set[str]) -> str:
    """The name of the layer from `node` (which has the weights) to `end` (which adds the bias, if `has_bias`).

    From the name of the weights, or of the bias, where no other layer has the same one; else that of the node. Fit for
    a torch module; noted in `taken`.
    """
    weights = [node.input_value(at) for at in range(node.get_input_size())]
    biases = [end.input_value(at) for at in range(end.get_input_size())] if has_bias else []
    for value in (*weights, *biases):
        called = _of_a_layer(value)
        if called is not None and not _clashes(called, taken):
            return _noted(called, taken)
    plain = re.sub(r"[^A-Za-z0-9_]", "_", end.get_friendly_name().removesuffix("/WithoutBiases"))
    name, count = plain, 1
    while name in taken:
        count += 1
        name = f"{plain}_{count}"
    return _noted(name, taken)


def _of_a_layer(value: Any) -> str | None:
    """The layer that a constant says it belongs to."""
    while True:
        node = value.get_node()
        if len(value.get_target_inputs()) > 1:
            return None  # several layers share it
        name: str = node.get_friendly_name()
        for ending in _ENDINGS:
            if name.endswith(ending):
                return name.removesuffix(ending)
        if re.fullmatch(r"[A-Za-z_]\w*(\.\w+)+", name) and node.get_type_name() in ("Constant", "Convert", "Reshape"):
            return name
        inputs = [node.input_value(at) for at in range(node.get_input_size())]
        if node.get_type_name() == "Multiply":  # by 1, or int8 by its scales
            inputs = [each for each in inputs if each.get_partial_shape() == value.get_partial_shape()]
        elif node.get_type_name() not in ("Reshape", "Convert", "FakeQuantize"):
            return None
        if not inputs:
            return None
        value = inputs[0]


def _clashes(name: str, taken: set[str]) -> bool:
    """Whether a layer has the name, or stands inside of it or around it, which torch modules cannot all."""
    return any(name == each or name.startswith(f"{each}.") or each.startswith(f"{name}.") for each in taken)


def _noted(name: str, taken: set[str]) -> str:
    taken.add(name)
    return name
