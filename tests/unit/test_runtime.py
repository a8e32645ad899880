"""Graphs on CPUs without products of int8, whose quantised convolutions compute in float32."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.encoders import runtime
from indexer.encoders.compiled import CompiledCache
from indexer.encoders.runtime import Graph
from indexer.settings import models_folder
from indexer.types import Float32, Pixels

IMAGE = models_folder() / "bundled" / "image.xml"
SHAPES = {"pixels": (1, 260, 260, 3)}


@pytest.fixture
def pixels() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, SHAPES["pixels"], dtype=np.uint8)


def vector(graph: Graph, pixels: Pixels) -> Float32:
    found: Float32 = graph.run({"pixels": pixels}, ["vectors"])["vectors"][0]
    return found


def test_float32_is_near_what_was_quantised(pixels: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    quantised = vector(Graph(IMAGE, threads=1, shapes=SHAPES), pixels)
    monkeypatch.setattr(runtime, "_has_int8_products", lambda: False)
    in_float = vector(Graph(IMAGE, threads=1, shapes=SHAPES), pixels)
    assert quantised @ in_float / np.linalg.norm(quantised) / np.linalg.norm(in_float) > 0.95  # noise, not a photograph


def test_every_load_computes_the_same(
    pixels: Pixels, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Several lanes that prepare the same weights at once must not read each other's unfinished ones."""
    monkeypatch.setattr(runtime, "_has_int8_products", lambda: False)
    alone = vector(Graph(IMAGE, threads=1, shapes=SHAPES), pixels)
    cache = CompiledCache(tmp_path_factory.mktemp("cache"))
    for kept in (None, None, cache, cache):  # compiled, compiled and kept, read back
        together = vector(Graph(IMAGE, threads=2, lanes=2, shapes=SHAPES, cache=kept), pixels)
        np.testing.assert_array_equal(together, alone)
