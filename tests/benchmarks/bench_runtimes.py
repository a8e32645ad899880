"""How fast the towers run on this CPU, by runtime and arithmetic, and how near their vectors stay to float32.

    python tests/benchmarks/bench_runtimes.py PHOTOGRAPHS [--model ViT-B-32-256] [--json PATH]

PHOTOGRAPHS is a folder of them (`photographs.py` makes one). ViT with random weights: torch eager and compiled, ONNX
Runtime in float32 and in dynamic int8, OpenVINO in float32, bfloat16 and as we export it; with the package nncf
OpenVINO in static int8 too. What is not installed is left out, and said: `pip install onnxruntime nncf` brings the
others. Each candidate runs in a process of its own, on every core, batches of 16, or photographs one by one with a
thread each ("streams"). The bundled image tower: as it ships and in float32. Cosines are with torch in float32, for the
bundled tower with its own graph in float32. Nothing here asserts.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from indexer.encoders.base import Preprocessing
from indexer.images.decoder import decode
from indexer.images.preprocess import to_pixels
from indexer.settings import DecodeLimits, models_folder
from indexer.types import Float32, Pixels
from tests.benchmarks.machine import about, save

BATCH = 16
PHOTOGRAPHS = 96
SECONDS = 8.0
CANDIDATES = (
    "torch eager", "torch compiled", "onnxruntime fp32", "onnxruntime int8 dynamic", "openvino fp32", "openvino bf16",
    "openvino int8 static", "as we export it", "as we export it, streams",
)  # fmt: skip
NEEDS = {"onnxruntime": "onnxruntime", "static": "nncf"}


def photographs(folder: Path, wanted: Preprocessing) -> Pixels:
    """(n, h, w, 3) uint8."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".png"})
    chosen = [paths[at] for at in np.linspace(0, len(paths) - 1, min(PHOTOGRAPHS, len(paths))).astype(int)]
    size = (wanted.width, wanted.height)
    return np.stack([to_pixels(decode(path.read_bytes(), DecodeLimits(), size), wanted) for path in chosen])


def rate(encode: Callable[[Pixels], Any], pixels: Pixels) -> float:
    """Images a second, after a warm-up: the median of the passes of some seconds."""
    encode(pixels[:BATCH])
    times: list[float] = []
    started = time.perf_counter()
    while time.perf_counter() - started < SECONDS or len(times) < 3:
        start = len(times) * BATCH % max(1, len(pixels) - BATCH)
        before = time.perf_counter()
        encode(pixels[start : start + BATCH])
        times.append(time.perf_counter() - before)
    return BATCH / float(np.median(times))


def unit(vectors: Any) -> Float32:
    found = np.asarray(vectors, np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def candidate(
    name: str, model: str, pixels: Pixels, folder: Path
) -> tuple[Callable[[Pixels], Any], Callable[[Pixels], Float32]]:
    """What is timed, and what gives vectors (n, d) of unit norm."""
    import open_clip
    import torch

    torch.manual_seed(0)
    torch.backends.mha.set_fastpath_enabled(name.startswith("torch"))
    built: Any = open_clip.create_model(model, pretrained=None).eval().requires_grad_(False)

    class Tower(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = built
            self.register_buffer("mean", torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1))
            self.register_buffer("std", torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1))

        def forward(self, rows: Any) -> Any:
            images = rows.permute(0, 3, 1, 2).float() / 255
            return self.inner.encode_image((images - self.mean) / self.std)

    tower = Tower().eval()
    example = torch.from_numpy(pixels[:BATCH])

    def eager(rows: Pixels) -> Any:
        with torch.inference_mode():
            return way(torch.from_numpy(np.ascontiguousarray(rows))).numpy()

    if name.startswith("torch"):
        way: Any = torch.compile(tower) if name == "torch compiled" else tower
        return eager, lambda rows: unit(eager(rows))
    if name.startswith("onnxruntime"):
        return _onnx(name, tower, example, folder)
    return _openvino(name, tower, example, pixels, folder)


def _onnx(
    name: str, tower: Any, example: Any, folder: Path
) -> tuple[Callable[[Pixels], Any], Callable[[Pixels], Float32]]:
    import onnxruntime
    import torch

    file = folder / "tower.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        axes = {"rows": {0: "n"}, "out": {0: "n"}}
        torch.onnx.export(tower, (example,), str(file), input_names=["rows"], output_names=["out"], dynamic_axes=axes, dynamo=False, opset_version=18)  # fmt: skip  # noqa: E501
    if "int8" in name:
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(file, folder / "small.onnx", weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gemm"], per_channel=True)  # fmt: skip  # noqa: E501
        file = folder / "small.onnx"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def run(rows: Pixels) -> Any:
        return session.run(None, {"rows": np.ascontiguousarray(rows)})[0]

    return run, lambda rows: unit(run(rows))


def _openvino(
    name: str, tower: Any, example: Any, pixels: Pixels, folder: Path
) -> tuple[Callable[[Pixels], Any], Callable[[Pixels], Float32]]:
    from indexer.encoders import openvino_export as export
    from indexer.encoders.runtime import Graph, import_openvino

    openvino = import_openvino()
    model = export._converted(tower, example.numpy(), "rows", ("vectors",))
    if name.startswith("as we export it"):
        export._store_in_int8(model)
    if "static" in name:
        import nncf

        rows = [np.ascontiguousarray(row[None]) for row in pixels[::2]]
        model.reshape({"rows": list(rows[0].shape)})
        model = nncf.quantize(model, nncf.Dataset(rows), model_type=nncf.ModelType.TRANSFORMER, subset_size=len(rows))
        model.reshape({"rows": [-1, *rows[0].shape[1:]]})
    file = folder / "tower.xml"
    openvino.save_model(model, file, compress_to_fp16=False)
    fast = name.startswith("as we export it") or "bf16" in name
    streams = os.cpu_count() or 1 if name.endswith("streams") else 1
    count = 1 if streams > 1 else BATCH
    shape = {"rows": (count, *example.shape[1:])}
    graph = Graph(file, streams=streams, arithmetic="fast" if fast else "exact", shapes=shape)
    pool = ThreadPoolExecutor(streams)

    def run(rows: Pixels) -> Any:
        if count > 1:
            return graph.run({"rows": rows})["vectors"]
        return np.concatenate(list(pool.map(lambda row: graph.run({"rows": row[None]})["vectors"], rows)))

    return run, lambda rows: unit(run(rows))


def bundled(pixels: Pixels) -> list[dict[str, Any]]:
    """The image tower that ships, its convolutions in float32 and in int8 whether or not this CPU would take them, one
    by one with a thread each."""
    from indexer.encoders import runtime

    streams = os.cpu_count() or 1
    shape = {"pixels": (1, *pixels.shape[1:])}
    found: list[dict[str, Any]] = []
    vectors: list[Float32] = []
    chosen = runtime.has_int8_products
    for arithmetic in ("fp32", "int8"):
        name = f"bundled {arithmetic}{', as it runs here' if chosen() == (arithmetic == 'int8') else ''}"
        runtime.has_int8_products = lambda wanted=arithmetic == "int8": wanted
        graph = runtime.Graph(models_folder() / "bundled" / "image.xml", streams=streams, shapes=shape)
        runtime.has_int8_products = chosen
        with ThreadPoolExecutor(streams) as pool:

            def run(rows: Pixels, graph: Any = graph, pool: Any = pool) -> Any:
                return np.concatenate(list(pool.map(lambda row: graph.run({"pixels": row[None]})["vectors"], rows)))

            speed = rate(run, pixels)
            vectors.append(unit(run(pixels)))
        cosines = (vectors[-1] * vectors[0]).sum(axis=1)
        found.append(
            {"name": name, "images_a_second": speed, "cosine": float(cosines.mean()), "least": float(cosines.min())}
        )
    return found


def measure(name: str, model: str, folder: Path) -> dict[str, Any]:
    """In this process. The vectors of "torch eager" lie in `folder` for the others to compare with."""
    pixels = np.load(folder / "pixels.npy")
    if name == "bundled":
        return {"rows": bundled(np.load(folder / "bundled.npy"))}
    timed, vectors_of = candidate(name, model, pixels, folder)
    speed = rate(timed, pixels)
    count = len(pixels) // BATCH * BATCH
    vectors = np.concatenate([vectors_of(pixels[start : start + BATCH]) for start in range(0, count, BATCH)])
    reference = folder / "reference.npy"
    if name == "torch eager":
        np.save(reference, vectors)
    cosines = (vectors * np.load(reference)).sum(axis=1)
    return {
        "rows": [
            {"name": name, "images_a_second": speed, "cosine": float(cosines.mean()), "least": float(cosines.min())}
        ]
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--model", default="ViT-B-32-256")
    parser.add_argument("--only", help="one candidate, in this process (used by itself)")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if given.only:
        print(json.dumps(measure(given.only, given.model, given.folder)))
        return
    from indexer.encoders.graph_encoder import GraphEncoder
    from indexer.encoders.openclip_package import preprocessing_of

    rows: list[dict[str, Any]] = []
    found = about(model=given.model, batch=BATCH)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wanted = preprocessing_of({"size": 256, "mean": 0.5, "std": 0.5, "resize_mode": "shortest"})
        np.save(folder / "pixels.npy", photographs(given.photographs, wanted))
        np.save(folder / "bundled.npy", photographs(given.photographs, GraphEncoder().identity.preprocessing))
        for each in (*CANDIDATES, "bundled"):
            lacking = [
                package for word, package in NEEDS.items() if word in each and not importlib.util.find_spec(package)
            ]
            if lacking:
                print(f"{each:<28} left out: {lacking[0]} is not installed", flush=True)
                continue
            command = [sys.executable, __file__, str(given.photographs), "--model", given.model, "--only", each]
            done = subprocess.run([*command, "--folder", name], capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{each:<28} failed: {done.stderr.strip().splitlines()[-1]}", flush=True)
                continue
            for row in json.loads(done.stdout.strip().splitlines()[-1])["rows"]:
                rows.append(row)
                print(f"{row['name']:<28} {row['images_a_second']:7.1f} images/s, cosine {row['cosine']:.4f} (least {row['least']:.4f})", flush=True)  # fmt: skip  # noqa: E501
    save(given.json, found, rows=rows)


if __name__ == "__main__":
    main()
