"""Exported graphs hold convolutions as the quantiser needs them: weights as constants."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

from tools.bundled.onnx_export import export_graph  # noqa: E402
from tools.bundled.towers import ImageTower, through_stage  # noqa: E402


class Stage(nn.Module):
    """One stage of the image tower, as both channels run it."""

    def __init__(self, stage: nn.Module) -> None:
        super().__init__()
        self.stage = stage

    def forward(self, x: Tensor) -> Tensor:
        return through_stage(self.stage, x)


def test_weights_of_convolutions_are_constants(tmp_path: Path, image_tower: ImageTower) -> None:
    stage = image_tower.net.blocks[6]  # small weights would be folded by the exporter
    example = (torch.zeros(2, 208, 2, 2),)
    export_graph(Stage(stage), example, ["x"], ["y"], [["n"]], "float32", tmp_path / "stage.onnx")
    graph = onnx.load(tmp_path / "stage.onnx").graph
    constants = {tensor.name for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert len(convolutions) == sum(isinstance(part, nn.Conv2d) for part in stage.modules())
    assert all(node.input[1] in constants for node in convolutions)
