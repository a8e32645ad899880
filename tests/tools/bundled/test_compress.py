"""Weight-only compression keeps what a graph says, within the error of its storage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the training extra is not installed")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from indexer.encoders.runtime import Graph  # noqa: E402
from tools.bundled.compress import GROUP, Storage, compress, quantise  # noqa: E402
from tools.bundled.quantise import convert_graph  # noqa: E402

TABLE = np.random.default_rng(0).normal(size=(50, 128)).astype(np.float32)
DENSE = np.random.default_rng(1).normal(size=(128, 64)).astype(np.float32)


def small_graph() -> onnx.ModelProto:
    """ids (n, T) -> rows of TABLE, times DENSE."""
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "ids"], ["rows"], axis=0),
            helper.make_node("MatMul", ["rows", "dense"], ["out"]),
        ],
        "small",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n", "T"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", "T", 64])],
        [numpy_helper.from_array(TABLE, "table"), numpy_helper.from_array(DENSE, "dense")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.mark.parametrize(("storage", "bound"), [("float32", 1e-6), ("float16", 0.02), ("int8", 0.02)])
def test_result_stays_close(storage: Storage, bound: float, tmp_path: Path) -> None:
    model = small_graph()
    compress(model, storage)
    onnx.checker.check_model(model)
    file = tmp_path / "small.onnx"
    file.write_bytes(model.SerializeToString())
    ids = np.array([[3, 7, 7, 49], [0, 1, 2, 3]], dtype=np.int64)
    expected = TABLE[ids] @ DENSE  # (2, 4, 64)
    convert_graph(file, tmp_path / "small.xml")
    found = Graph(tmp_path / "small.xml", threads=1).run({"ids": ids})["out"]
    assert np.linalg.norm(found - expected) < bound * np.linalg.norm(expected)


@pytest.mark.parametrize("axis", [0, 1])
def test_quantised_groups_give_back_the_weight(axis: int) -> None:
    small, scale = quantise(DENSE if axis == 0 else TABLE, axis)
    weight = DENSE if axis == 0 else TABLE
    assert small.dtype == np.int8
    assert small.shape[axis + 1] == GROUP
    back = (small * scale).reshape(weight.shape)
    assert np.abs(back - weight).max() < np.abs(weight).max() / 2  # an outlier may be cut, no more
    assert np.linalg.norm(back - weight) < 0.02 * np.linalg.norm(weight)


def test_an_axis_is_split_into_the_largest_groups_that_fit() -> None:
    small, scale = quantise(np.ones((1632, 4), dtype=np.float32), 0)
    assert small.shape == (32, 51, 4)
    assert scale.shape == (32, 1, 4)


def test_groups_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="No groups"):
        quantise(np.zeros((67, 4), dtype=np.float32), 0)
