"""How many numbers each method of adaptation trains (`--count`), and what a step of it costs beside a full one.

    python tests/benchmarks/bench_adaptation.py [--model ViT-B-32] [--batch 8] [--rounds 3] [--count]

Weights are random: neither number depends on them. Steps of the methods are taken in turn, medians compared.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np
import open_clip
import torch

from indexer.encoders.openclip_adaptation import METHODS, Adaptation
from indexer.training.contrastive import nt_xent
from indexer.training.settings import AdaptationSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="ViT-B-32")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", action="store_true")
    given = parser.parse_args()
    settings = AdaptationSettings()
    ways = [(method, settings.of_method(method)) for method in METHODS] + [("full", {"part": "last"})]
    models = []
    for method, own in ways:
        model = open_clip.CLIP(**open_clip.get_model_config(given.model))
        adaptation = Adaptation(model, method, own)
        print(f"{method} {own}: {sum(each.numel() for each in adaptation.trained().values()):,} numbers", flush=True)
        if not given.count:
            models.append((f"{method} {own}", model, adaptation))
    times: dict[str, list[float]] = {}
    for _ in range(given.rounds):
        for name, model, adaptation in models:
            times.setdefault(name, []).append(step(model, adaptation, given.batch))
    whole = statistics.median(times[f"full {settings.of_method('full')}"]) if times else 1.0
    for name, each in times.items():
        print(f"{name}: {statistics.median(each) / whole:.2f} of a full step")


def step(model: Any, adaptation: Adaptation, batch: int) -> float:
    """Seconds of one batch, forward and back."""
    size = model.visual.image_size
    side = size[0] if isinstance(size, tuple) else size
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.normal(size=(batch, 3, side, side)).astype(np.float32))
    texts = open_clip.SimpleTokenizer(context_length=model.context_length)([f"number {each}" for each in range(batch)])
    model.train()
    began = time.perf_counter()
    loss = nt_xent(model.encode_image(images), model.encode_text(texts), 0.07)
    loss.backward()
    for each in adaptation.trained().values():
        each.grad = None
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
