"""From trained weights to the files that ship:

    python -m tools.bundled.ship --data FOLDER --pack PACK --run RUN [--out data/models/bundled]

`RUN` is what `tools.bundled.train` wrote, on this machine or another. The parts that were not trained come from the
published packages, not from the pack's half precision. `--data` is for the photographs that int8's ranges are taken
from. Needs the `training` extra.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from indexer.encoders.base import TokenShape
from indexer.training.clusters import centres
from tools.bundled.align import Branch
from tools.bundled.class_channel import ClassChannel
from tools.bundled.datasets import PREPROCESSING
from tools.bundled.heads import HeadSettings
from tools.bundled.hub_banks import banks, hubs_of
from tools.bundled.hubs import ADDED, HubSettings
from tools.bundled.join import Join, JoinSettings
from tools.bundled.onnx_export import ImageGraph, TextGraph, describe, export_graph, export_tokenizer
from tools.bundled.pack import Pack
from tools.bundled.quantise import calibration_pixels, convert_graph, quantise_image_graph
from tools.bundled.towers import WIDTH, load_image_tower, load_text_tower
from tools.bundled.weights import load_weights

VERSION: Final = "4"
#: MiniLM was trained on 128 tokens and takes 256; captions have 12.
MAX_TEXT_TOKENS: Final = 128
#: Texts that the clusters are fitted to.
SPREAD: Final = 16_000
#: Words of a text that are compared with regions.
MAX_WORDS: Final = 32


def read_branch(run: Path) -> tuple[Branch, dict[str, Any]]:
    """The trained branch on published towers, in evaluation mode, and what is said about it."""
    settings = json.loads((run / "weights.json").read_text(encoding="utf-8"))["settings"]
    image, text = load_image_tower(), load_text_tower()
    branch = Branch(
        image, text, torch.zeros(WIDTH), HeadSettings(), settings["frozen_stages"], settings["frozen_layers"]
    )
    published = {name: value.clone() for name, value in image.state_dict().items()}
    described = load_weights(branch, run)
    kept = {name: published[name] for name in published if not _trained(name, settings["frozen_stages"])}
    branch.tower.load_state_dict(kept, strict=False)  # in full precision
    return branch.eval(), described


def _trained(name: str, frozen_stages: int) -> bool:
    if frozen_stages >= 6:
        return False
    stage = int(name.split(".")[2]) if name.startswith("net.blocks.") else -1
    return stage >= frozen_stages or name.startswith(("net.conv_head.", "net.bn2."))


@torch.inference_mode()
def training_sentences(pack: Pack, branch: Branch, sources: list[str]) -> Tensor:
    """Sentence embeddings of `SPREAD` texts, spread evenly over the captions of `train` of these sources and the pool:
    (n, 384)."""
    train = np.isin(pack.owners, np.concatenate([pack.rows(source, split="train") for source in sources]))
    ids = torch.from_numpy(np.concatenate([pack.captions[train], pack.pool])).long()
    return branch.published_sentences(ids[:: max(1, len(ids) // SPREAD)], size=64)


def join_channels(pack: Pack, sentences: Tensor, settings: JoinSettings) -> Join:
    """The class channel, from the names alone, and how much it weighs for which text."""
    mean = sentences.mean(0)
    channel = ClassChannel(pack.classes, settings.class_temperature, settings.class_dimension, settings.class_whitening)
    clusters = centres(F.normalize(sentences - mean, dim=-1), settings.caption_clusters)  # (k, 384)
    return Join(channel, mean, clusters.T.contiguous(), settings).eval()


def graphs(branch: Branch, join: Join) -> tuple[ImageGraph, TextGraph]:
    """Both graphs before hubs are taken off, in evaluation mode."""
    image = ImageGraph(branch.tower, branch.image, join)
    text = TextGraph(load_text_tower(), branch.text, join, branch.layers)
    return image.eval(), text.eval()


def ship(image: ImageGraph, text: TextGraph, dimension: int, trained: dict[str, object], data: Path, out: Path) -> None:
    """Write the graphs, the tokenizer and `encoder.json` to `out`. `dimension`: of the vectors."""
    out.mkdir(parents=True, exist_ok=True)
    side = PREPROCESSING.height
    pixels, ids = torch.zeros(2, side, side, 3, dtype=torch.uint8), torch.ones(2, 9, dtype=torch.int64)
    outputs = ["vectors", "tokens"]
    with tempfile.TemporaryDirectory() as folder:
        onnx_image, onnx_text = Path(folder, "image.onnx"), Path(folder, "text.onnx")
        export_graph(image, (pixels,), ["pixels"], outputs, [["n"]], "int8", onnx_image)
        export_graph(text, (ids,), ["ids"], outputs, [["n", "T"]], "int8", onnx_text)
        quantise_image_graph(onnx_image, calibration_pixels(data, PREPROCESSING), out / "image.xml")
        convert_graph(onnx_text, out / "text.xml")
    export_tokenizer(out / "tokenizer.json")
    grid = image.branch.grid
    describe(
        out,
        version=VERSION,
        dimension=dimension,
        preprocessing=PREPROCESSING,
        max_text_tokens=MAX_TEXT_TOKENS,
        tokens=TokenShape(grid, grid, MAX_WORDS, image.branch.places.shape[1]),
        trained=trained,
    )


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description="Export the bundled encoder.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pack", type=Path, default=Path(".cache/training/pack"))
    parser.add_argument("--run", type=Path, default=Path(".cache/training/run"))
    parser.add_argument("--out", type=Path, default=Path("data/models/bundled"))
    given = parser.parse_args()
    pack, settings = Pack(given.pack), JoinSettings()
    branch, described = read_branch(given.run)
    sources = described["settings"]["sources"]
    join = join_channels(pack, training_sentences(pack, branch, sources), settings)
    widest = HeadSettings().dimension
    for side in (branch.image, branch.text):
        side.axes = side.axes[:, :widest].contiguous()
    image, text = graphs(branch, join)
    hub_settings = HubSettings()
    image.hubs = text.hubs = hubs_of(banks(pack, given.data, image, text, sources), hub_settings)
    trained = {"train": described["settings"], "heads": described["head"], "join": asdict(settings)}
    trained |= {"hubs": asdict(hub_settings)}
    ship(image, text, widest + settings.class_dimension + ADDED, trained, given.data, given.out)
    print(f"wrote {given.out}")


if __name__ == "__main__":
    main()
