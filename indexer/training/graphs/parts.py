"""Which layers of a graph are its heads and its stages, and where it is cut so that only what is trained runs in torch.

Both are told from the graph alone:

- A value is *deep* when something learned or a large table went into it. Masks and counts made of the input are not.
- A *cut* is a deep value that everything deep after it depends on: the output of a residual block is one, what is
  inside the block is none.
- *Heads* are the layers that work on one row an image or text, (n, d), after the mean over places.
- The other layers are in *stages*, between one cut and the next, the last stage first. Convolutions that follow each
  other without a residual are one stage.

The *frontier* of some layers is what a run of the graph has to have computed before the first of them: frozen values
whose first axis is that of the rows. What is not deep is computed again from the input.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from torch import Tensor

from indexer.training.graphs.plan import OPEN, Plan, Step, is_open

HEADS: Final = "heads"
_LARGE_TABLE: Final = 65_536


def named_parts(plan: Plan, output: str = "vectors") -> dict[str, tuple[str, ...]]:
    """Names of the layers that `output` depends on, by part, from the outermost inwards: "heads", "stage 1" (the
    last), "stage 2" and so on."""
    steps = _needed(plan, plan.outputs[output])
    heads = {step.layer.name for step in steps if step.layer is not None and len(step.shape) == 2}
    stages: list[list[str]] = [[]]
    chain = False  # whether the stage so far is layers that follow each other
    for segment in _segments(plan, steps):
        layers = [step.layer for step in segment if step.layer is not None and step.layer.name not in heads]
        if not layers:
            continue
        if stages[-1] and all(layer.kind == "layer norm" for layer in layers):
            stages[-1] += [layer.name for layer in layers]  # it ends the block before it
            continue
        alone = len(layers) == 1
        if stages[-1] and not (alone and chain):
            stages.append([])
        stages[-1] += [layer.name for layer in layers]
        chain = alone
    found = {HEADS: tuple(step.layer.name for step in steps if step.layer is not None and step.layer.name in heads)}
    for number, names in enumerate(reversed([names for names in stages if names]), 1):
        found[f"stage {number}"] = tuple(names)
    return found


def frontier(plan: Plan, trained: Iterable[str], outputs: Iterable[str] = ("vectors",)) -> tuple[str, ...]:
    """Values that `GraphModule.forward` needs to compute `outputs` where the layers `trained` change.

    The graph's input is among them where it is needed itself. Where nothing is trained they are the outputs' own.
    """
    names = set(trained)
    makers = {step.output: step for step in plan.steps}
    hot: set[str] = set()
    for step in plan.steps:
        learned = step.layer is not None and step.layer.name in names
        if learned or any(each in hot for each in step.inputs if isinstance(each, str)):
            hot.add(step.output)
    deep = _deep(plan)
    found: dict[str, None] = {}
    seen: set[str] = set()
    waiting = [plan.outputs.get(name, name) for name in outputs]
    while waiting:
        value = waiting.pop()
        if value in seen:
            continue
        seen.add(value)
        made = makers.get(value)
        if made is None or (value not in hot and value in deep and made.shape[:1] == (OPEN,)):
            found[value] = None
            continue
        waiting += [each for each in made.inputs if isinstance(each, str)]
        if any(isinstance(each, Tensor) and _has_inner_size(each) for each in made.inputs):
            found[plan.parameter] = None
    return tuple(sorted(found))


def _has_inner_size(value: Tensor) -> bool:
    """Whether a shape has an open size of another axis than that of the rows."""
    return is_open(value) and bool((value < OPEN).any())


def _deep(plan: Plan) -> set[str]:
    found: set[str] = set()
    for step in plan.steps:
        table = any(isinstance(each, Tensor) and each.numel() >= _LARGE_TABLE for each in step.inputs)
        if step.layer is not None or table or any(each in found for each in step.inputs if isinstance(each, str)):
            found.add(step.output)
    return found


def _needed(plan: Plan, value: str) -> list[Step]:
    needed = {value}
    for step in reversed(plan.steps):
        if step.output in needed:
            needed |= {each for each in step.inputs if isinstance(each, str)}
    return [step for step in plan.steps if step.output in needed]


def _segments(plan: Plan, steps: list[Step]) -> list[list[Step]]:
    """The deep steps, divided at the cuts."""
    deep = _deep(plan)
    last = {name: at for at, step in enumerate(steps) for name in step.inputs if isinstance(name, str)}
    found: list[list[Step]] = [[]]
    alive: set[str] = set()
    for at, step in enumerate(steps):
        if step.output not in deep:
            continue
        found[-1].append(step)
        alive.add(step.output)
        alive = {name for name in alive if last.get(name, -1) > at}
        if alive == {step.output}:
            found.append([])
    return found
