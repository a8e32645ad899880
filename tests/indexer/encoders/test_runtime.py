"""Graphs in several streams, and on CPUs without products of int8: quantised convolutions compute in float32 there."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from indexer.encoders import runtime
from indexer.encoders.compile_cache import CompileCache
from indexer.encoders.runtime import Graph
from indexer.errors import EncoderUnavailableError
from indexer.settings import models_folder
from indexer.types import Float32, Pixels

IMAGE = models_folder() / "bundled" / "image.xml"
TEXT = models_folder() / "bundled" / "text.xml"
SHAPES = {"pixels": (1, 260, 260, 3)}


@pytest.fixture
def pixels() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, SHAPES["pixels"], dtype=np.uint8)


def vector(graph: Graph, pixels: Pixels) -> Float32:
    found: Float32 = graph.run({"pixels": pixels}, ["vectors"])["vectors"][0]
    return found


def test_float32_is_near_what_was_quantised(pixels: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    quantised = vector(Graph(IMAGE, threads=1, shapes=SHAPES), pixels)
    monkeypatch.setattr(runtime, "has_int8_products", lambda: False)
    in_float = vector(Graph(IMAGE, threads=1, shapes=SHAPES), pixels)
    assert quantised @ in_float / np.linalg.norm(quantised) / np.linalg.norm(in_float) > 0.95  # noise, not a photograph


@pytest.mark.parametrize("products", ["as this CPU has them", "float32 alone"])
def test_every_load_computes_the_same(
    pixels: Pixels, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, products: str
) -> None:
    """Lanes that shared their weights read each other's unfinished ones, in four loads of five."""
    if products == "float32 alone":
        monkeypatch.setattr(runtime, "has_int8_products", lambda: False)
    alone = vector(Graph(IMAGE, threads=1, shapes=SHAPES), pixels)
    cache = CompileCache(tmp_path_factory.mktemp("cache"))
    for kept in (None, None, None, cache, cache, cache):  # compiled; compiled and kept, read back
        graph = Graph(IMAGE, threads=2, streams=2, shapes=SHAPES, cache=kept)
        for _ in range(2):  # the streams take turns
            np.testing.assert_array_equal(vector(graph, pixels), alone)


def test_texts_have_the_same_bits_in_every_lane() -> None:
    ids = np.arange(8, dtype=np.int64)[None] + 2_000
    alone = Graph(TEXT, threads=1).run({"ids": ids})
    for _ in range(3):
        graph = Graph(TEXT, threads=2, streams=2)
        for _ in range(2):
            for name, found in graph.run({"ids": ids}).items():
                np.testing.assert_array_equal(found, alone[name])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "not enough memory to load the model file"),
        (RuntimeError("lib.so: failed to map segment from shared object"), "not enough memory to load the model file"),
        (RuntimeError("std::bad_alloc"), "not enough memory to load the model file"),
        (RuntimeError("Unable to read the model"), r"is refused by the runtime \(Unable to read the model\)"),
    ],
)
def test_a_machine_without_memory_is_no_damaged_file(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    openvino = runtime.import_openvino()

    def read_model(*_: object) -> None:
        raise error

    monkeypatch.setattr(openvino.Core, "read_model", read_model)
    with pytest.raises(EncoderUnavailableError, match=said):
        Graph(IMAGE, threads=1, shapes=SHAPES)


def test_ctrl_c_after_graphs_have_gone_is_only_that() -> None:
    """Two of the runtime's plugins for CPUs, gone in the order in which they came, left the thread without a stack for
    signals: Python's handler ended the process."""
    program = f"""
import gc, signal
from pathlib import Path
from indexer.encoders.runtime import Graph
graphs = [Graph(Path({str(TEXT)!r}), threads=1) for _ in range(2)]
while graphs:
    graphs.pop(0)
    gc.collect()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("stopped")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "stopped\n"), ended.stderr
