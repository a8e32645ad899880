"""What is frozen of a graph, computed by OpenVINO as when an index is made: many times as fast as torch, in int8 where
the graph is.

The graph is cut at the values of a frontier (`parts.frontier`) and written aside, since the runtime reads files; what
it gives goes to `GraphModule.forward`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from indexer.encoders.runtime import CORE, Graph, import_openvino
from indexer.settings import thread_count
from indexer.training.graphs.folding import reference
from indexer.training.graphs.plan import OPEN, Plan

#: Rows that share a run where their sizes are open (texts). Images run one by one, as many at a time as there are
#: threads.
_TOGETHER = 16


class Prefix:
    """Computes the values `frontier` of the graph of `plan` from its input. Not for several threads at once.

    Raises EncoderUnavailableError when the runtime cannot load it, OSError when it cannot be written aside.
    """

    def __init__(self, plan: Plan, frontier: Sequence[str]) -> None:
        self.plan = plan
        self.frontier = tuple(frontier)
        self._names = [name for name in self.frontier if name != plan.parameter]
        self._streams = thread_count()
        self._fixed = all(size > OPEN for size in plan.parameter_shape[1:])
        self._graph: Graph | None = None
        if self._names:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder, f"{plan.file.stem}-prefix.xml")
                _write(plan.file, plan.parameter, self._names, file)
                shape = {"input": (1, *plan.parameter_shape[1:])} if self._fixed else {}
                self._graph = Graph(file, streams=self._streams, shapes=shape)

    def run(self, rows: npt.NDArray[Any]) -> dict[str, Tensor]:
        """`rows` (n, ...): the graph's input, n >= 1. Returns the frontier's values, (n, ...) each."""
        found = {self.plan.parameter: torch.from_numpy(rows)} if self.plan.parameter in self.frontier else {}
        if self._graph is None:
            return found
        size = 1 if self._fixed else _TOGETHER
        parts = [rows[start : start + size] for start in range(0, len(rows), size)]
        graph = self._graph
        with ThreadPoolExecutor(self._streams, "prefix") as pool:
            runs = list(pool.map(lambda part: graph.run({"input": part}), parts))
        for place, name in enumerate(self._names):
            found[name] = torch.from_numpy(np.concatenate([run[f"value{place}"] for run in runs]))
        return found


def _write(source: Path, parameter: str, names: Sequence[str], file: Path) -> None:
    openvino = import_openvino()
    model = CORE.get().read_model(source)
    outputs = {reference(output): output for node in model.get_ordered_ops() for output in node.outputs()}
    cut = openvino.Model([outputs[name] for name in names], model.get_parameters(), "prefix")
    cut.inputs[0].set_names({"input"})
    for place, output in enumerate(cut.outputs):
        output.set_names({f"value{place}"})
    openvino.save_model(cut, file, compress_to_fp16=False)
