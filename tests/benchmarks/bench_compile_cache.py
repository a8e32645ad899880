"""What is kept of a compiled graph: our cache beside OpenVINO's own (CACHE_DIR), each measurement in a fresh process.

    python tests/benchmarks/bench_compile_cache.py [--runs 9] [--json FILE]

The bundled towers, each loaded and run once: from a warm cache, without any, and from files that are damaged. The text
tower, which a cold text query waits for, is compiled as its file is; the image tower with its shape fixed, as exported
models are, so that CACHE_DIR has to read and to hash the model before it knows whether it is there.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from machine import about, save

INPUTS = {
    "text": ("ids", np.array([[101, 1037, 4937, 102]], np.int64)),
    "image": ("pixels", np.full((1, 224, 224, 3), 90, np.uint8)),
}
CACHES = ("none", "ours", "openvino")
DAMAGES = ("cut", "flipped byte", "flipped bytes", "a page of zeros", "zeros", "garbage", "empty")


def work(cache: str, tower: str, folder: Path) -> dict[str, Any]:
    """Load a tower and run it once, in this process."""
    from indexer.encoders import runtime
    from indexer.encoders.compile_cache import CompileCache
    from indexer.settings import models_folder

    file = models_folder() / "bundled" / f"{tower}.xml"
    name, given = INPUTS[tower]
    shapes = {name: given.shape} if tower == "image" else {}
    runtime.import_openvino()  # takes the same time with any cache
    started, own = time.perf_counter(), time.process_time()
    if cache == "openvino":
        core = runtime.import_openvino().Core()
        core.set_property({"CACHE_DIR": str(folder)})
        properties = {"NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False, **runtime._arithmetic("exact")}
        model: Any = str(file)
        if shapes:
            model = core.read_model(file)
            model.reshape({name: list(shape) for name, shape in shapes.items()})
        request = core.compile_model(model, "CPU", properties).create_infer_request()
        request.infer({name: given})
        vector = request.get_tensor("vectors").data[0]
    else:
        graph = runtime.Graph(file, shapes=shapes, cache=CompileCache(folder) if cache == "ours" else None)
        vector = graph.run({name: given}, ["vectors"])["vectors"][0]
    return {
        "ms": 1000 * (time.perf_counter() - started),
        "cpu_ms": 1000 * (time.process_time() - own),
        "mb": resident(),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
        "vector": np.asarray(vector, np.float64).tolist(),
    }


def resident() -> float:
    """Memory of this process that no file backs, 10^6 bytes; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("RssAnon"))


def apart(cache: str, tower: str, folder: Path) -> dict[str, Any] | str:
    """`work` in a process of its own; how that ended, where it did not end well."""
    command = [sys.executable, __file__, "--only", cache, "--tower", tower, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        return f"ended with {done.returncode}"
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def damage(file: Path, how: str) -> None:
    whole = bytearray(file.read_bytes())
    rng = np.random.default_rng(0)
    if how == "cut":
        whole = whole[: len(whole) // 2]
    elif how == "flipped byte":
        whole[len(whole) * 3 // 4] ^= 1
    elif how == "flipped bytes":
        for place in rng.integers(len(whole) // 4, len(whole), 100):
            whole[place] ^= 0xFF
    elif how == "a page of zeros":  # lost on its way to the disk
        middle = len(whole) * 5 // 8 // 4096 * 4096
        whole[middle : middle + 4096] = bytes(4096)
    elif how == "zeros":  # space that was set aside and never written
        whole[len(whole) // 2 :] = bytes(len(whole) - len(whole) // 2)
    elif how == "garbage":
        whole = bytearray(rng.bytes(len(whole)))
    else:
        whole = bytearray()
    file.write_bytes(whole)


def after_damage(cache: str, tower: str, folder: Path, right: list[float]) -> dict[str, str]:
    """What a damaged file leads to, by the kind of damage."""
    found = {}
    for how in DAMAGES:
        shutil.rmtree(folder, ignore_errors=True)
        apart(cache, tower, folder)
        files = [path for path in folder.rglob("*") if path.is_file()]
        for file in files:
            damage(file, how)
        answer = apart(cache, tower, folder)
        if isinstance(answer, str):
            found[how] = answer
        else:
            away = float(np.abs(np.subtract(answer["vector"], right)).max())
            found[how] = "right" if away == 0 else f"a wrong vector, away by {away:.2g}"
    return found


def measure(tower: str, folder: Path, count: int) -> Iterator[dict[str, Any]]:
    """One row a cache; its runs take turns with those of the others."""
    folders = {cache: folder / cache for cache in CACHES}
    runs: dict[str, list[Any]] = {cache: [] for cache in CACHES}
    for number in range(count + 1):  # the first fills the caches
        for cache in CACHES:
            answer = apart(cache, tower, folders[cache])
            assert not isinstance(answer, str), answer
            if number:
                runs[cache].append(answer)
    right = runs["none"][0]["vector"]
    for cache in CACHES:
        same = all(run["vector"] == right for run in runs[cache])
        row: dict[str, Any] = {"tower": tower, "cache": cache, "same bits": same}
        for what in ("ms", "cpu_ms", "mb", "peak_mb"):
            row[what] = round(statistics.median(run[what] for run in runs[cache]), 1)
        files = [path for path in folders[cache].rglob("*") if path.is_file()]
        row["files"], row["file_mb"] = len(files), round(sum(path.stat().st_size for path in files) / 1e6, 1)
        if cache != "none":
            row["damaged"] = after_damage(cache, tower, folders[cache], right)
        yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=CACHES, help="in this process (used by itself)")
    parser.add_argument("--tower", choices=INPUTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        print(json.dumps(work(given.only, given.tower, given.folder)))
        return
    rows = []
    for tower in INPUTS:
        with tempfile.TemporaryDirectory() as name:
            for row in measure(tower, Path(name), given.runs):
                rows.append(row)
                print(json.dumps(row), flush=True)
    save(given.json, about(), rows=rows)


if __name__ == "__main__":
    main()
