"""What of a graph depends on its inputs, and what becomes of a graph that the runtime does not take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.encoders import openvino_export as export
from indexer.encoders.graph_flow import fed_nodes
from indexer.encoders.openvino_export import NotExportableError, export_tower
from indexer.encoders.runtime import import_openvino


def learned_query(width: int) -> Any:
    """A product of a learned query, and one of the input: the first is constant when the shape of the input is."""
    import torch

    class Pool(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query = torch.nn.Parameter(torch.randn(1, width))
            self.asking = torch.nn.Linear(width, width)
            self.given = torch.nn.Linear(width, width)

        def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor]:
            query = self.asking(self.query.expand(rows.shape[0], -1))
            return (query + self.given(rows),)

    torch.manual_seed(0)
    return Pool().eval().requires_grad_(False)


def rows_of(width: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(0).standard_normal((export.PROBES, width)).astype(np.float32)


def test_what_depends_on_shapes_alone_is_not_fed() -> None:
    from openvino import opset13 as op

    openvino = import_openvino()
    given = op.parameter([-1, 4], np.float32, name="rows")
    shape = op.shape_of(given)
    query = op.broadcast(op.constant(np.ones((1, 4), np.float32)), shape)
    asked = op.matmul(query, op.constant(np.eye(4, dtype=np.float32)), False, True)
    product = op.matmul(given, op.constant(np.eye(4, dtype=np.float32)), False, True)
    made = op.add(asked, product)
    for name, node in {"shape": shape, "query": query, "asked": asked, "product": product, "sum": made}.items():
        node.set_friendly_name(name)
    model = openvino.Model([op.result(made)], [given])
    assert {"rows", "product", "sum"} <= fed_nodes(model)
    assert not {"shape", "query", "asked"} & fed_nodes(model)


def test_a_learned_query_keeps_its_numbers_and_the_rest_is_stored_in_int8(tmp_path: Path) -> None:
    """It was refused: "m_element_type.is_static() failed"."""
    file = tmp_path / "pool.xml"
    assert export_tower(learned_query(64), rows_of(64), file, name="rows", outputs=("vectors",)).arithmetic == "fast"
    stored = [
        node for node in import_openvino().Core().read_model(file).get_ops() if node.get_type_name() == "Constant"
    ]
    assert [tuple(node.shape) for node in stored if node.get_element_type().get_type_name() == "i8"] == [(64, 64)]


def test_a_graph_in_int8_that_is_refused_keeps_its_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    run, asked = export._run, []

    def refused_once(*given: Any) -> Any:
        asked.append(given)
        if len(asked) == 1:
            raise NotExportableError("its graph does not run")
        return run(*given)

    monkeypatch.setattr(export, "_run", refused_once)
    file, tower = tmp_path / "x.xml", torch.nn.Linear(64, 64).requires_grad_(False)
    assert export_tower(tower, rows_of(64), file, name="rows", outputs=("vectors",)).arithmetic == "fast"
    assert len(asked) == 2
    assert "i8" not in {
        node.get_element_type().get_type_name()
        for node in import_openvino().Core().read_model(file).get_ops()
        if node.get_type_name() == "Constant"
    }


def test_the_runtimes_own_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    openvino = import_openvino()

    def refuse(*_: object) -> None:
        raise RuntimeError("Exception from src/core.cpp:117:\nCheck 'a == b' failed\nShapes do not fit.\n\n")

    monkeypatch.setattr(openvino.Core, "compile_model", refuse)
    with pytest.raises(NotExportableError) as caught:
        export_tower(learned_query(8), rows_of(8), tmp_path / "x.xml", name="rows", outputs=("vectors",))
    assert str(caught.value) == "its graph does not run (Shapes do not fit)"
