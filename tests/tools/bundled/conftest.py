"""A pack small enough to train on in seconds, with towers of random weights."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import save_file

from tools.bundled.pack import CAPTIONED, FORMAT, LABELLED, UNLABELLED, Pack, chunk_name
from tools.bundled.towers import ImageTower, TextTower, save_towers

#: Photographs of each source and split.
EACH = 6


def token_ids(rows: int, seed: int = 0, longest: int = 32) -> np.ndarray:
    """(rows, longest) int16: a start, two to seven words, an end, padding."""
    random = np.random.default_rng(seed)
    ids = np.zeros((rows, longest), np.int16)
    for row in ids:
        words = int(random.integers(2, 8))
        row[: words + 2] = [101, *random.integers(1000, 9000, words), 102]
    return ids


@pytest.fixture(scope="package")
def image_tower() -> ImageTower:
    torch.manual_seed(0)
    return ImageTower().eval()


@pytest.fixture(scope="package")
def text_tower() -> TextTower:
    torch.manual_seed(0)
    return TextTower().eval()


@pytest.fixture(scope="package")
def pack(tmp_path_factory: pytest.TempPathFactory, image_tower: ImageTower, text_tower: TextTower) -> Pack:
    folder = tmp_path_factory.mktemp("pack")
    random = np.random.default_rng(0)
    rows, content, owners = [], b"", []
    for source, splits in CAPTIONED:
        for split in splits:
            for _ in range(EACH):
                owners += [len(rows)] * (1 if source == "cc3m_sample" else 2)
                rows.append([source, split, -1])
    for source, split, _ in LABELLED:
        rows += [[source, split, label % 2] for label in range(EACH)]
    rows += [[UNLABELLED, "", -1]] * EACH
    photographs = []
    for number, (source, split, label) in enumerate(rows):
        file = io.BytesIO()
        noise = random.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((40, 30), Image.Resampling.BICUBIC).save(file, "PNG")
        photographs.append([source, split, f"{number}.png", 0, len(content), len(file.getvalue()), label])
        content += file.getvalue()
    (folder / chunk_name(0)).write_bytes(content)
    val = [number for number, row in enumerate(rows) if row[1] == "val" and row[0] in ("flickr8k", "coco_captioned")]
    texts = {
        "captions": token_ids(len(owners)),
        "owners": np.array(owners, np.int32),
        "pool": token_ids(20, seed=1),
        "everyday": token_ids(2, seed=2),
        "answers": np.array([[0, val[0]], [0, val[-1]], [1, val[1]]], np.int32),
        "classes": random.normal(size=(1000, 384)).astype(np.float32),
    }
    texts |= {f"names-{source}": token_ids(2, seed=3) for source, _, _ in LABELLED}
    save_file(texts, folder / "texts.safetensors")
    save_towers(image_tower, text_tower, folder / "towers.safetensors")
    names = {source: ["one", "two"] for source, _, _ in LABELLED}
    fields = {"format": FORMAT, "tokens": 32, "names": names, "photographs": photographs}
    (folder / "pack.json").write_text(json.dumps(fields), encoding="utf-8")
    return Pack(folder)
