"""Convolutions in int8, beside the same sums of whole numbers in NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.encoders import static_int8
from indexer.encoders.runtime import Arithmetic, Graph, has_int8_products, import_openvino
from indexer.encoders.static_int8 import LARGEST, LARGEST_OF_PAIRS, Range, Ranges, quantise_convolutions
from indexer.types import Float32, Pixels

openvino = import_openvino()  # as the product does, before anything of it is imported

from openvino import opset13 as op  # noqa: E402

CHANCE = np.random.default_rng(1)
WEIGHTS = CHANCE.standard_normal((8, 3, 1, 1)).astype(np.float32)
PHOTOGRAPHS = CHANCE.integers(0, 256, (6, 4, 4, 3), dtype=np.uint8)


def graph() -> Any:
    """(n, 4, 4, 3) uint8 -> two convolutions of one pixel that read the same numbers, added."""
    rows = op.parameter([-1, 4, 4, 3], np.uint8)
    rows.output(0).set_names({"rows"})
    turned = op.transpose(op.convert(rows, "f32"), op.constant(np.array([0, 3, 1, 2])))
    centred = op.subtract(op.divide(turned, op.constant(np.float32(64))), op.constant(np.float32(1.5)))
    strides = ([1, 1], [0, 0], [0, 0], [1, 1])
    one, two = (op.convolution(centred, op.constant(weights), *strides) for weights in (WEIGHTS, -2 * WEIGHTS))
    found = op.add(one, two)
    found.output(0).set_names({"vectors"})
    return openvino.Model([found], [rows])


def in_whole_numbers(rows: Pixels, wanted: Range, top: int) -> Float32:
    """What a graph in int8 should give: (n, 8, 4, 4)."""
    step = (wanted.high - wanted.low) / 255
    zero = round(-wanted.low / step)
    numbers = np.clip(np.rint((rows / 64 - 1.5) / step) + zero, 0, 255).astype(np.int64) - zero  # (n, 4, 4, 3)
    flat = WEIGHTS.reshape(8, 3)
    scale = np.abs(flat).max(axis=1, keepdims=True) / top
    whole = np.rint(flat / scale).astype(np.int64)
    sums = numbers @ whole.T  # (n, 4, 4, 8)
    found: Float32 = (-sums * step * scale.T).transpose(0, 3, 1, 2).astype(np.float32)  # w - 2w
    return found


@pytest.mark.parametrize(("top", "arithmetic"), [(LARGEST, "fast"), (LARGEST_OF_PAIRS, "narrow")])
def test_the_graph_adds_whole_numbers(tmp_path: Path, top: int, arithmetic: Arithmetic) -> None:
    if arithmetic == "fast" and not has_int8_products():
        pytest.skip("this CPU computes such graphs in float32")
    model = graph()
    ranges = Ranges.measured(model, PHOTOGRAPHS)
    assert ranges.inputs[0] == ranges.inputs[1]
    assert len(model.outputs) == 1
    assert quantise_convolutions(model, ranges, largest=top) == 2
    assert sum(node.get_type_name() == "FakeQuantize" for node in model.get_ops()) == 1
    openvino.save_model(model, tmp_path / "graph.xml", compress_to_fp16=False)
    run = Graph(tmp_path / "graph.xml", arithmetic=arithmetic, shapes={"rows": PHOTOGRAPHS.shape})
    wanted = in_whole_numbers(PHOTOGRAPHS, ranges.inputs[0], top)
    found = run.run({"rows": PHOTOGRAPHS})["vectors"]
    assert np.abs(found - wanted).max() <= 0.02 * np.abs(wanted).max()  # bfloat16 at the end
    assert np.abs(wanted - in_float(PHOTOGRAPHS)).max() <= 0.05 * np.abs(wanted).max()


def in_float(rows: Pixels) -> Float32:
    found: Float32 = -((rows / 64 - 1.5) @ WEIGHTS.reshape(8, 3).T).transpose(0, 3, 1, 2).astype(np.float32)
    return found


def test_convolutions_that_are_kept_stay_in_float() -> None:
    model = graph()
    ranges = Ranges.measured(model, PHOTOGRAPHS)
    assert quantise_convolutions(model, ranges, frozenset({0, 1})) == 0
    assert not any(node.get_type_name() == "FakeQuantize" for node in model.get_ops())


def test_those_that_lose_most_are_kept_first() -> None:
    ranges = Ranges([Range(0, 1, error) for error in (0.1, 0.4, 0.2, 0.3)])
    assert ranges.worst(0.5) == {1, 3}
    assert ranges.worst(0.0) == frozenset()


def test_seven_bits_leave_room_for_a_pair() -> None:
    assert 2 * 255 * LARGEST_OF_PAIRS < 2**15 <= 2 * 255 * (LARGEST_OF_PAIRS + 2)


@given(st.floats(-1e6, 0), st.floats(0, 1e6))
def test_zero_is_a_step_of_every_range(low: float, high: float) -> None:
    below, above, step = static_int8._with_zero(low, high)
    assert below <= 0 <= above
    assert above - below == pytest.approx(255 * step)
    assert below / step == pytest.approx(round(below / step))
    assert abs(below - low) <= step
    assert abs(above - high) <= step + 1e-12  # a tensor of zeros has steps too


def test_one_large_number_does_not_coarsen_the_others() -> None:
    seen = static_int8._Seen()
    numbers = CHANCE.standard_normal(200_000).astype(np.float32)
    seen.look(numbers)
    alone = seen.range()
    numbers[7] = 12.0
    seen.look(numbers)
    assert seen.range().high < 11.0
    assert alone.high <= numbers.max()
