"""Which parts of a graph depend on what is put in.

A query that a model has learned (the attention pools of CoCa and PE) is multiplied with constant weights: a constant
again, which the runtime computes when it loads the graph. It fails there where such weights are stored in int8
(OpenVINO 2026.4: "Check 'm_element_type.is_static()' failed"), and nothing would be won.
"""

from __future__ import annotations

from typing import Any


def fed_nodes(model: Any) -> set[str]:
    """The friendly names of the nodes of an OpenVINO `model` that depend on the values of its inputs.

    The shapes of inputs are no values: they are fixed when the graph is loaded, and what is made of them is constant.
    """
    fed: set[str] = set()
    for node in model.get_ordered_ops():  # sources first
        kind = node.get_type_name()
        sources = (value.get_node().get_friendly_name() for value in node.input_values())
        if kind == "Parameter" or (kind != "ShapeOf" and any(name in fed for name in sources)):
            fed.add(node.get_friendly_name())
    return fed
