"""Photographs a second that models of convolutions index, beside a ViT: whole `search index` runs, in turn.

    python tests/benchmarks/bench_convolutions.py PHOTOGRAPHS [--models MobileCLIP2-S0 RN50] [--rounds 3] [--json PATH]

PHOTOGRAPHS: `python tests/benchmarks/photographs.py PHOTOGRAPHS --count 1000 --size 500x375` makes some. Weights are
random; batch norms have the statistics of photographs, so that numbers inside are as large as they are in trained
models. The first run of each model exports it and is not counted. Two ratios: of the time on the clock, and of the time
of processors, which others on the machine disturb less. The last 64 photographs are not indexed: the cosine,
with torch in float32, is over them. Each ratio is of one round. Nothing here asserts.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.machine import about, save

BESIDE = "ViT-B-32"
UNSEEN = 64


def make_model(name: str, photographs: list[Path], folder: Path) -> None:
    """`folder` as `local-dir:` takes it: random weights, and norms that have seen photographs."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    from indexer.encoders.openclip_package import preprocessing_of

    torch.manual_seed(0)
    model: Any = open_clip.create_model(name, pretrained=None)
    norms = [part for part in model.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the mean of all batches
        norm.reset_running_stats()
    if norms:
        wanted = preprocessing_of(model.visual.preprocess_cfg)
        rows = torch.from_numpy(pixels(photographs, wanted)).permute(0, 3, 1, 2).float() / 255
        mean, std = (torch.tensor(each).view(3, 1, 1) for each in (wanted.mean, wanted.std))
        model.train()
        with torch.no_grad():
            for part in ((rows - mean) / std).split(16):
                model.encode_image(part)
    folder.mkdir()
    config = {"model_cfg": open_clip.get_model_config(name), "preprocess_cfg": model.visual.preprocess_cfg}
    (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    state = {key: value.contiguous().clone() for key, value in model.eval().state_dict().items()}
    save_file(state, folder / "open_clip_model.safetensors")


def pixels(paths: list[Path], wanted: Any) -> Any:
    """(n, h, w, 3) uint8."""
    from indexer.images.decoder import decode, to_pixels
    from indexer.settings import DecodeLimits

    size = (wanted.width, wanted.height)
    return np.stack([to_pixels(decode(path.read_bytes(), DecodeLimits(), size), wanted) for path in paths])


def cosines(folder: Path, unseen: list[Path]) -> tuple[float, float]:
    """Mean and least, of the export with torch."""
    from indexer.encoders.openclip import OpenClipEncoder
    from indexer.encoders.registry import load_encoder

    name = f"open_clip:local-dir:{folder}"
    torch_model = OpenClipEncoder(name, device="cpu")
    exported = load_encoder(name, "cpu", stored=torch_model.identity)
    rows = pixels(unseen, torch_model.identity.preprocessing)
    found = (exported.encode_images(rows).vectors * torch_model.encode_images(rows).vectors).sum(axis=1)
    return float(found.mean()), float(found.min())


def indexed(photographs: Path, folder: Path, store: Path) -> tuple[float, float]:
    """Seconds of a whole process, and seconds of processors that it took."""
    shutil.rmtree(store, ignore_errors=True)
    command = [sys.executable, "-m", "search", "index", str(photographs), "-s", str(store)]
    started, before = time.perf_counter(), os.times()
    subprocess.run([*command, "--encoder", f"local-dir:{folder}"], check=True, capture_output=True)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - started, spent


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--models", nargs="+", default=["MobileCLIP2-S0"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    paths = sorted(given.photographs.glob("*.jpg"))
    paths, unseen = paths[:-UNSEEN], paths[-UNSEEN:]
    found = about(photographs=len(paths), rounds=given.rounds)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        os.environ["SEARCH_CACHE"] = str(work / "cache")
        models = [BESIDE, *given.models]
        photographs = work / "photographs"
        photographs.mkdir()
        for path in paths:
            shutil.copy(path, photographs)
        for model in models:
            make_model(model, paths[:UNSEEN], work / model)
            indexed(photographs, work / model, work / "store")
            mean, least = cosines(work / model, unseen)
            print(f"{model:<18} cosine {mean:.4f} (least {least:.4f})", flush=True)
            rows.append({"name": model, "cosine": mean, "least": least, "seconds": [], "processor_seconds": []})
        for _ in range(given.rounds):
            for model, row in zip(models, rows, strict=True):
                seconds, spent = indexed(photographs, work / model, work / "store")
                row["seconds"].append(seconds)
                row["processor_seconds"].append(spent)
    for row in rows:
        for measure in ("seconds", "processor_seconds"):
            pairs = zip(rows[0][measure], row[measure], strict=True)
            row[f"ratio_of_{measure}"] = statistics.median(beside / own for beside, own in pairs)
        rate = len(paths) / statistics.median(row["seconds"])
        ratios = f"{row['ratio_of_seconds']:.2f} of {BESIDE}, by processor time {row['ratio_of_processor_seconds']:.2f}"
        print(f"{row['name']:<18} {rate:6.1f} images/s, {ratios}", flush=True)
    save(given.json, found, rows=rows)


if __name__ == "__main__":
    main()
