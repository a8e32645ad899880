"""Billions of products a second of one core: ways to multiply rows of 768 numbers by a matrix of 3072 x 768.

    ONEDNN_MAX_CPU_ISA=AVX2 OPENBLAS_CORETYPE=Haswell OPENBLAS_NUM_THREADS=1 python tests/benchmarks/bench_products.py

What those variables say, OpenVINO and NumPy keep to; without them it is the CPU as it is. Rows as ViT-B-32-256 has of
one, four and eight photographs. Medians of three turns, by the time of the processor. Nothing here asserts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from indexer.encoders.runtime import import_openvino
from tests.benchmarks.machine import about

DEEP, WIDE = 768, 3072
ROWS = (65, 260, 520)
SECONDS = 0.25


def graph(way: str, rows: int, weights: Any) -> Callable[[], Any]:
    """`way`: "product" or "convolution", in "float32" or "int8" (inputs of 8 bits, weights of 7)."""
    openvino = import_openvino()
    from openvino import opset13 as op

    as_map = way.startswith("convolution")
    shape = [1, DEEP, rows, 1] if as_map else [1, rows, DEEP]
    given = op.parameter(shape, np.float32)
    inputs, kernel = op.relu(given), op.constant(weights)
    if way.endswith("int8"):
        ends = [op.constant(np.float32(end)) for end in (0, 5, 0, 5)]
        inputs = op.fake_quantize(inputs, *ends, 256)
        scale = np.abs(weights).max(axis=1, keepdims=True) / 63
        stored = op.convert(op.constant(np.rint(weights / scale).astype(np.int8)), "f32")
        kernel = op.multiply(stored, op.constant(scale))
    if as_map:
        kernel = op.reshape(kernel, op.constant(np.array([WIDE, DEEP, 1, 1])), False)
        made = op.convolution(inputs, kernel, [1, 1], [0, 0], [0, 0], [1, 1])
    else:
        made = op.matmul(inputs, kernel, False, True)
    last = op.reduce_max(made, op.constant(np.array([1 if as_map else 2])), True)  # little to hand over
    properties = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
    request = openvino.Core().compile_model(openvino.Model([last], [given]), "CPU", properties).create_infer_request()
    numbers = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return lambda: request.infer({0: numbers}, share_inputs=True)


def main() -> None:
    """Measure and print."""
    about()
    weights = (np.random.default_rng(1).standard_normal((WIDE, DEEP)) * 0.05).astype(np.float32)
    ways: dict[tuple[str, int], Callable[[], Any]] = {}
    for rows in ROWS:
        for way in ("product float32", "product int8", "convolution float32", "convolution int8"):
            ways[way, rows] = graph(way, rows, weights)
        numbers = np.random.default_rng(0).standard_normal((rows, DEEP)).astype(np.float32)
        ways["NumPy float32", rows] = lambda numbers=numbers: numbers @ weights.T
    rates: dict[tuple[str, int], list[float]] = {each: [] for each in ways}
    for _ in range(3):
        for (way, rows), run in ways.items():
            run()
            count, started = 0, time.thread_time()
            while time.thread_time() - started < SECONDS:
                run()
                count += 1
            rates[way, rows].append(count * rows * DEEP * WIDE / 1e9 / (time.thread_time() - started))
    for way in dict.fromkeys(way for way, _ in ways):
        print(f"{way:<22}", "  ".join(f"{rows} rows {np.median(rates[way, rows]):6.1f}" for rows in ROWS), flush=True)


if __name__ == "__main__":
    main()
