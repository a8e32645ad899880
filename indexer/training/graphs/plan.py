"""What a graph is made of, as a list of steps in order, and the layers among them with their numbers.

Products and convolutions with constant weights, and norms, are layers (`Layer`), which `graph_module.py` makes torch
modules of; their biases go with them. Sizes that the graph leaves open (how many rows, how many tokens) stand in shapes
as numbers that no shape has, by the axis of the graph's input that they are the size of; they are known in each run.

`reader.py` makes a plan of a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import torch
from torch import Tensor

from indexer.training.graphs.operations import Operation

LayerKind = Literal["linear", "convolution", "layer norm"]

#: What stands for the open size of axis a of the graph's input is this less a.
OPEN: Final = -(10**9)


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


def is_open(value: Tensor) -> bool:
    """Whether a constant holds open sizes."""
    return value.dtype == torch.int64 and bool((value <= OPEN).any())
