"""Image towers that photographs calibrate when they are exported: what of them is in int8, and on which CPUs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from indexer.encoders import openvino_export, runtime
from indexer.encoders.base import Encoder, Preprocessing
from indexer.encoders.graph_encoder import GraphEncoder
from indexer.encoders.openclip import OpenClipEncoder
from indexer.encoders.registry import prepare_for_indexing
from indexer.images.decoder import decode, to_pixels
from indexer.progress import Silent
from indexer.settings import DecodeLimits
from indexer.types import Pixels
from tests.contract.test_encoder import TINY

#: A ResNet of four blocks for images of 64 x 64.
RESNET: dict[str, Any] = {
    "model_cfg": {**TINY["model_cfg"], "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16}},
    "preprocess_cfg": TINY["preprocess_cfg"],
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


#: Patches enough that most of its work is in products of rows, as in every ViT that is used.
VIT: dict[str, Any] = {
    "model_cfg": {
        **TINY["model_cfg"],
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 16, "patch_size": 8},
    },
    "preprocess_cfg": TINY["preprocess_cfg"],
}


def built(config: dict[str, Any], folder: Path) -> OpenClipEncoder:
    """Random weights, and norms that have seen something."""
    import open_clip

    (folder / "open_clip_config.json").write_text(json.dumps(config))
    side = config["model_cfg"]["vision_cfg"]["image_size"]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model: Any = open_clip.CLIP(**config["model_cfg"]).train()
        for _ in range(8):
            model.encode_image(torch.randn(8, 3, side, side))
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return OpenClipEncoder(f"open_clip:local-dir:{folder}", device="cpu")


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> OpenClipEncoder:
    return built(RESNET, tmp_path_factory.mktemp("resnet"))


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> OpenClipEncoder:
    return built(VIT, tmp_path_factory.mktemp("vit"))


def shown(folder: Path, wanted: Preprocessing) -> Pixels:
    """Thirty-two parts of real photographs."""
    whole = [decode(path.read_bytes(), DecodeLimits(), None) for path in sorted(folder.glob("*.jpg"))]
    chance = np.random.default_rng(0)
    parts = []
    for number in range(32):
        picture = whole[number % len(whole)]
        left, upper = (int(chance.uniform(0, side / 2)) for side in picture.size)
        parts.append(
            to_pixels(picture.crop((left, upper, left + picture.width // 2, upper + picture.height // 2)), wanted)
        )
    return np.stack(parts)


def prepared(encoder: Encoder, folder: Path, count: int = 32) -> GraphEncoder:
    made, notes = prepare_for_indexing(encoder, "cpu", Silent(), lambda wanted: shown(folder, wanted)[:count])
    assert notes == ()
    assert isinstance(made, GraphEncoder)
    return made


def roundings(encoder: GraphEncoder) -> int:
    return (encoder.folder / "image.xml").read_text().count('type="FakeQuantize"')


def cosine(one: Encoder, other: Encoder, rows: Pixels) -> float:
    return float((one.encode_images(rows).vectors * other.encode_images(rows).vectors).sum(axis=1).mean())


def test_convolutions_are_in_int8_and_rows_keep_their_bits(resnet: OpenClipEncoder, real_photos: Path) -> None:
    if not runtime.has_int8_products():
        pytest.skip("this CPU has no products of int8")
    made = prepared(resnet, real_photos)
    assert roundings(made) >= 8
    rows = shown(real_photos, resnet.identity.preprocessing)
    assert cosine(made, resnet, rows) >= openvino_export.LEAST_COSINE
    together = made.encode_images(rows[:7]).vectors
    for count in (2, 3, 5):
        assert np.array_equal(made.encode_images(rows[:count]).vectors, together[:count])
    assert np.array_equal(made.encode_images(rows[[6, 0]]).vectors, together[[6, 0]])


def test_with_few_photographs_they_stay_as_they_are_until_there_are_more(
    resnet: OpenClipEncoder, real_photos: Path
) -> None:
    if not runtime.has_int8_products():
        pytest.skip("this CPU has no products of int8")
    few = prepared(resnet, real_photos, openvino_export.LEAST_PHOTOGRAPHS - 1)
    assert not roundings(few)
    assert prepared(few, real_photos, openvino_export.LEAST_PHOTOGRAPHS - 1) is few
    many = prepared(few, real_photos)
    assert roundings(many) >= 8
    asked: list[Preprocessing] = []
    again, _ = prepare_for_indexing(
        many, "cpu", Silent(), lambda wanted: asked.append(wanted) or shown(real_photos, wanted)
    )
    assert again is many
    assert not asked


def test_a_vit_needs_none_where_int8_is_multiplied(vit: OpenClipEncoder, real_photos: Path) -> None:
    if not runtime.has_int8_products():
        pytest.skip("this CPU has no products of int8")
    assert not roundings(prepared(vit, real_photos))


def test_with_avx2_alone_a_vit_has_weights_of_seven_bits(
    vit: OpenClipEncoder, real_photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (runtime, openvino_export):
        monkeypatch.setattr(module, "has_int8_products", lambda: False)
        monkeypatch.setattr(module, "has_pairs_of_products", lambda: True)
    made = prepared(vit, real_photos)
    assert roundings(made) >= 8
    assert json.loads((made.folder / "model.json").read_text())["arithmetic"] == {"image": "narrow", "text": "fast"}
    rows = shown(real_photos, vit.identity.preprocessing)
    assert cosine(made, vit, rows) >= openvino_export.LEAST_COSINE
    together = made.encode_images(rows[:7]).vectors
    assert np.array_equal(made.encode_images(rows[:2]).vectors, together[:2])


def test_a_graph_that_rounds_too_much_takes_a_step_back(
    resnet: OpenClipEncoder, real_photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not runtime.has_int8_products():
        pytest.skip("this CPU has no products of int8")
    kept: list[int] = []
    quantise = openvino_export.quantise_convolutions

    def coarse(model: Any, ranges: Any, places: frozenset[int], largest: int) -> int:
        kept.append(len(places))
        return quantise(model, ranges, places, 1)  # weights of -1, 0 and 1

    monkeypatch.setattr(openvino_export, "quantise_convolutions", coarse)
    made = prepared(resnet, real_photos)
    assert kept == sorted(kept)
    assert len(kept) == len(openvino_export._KEPT)
    assert not roundings(made)
    assert cosine(made, resnet, shown(real_photos, resnet.identity.preprocessing)) >= openvino_export.LEAST_COSINE
