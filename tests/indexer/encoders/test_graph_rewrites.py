"""What is changed in a graph without rounding computes what it did: split channel multipliers, products as maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from indexer.encoders.convolutions import convolutions, is_tower_of_convolutions, split_channel_multipliers
from indexer.encoders.products import products_as_convolutions
from indexer.encoders.runtime import import_openvino
from indexer.types import Float32

openvino = import_openvino()  # as the product does, before anything of it is imported

from openvino import opset13 as op  # noqa: E402

CHANCE = np.random.default_rng(0)


def constant(*shape: int) -> Any:
    return op.constant(CHANCE.standard_normal(shape).astype(np.float32))


def run(model: Any, rows: Float32) -> Float32:
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled({0: rows})[0])


def kinds(model: Any) -> list[str]:
    return [node.get_type_name() for node in model.get_ordered_ops()]


def multiplied(end: str) -> Any:
    """A depthwise convolution of 6 channels with 2 outputs each, and what comes behind it."""
    rows = op.parameter([-1, 6, 9, 9], np.float32)
    found = op.group_convolution(rows, constant(6, 2, 1, 3, 3), [2, 2], [1, 1], [1, 1], [1, 1])
    found = op.gelu(op.add(found, constant(1, 12, 1, 1)), "ERF")
    if end == "dense":
        found = op.convolution(found, constant(5, 12, 1, 1), [1, 1], [0, 0], [0, 0], [1, 1])
    elif end == "two readers":
        dense = op.convolution(found, constant(12, 12, 1, 1), [1, 1], [0, 0], [0, 0], [1, 1])
        found = op.add(dense, found)
    return openvino.Model([found], [rows])


@pytest.mark.parametrize(("end", "put_back"), [("dense", 0), ("two readers", 1), ("nothing", 1)])
def test_split_multipliers_compute_the_same(end: str, put_back: int) -> None:
    model = multiplied(end)
    rows = CHANCE.standard_normal((2, 6, 9, 9)).astype(np.float32)
    wanted = run(model, rows)
    assert split_channel_multipliers(model) == 1
    assert np.allclose(run(model, rows), wanted, atol=1e-4)
    assert kinds(model).count("GroupConvolution") == 2
    assert kinds(model).count("ShuffleChannels") == put_back
    assert split_channel_multipliers(model) == 0


def two_products(transposed: bool) -> Any:
    rows = op.parameter([-1, -1, 8], np.float32)
    first = constant(16, 8) if transposed else constant(8, 16)
    found = op.gelu(op.add(op.matmul(rows, first, False, transposed), constant(1, 1, 16)), "ERF")
    found = op.matmul(found, constant(4, 16), False, True)
    return openvino.Model([op.add(found, constant(3, 4))], [rows])  # places, which are no bias


@pytest.mark.parametrize("transposed", [True, False])
def test_products_as_convolutions_compute_the_same(transposed: bool) -> None:
    model = two_products(transposed)
    rows = CHANCE.standard_normal((5, 3, 8)).astype(np.float32)
    wanted = run(model, rows)
    assert products_as_convolutions(model) == 2
    assert np.allclose(run(model, rows), wanted, atol=1e-4)
    assert "MatMul" not in kinds(model)
    assert len(convolutions(model)) == 2
    [second] = [each for each in convolutions(model) if each.input_value(1).get_shape()[0] == 4]
    assert second.input_value(0).get_node().get_type_name() == "Gelu"  # the map is handed on


def test_what_is_a_tower_of_convolutions() -> None:
    rows = op.parameter([-1, 6, 9, 9], np.float32)
    dense = op.convolution(rows, constant(64, 6, 3, 3), [1, 1], [1, 1], [1, 1], [1, 1])
    pooled = op.reduce_mean(dense, op.constant(np.array([2, 3])))
    assert is_tower_of_convolutions(openvino.Model([op.matmul(pooled, constant(8, 64), False, True)], [rows]))
    patches = op.reshape(dense, op.constant(np.array([0, 64, 81])), True)
    turned = op.transpose(patches, op.constant(np.array([0, 2, 1])))
    mixed = op.matmul(turned, constant(256, 64), False, True)
    assert not is_tower_of_convolutions(openvino.Model([mixed], [rows]))
    assert not is_tower_of_convolutions(multiplied("nothing"))
