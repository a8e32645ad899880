"""Every operation beside OpenVINO's own, on random inputs; where gradients are chosen, what they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from indexer.encoders.runtime import import_openvino
from indexer.training.graphs.errors import NotTrainableError
from indexer.training.graphs.operations import OPERATIONS, fake_quantize, operation, safe_sqrt

import_openvino()
from openvino import Core, Model  # noqa: E402
from openvino import opset13 as op  # noqa: E402

Make = Callable[..., Any]

FLOATS = (2, 3, 4, 5)


def ints(*values: int) -> Any:
    return op.constant(np.array(values, np.int64))


def number(value: float) -> Any:
    return op.constant(np.float32(value))


def both(make: Make, arrays: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """What OpenVINO and torch give of the node that `make` builds on parameters like `arrays`."""
    parameters = [op.parameter(list(array.shape), array.dtype) for array in arrays]
    node = make(*parameters)
    model = Model(list(node.outputs()), parameters, "one")
    compiled = Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    wanted = [np.array(each) for each in compiled(list(arrays)).values()]
    given = iter(arrays)
    inputs = []
    for place in range(node.get_input_size()):
        source = node.input_value(place).get_node()
        inputs.append(source.data if source.get_type_name() == "Constant" else next(given))
    function = operation(node.get_type_name(), "node")
    made = function(node.get_attributes(), *(torch.from_numpy(np.array(each)) for each in inputs))
    return wanted, [each.numpy() for each in (made if isinstance(made, tuple) else (made,))]


BOUNDS = [op.constant(np.float32(bound)) for bound in (-1.0, 1.5, -0.5, 3.0)]
CASES: dict[str, Make] = {
    "Broadcast": lambda x: op.broadcast(op.reduce_sum(x, ints(3), True), ints(2, 3, 4, 6)),
    "Convert": lambda x: op.convert(x, "f16"),
    "Erf": op.erf,
    "FakeQuantize": lambda x: op.fake_quantize(x, *BOUNDS, 16),
    "Gather": lambda x: op.gather(x, ints(2, 0, -1), ints(1)),
    "GatherND": lambda x: op.gather_nd(x, op.constant(np.array([[0, 1], [1, 2]], np.int64))),
    "MVN": lambda x: op.mvn(x, ints(-1, 1), True, 1e-3, "inside_sqrt"),
    "MVN outside": lambda x: op.mvn(x, ints(-1), True, 1e-3, "outside_sqrt"),
    "MVN mean": lambda x: op.mvn(x, ints(2), False, 1e-3, "inside_sqrt"),
    "ReduceL2": lambda x: op.reduce_l2(x, ints(-1), True),
    "ReduceMax": lambda x: op.reduce_max(x, ints(1), False),
    "ReduceMean": lambda x: op.reduce_mean(x, ints(2, 3), False),
    "ReduceSum": lambda x: op.reduce_sum(x, ints(0), True),
    "Reshape": lambda x: op.reshape(x, ints(0, -1, 5), True),
    "Reshape plain": lambda x: op.reshape(x, ints(6, 20), False),
    "Round": lambda x: op.round(x, "half_to_even"),
    "Sigmoid": op.sigmoid,
    "Slice": lambda x: op.slice(x, ints(1, 0), ints(5, 2), ints(2, 1), ints(3, 1)),
    "Softmax": lambda x: op.softmax(x, -2),
    "Exp": op.exp,
    "Squeeze": lambda x: op.squeeze(op.reduce_sum(x, ints(1), True), ints(1)),
    "Transpose": lambda x: op.transpose(x, ints(0, 2, 3, 1)),
    "Unsqueeze": lambda x: op.unsqueeze(x, ints(0, -1)),
    "VariadicSplit": lambda x: op.variadic_split(x, op.constant(np.int64(3)), ints(1, -1)),
}
PAIRS: dict[str, Make] = {
    "Add": op.add,
    "Concat": lambda x, y: op.concat([x, y], 1),
    "Divide": op.divide,
    "Equal": op.equal,
    "MatMul": lambda x, y: op.matmul(x, y, False, True),
    "MatMul turned": lambda x, y: op.matmul(x, y, True, False),
    "Maximum": op.maximum,
    "Minimum": op.minimum,
    "Multiply": op.multiply,
    "Subtract": op.subtract,
}


def floats(seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=FLOATS).astype(np.float32)


@pytest.mark.parametrize("name", CASES)
def test_an_operation_gives_what_openvino_gives(name: str) -> None:
    make = CASES[name]
    if name in ("Broadcast", "Squeeze"):  # of what another node gives
        array = floats().sum(axis={"Broadcast": 3, "Squeeze": 1}[name], keepdims=True)
        last = {"Broadcast": lambda x: op.broadcast(x, ints(2, 3, 4, 6)), "Squeeze": lambda x: op.squeeze(x, ints(1))}
        wanted, found = both(last[name], [array])
    else:
        wanted, found = both(make, [floats()])
    assert len(wanted) == len(found)
    for one, other in zip(wanted, found, strict=True):
        assert other.dtype == one.dtype
        assert other == pytest.approx(one, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("name", PAIRS)
def test_an_operation_on_two_gives_what_openvino_gives(name: str) -> None:
    other_seed = 0 if name == "Equal" else 1
    wanted, found = both(PAIRS[name], [floats(), floats(other_seed)])
    assert found[0] == pytest.approx(wanted[0], rel=1e-4, abs=1e-5)


def test_operations_on_positive_numbers_give_what_openvino_gives() -> None:
    positive = np.abs(floats()) + 0.1
    for make in (op.sqrt, op.log, lambda x: op.power(x, number(2.5))):
        wanted, found = both(make, [positive])
        assert found[0] == pytest.approx(wanted[0], rel=1e-4, abs=1e-5)


def test_operations_on_other_types_give_what_openvino_gives() -> None:
    truths = floats() > 0
    for make, arrays in (
        (op.logical_not, [truths]),
        (op.select, [truths, floats(), floats(1)]),
        (lambda x: op.divide(x, ints(3)), [np.array([9, 7, 6], np.int64)]),
    ):
        wanted, found = both(make, arrays)
        assert (found[0] == wanted[0]).all()
    assert OPERATIONS["Range"]({}, *(torch.tensor(each) for each in (1, 7, 2))).tolist() == [1, 3, 5]


def test_no_operation_is_without_a_test() -> None:
    alone = {"Sqrt", "Log", "Power", "LogicalNot", "Select", "Range"}
    assert {name.split()[0] for name in (*CASES, *PAIRS)} | alone == set(OPERATIONS)


def test_an_operation_that_is_not_known_is_named() -> None:
    with pytest.raises(NotTrainableError, match="operation Einsum of the node mix"):
        operation("Einsum", "mix")


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("MVN", {"normalize_variance": True, "eps": 1e-3, "eps_mode": "INSIDE_SQRT"}),
        ("ReduceL2", {"keep_dims": True}),
        ("ReduceMean", {"keep_dims": False}),
    ],
)
def test_gradients_are_those_of_the_function(kind: str, attributes: dict[str, Any]) -> None:
    x = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(lambda x: OPERATIONS[kind](attributes, x, torch.tensor([-1])), (x,))


def test_rounding_lets_gradients_through_inside_its_bounds_alone() -> None:
    x = torch.tensor([-2.0, -0.3, 0.2, 0.9, 2.0], requires_grad=True)
    bounds = [torch.tensor(each) for each in (-1.0, 1.0, -2.0, 2.0)]
    rounded = fake_quantize(x, *bounds, 5)  # -2, -1, 0, 1, 2
    assert rounded.tolist() == [-2.0, -1.0, 0.0, 2.0, 2.0]
    rounded.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 2.0, 2.0, 2.0, 0.0]


def test_the_square_root_of_nothing_stops_no_training() -> None:
    x = torch.tensor([-1.0, 0.0, 4.0], requires_grad=True)
    found = safe_sqrt(torch.clamp(x, min=0.0))
    assert found.tolist() == [0.0, 0.0, 2.0]
    found.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 0.0, 0.25]
