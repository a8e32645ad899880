"""A graph as a torch module: the same outputs, with gradients.

It runs the steps of a plan one after the other. What is learned is in submodules of torch's own kinds, under the names
of the plan's layers, so that whatever looks for layers by kind and name (LoRA, BitFit) finds them; the layer that
stands under a name when it runs is the one that counts. Everything else is constant.

It can start in the middle: given values that the graph would compute on the way, it computes what comes after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from indexer.training.graphs.plan import OPEN, Layer, Plan, Step, is_open


class PaddedConv2d(nn.Conv2d):
    """A convolution with a padding of its own on each side: (left, right, top, bottom)."""

    def __init__(self, *sizes: int, pads: tuple[int, ...], **settings: Any) -> None:
        super().__init__(*sizes, **settings)  # type: ignore[arg-type]
        self.pads = pads

    def forward(self, x: Tensor) -> Tensor:
        """`x` (n, c, h, w)."""
        return super().forward(F.pad(x, self.pads))


class GraphModule(nn.Module):
    """`plan`: what to run. All layers are frozen (`requires_grad` False) to begin with."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self._ways: dict[tuple[frozenset[str], tuple[str, ...]], list[Step]] = {}
        for name, layer in plan.layers.items():
            self._add(name, _module(layer))
        self.requires_grad_(False)

    def forward(self, given: Mapping[str, Tensor], outputs: Sequence[str] = ("vectors",)) -> dict[str, Tensor]:
        """`given`: the graph's input by its name, or values on the way; their first axis is that of the rows.
        `outputs`: names of outputs of the graph, or of values. Returns them by these names.

        Raises ValueError when they cannot be computed of what is given.
        """
        wanted = tuple(name if name in given else self.plan.outputs.get(name, name) for name in outputs)
        steps = self.way(frozenset(given), wanted)
        values = dict(given)
        sizes = self._sizes(given)
        last = {name: at for at, step in enumerate(steps) for name in step.inputs if isinstance(name, str)}
        for at, step in enumerate(steps):
            values[step.output] = self._run(step, values, sizes)
            for name in step.inputs:
                if isinstance(name, str) and last[name] == at and name not in wanted:
                    values.pop(name, None)
        return {name: values[value] for name, value in zip(outputs, wanted, strict=True)}

    def way(self, given: frozenset[str], wanted: tuple[str, ...]) -> list[Step]:
        """The steps from the values `given` to the values `wanted`, in order. Raises ValueError."""
        if (given, wanted) not in self._ways:
            makers = {step.output: step for step in self.plan.steps}
            needed: set[str] = set()
            waiting = [name for name in wanted if name not in given]
            while waiting:
                name = waiting.pop()
                if name in needed:
                    continue
                if name not in makers:
                    raise ValueError(f"The value {name} of the graph {self.plan.file.name} is needed and not given.")
                needed.add(name)
                waiting += [each for each in makers[name].inputs if isinstance(each, str) and each not in given]
            self._ways[given, wanted] = [step for step in self.plan.steps if step.output in needed]
        return self._ways[given, wanted]

    def layer(self, name: str) -> nn.Module:
        """What stands under the name of a layer."""
        return self.get_submodule(name)

    def _run(self, step: Step, values: Mapping[str, Tensor], sizes: Mapping[int, int]) -> Tensor:
        if step.layer is not None:
            assert isinstance(step.inputs[0], str)
            made: Tensor = self.get_submodule(step.layer.name)(values[step.inputs[0]])
            return made
        assert step.function is not None
        inputs = [values[each] if isinstance(each, str) else _closed(each, sizes) for each in step.inputs]
        return step.function(step.attributes, *inputs)  # type: ignore[no-any-return]

    def _sizes(self, given: Mapping[str, Tensor]) -> dict[int, int]:
        """The sizes that the graph leaves open, by the axis of its input; those that are known of what is given."""
        whole = given.get(self.plan.parameter)
        known = {OPEN: next(iter(given.values())).shape[0]}
        if whole is not None:
            known |= {OPEN - axis: size for axis, size in enumerate(whole.shape)}
        return known

    def _add(self, name: str, module: nn.Module) -> None:
        *path, last = name.split(".")
        parent: nn.Module = self
        for part in path:
            if not hasattr(parent, part):
                parent.add_module(part, nn.Module())
            parent = getattr(parent, part)
        parent.add_module(last, module)


def _closed(value: Tensor, sizes: Mapping[int, int]) -> Tensor:
    if not is_open(value):
        return value
    return torch.tensor([sizes.get(size, size) for size in value.reshape(-1).tolist()]).reshape(value.shape)


def _module(layer: Layer) -> nn.Module:
    weight, bias = layer.tensors["weight"], layer.tensors.get("bias")
    module: nn.Module
    if layer.kind == "linear":
        module = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    elif layer.kind == "layer norm":
        module = nn.LayerNorm(weight.shape[0], eps=layer.settings["eps"])
    else:
        s = layer.settings
        even = s["pads"][0] == s["pads"][1] and s["pads"][2] == s["pads"][3]
        settings = {"stride": s["stride"], "dilation": s["dilation"], "groups": s["groups"], "bias": bias is not None}
        sizes: Any = weight.shape[1] * s["groups"], weight.shape[0], tuple(weight.shape[2:])
        if even:
            module = nn.Conv2d(*sizes, **settings, padding=(s["pads"][2], s["pads"][0]))  # type: ignore[misc]
        else:
            module = PaddedConv2d(*sizes, pads=s["pads"], **settings)
    module.load_state_dict({name: tensor.clone() for name, tensor in layer.tensors.items()})
    return module
