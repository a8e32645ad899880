"""Graphs as torch modules, their parts, and back: tiny graphs with the ways of the bundled model's, and that model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from indexer.encoders.graph_encoder import GraphEncoder
from indexer.encoders.runtime import Graph, import_openvino
from indexer.images.preprocess import to_pixels
from indexer.settings import models_folder
from indexer.training.graphs.errors import NotTrainableError
from indexer.training.graphs.graph_module import GraphModule
from indexer.training.graphs.parts import frontier, named_parts
from indexer.training.graphs.prefix import Prefix
from indexer.training.graphs.reader import read_plan
from indexer.training.graphs.trainable import GraphTrainable
from indexer.training.inputs import photograph
from tests.fixtures.tiny_graphs import SIDE, tiny_folder

TEXTS = ["a red car", "two dogs run through the snow", "the sea"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("graphs") / "bundled")


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)


def test_modules_give_what_the_graphs_give_for_any_number_of_rows_and_tokens(folder: Path, pixels: np.ndarray) -> None:
    for name, key, inputs in (
        ("image", "pixels", [pixels, pixels[:1]]),
        ("text", "ids", [np.array([[101, 2417, 2482, 102, 0, 0]]), np.array([[101, 7, 102], [101, 102, 0]])]),
    ):
        module = GraphModule(read_plan(folder / f"{name}.xml"))
        graph = Graph(folder / f"{name}.xml")
        for rows in inputs:
            wanted = graph.run({key: rows})
            with torch.no_grad():
                found = module({key: torch.from_numpy(rows)}, ("vectors", "tokens"))
            assert (found["vectors"].numpy() * wanted["vectors"]).sum(axis=1).min() > 0.999
            assert np.abs(found["tokens"].numpy().astype(int) - wanted["tokens"]).mean() < 2


def test_layers_have_the_names_and_parts_of_the_model(folder: Path) -> None:
    image, text = (read_plan(folder / f"{tower}.xml") for tower in ("image", "text"))
    assert {"stem", "down", "block.expand", "block.deep", "last", "pooled.norm", "head"} <= set(image.layers)
    assert {"block.up", "block.down", "block.norm", "head"} <= set(text.layers)
    assert "head" in named_parts(image)["heads"]
    assert "head" in named_parts(text)["heads"]
    assert list(named_parts(image))[:2] == ["heads", "stage 1"]


@pytest.mark.parametrize("part", [["heads"], ["heads", "stage 1"]])
def test_prefix_and_tail_are_the_whole(folder: Path, pixels: np.ndarray, part: list[str]) -> None:
    for name, rows in (("image", pixels), ("text", np.array([[101, 2417, 102, 0], [101, 7, 9, 102]]))):
        plan = read_plan(folder / f"{name}.xml")
        trained = [layer for each in part for layer in named_parts(plan)[each]]
        module = GraphModule(plan)
        cut = frontier(plan, trained)
        assert cut != (plan.parameter,)
        with torch.no_grad():
            whole = module({plan.parameter: torch.from_numpy(rows)})["vectors"]
            found = module(Prefix(plan, cut).run(rows))["vectors"]
        assert float((whole * found).sum(dim=1).min()) > 0.999


@pytest.mark.parametrize("method", ["full", "bitfit", "lora"])
def test_what_is_trained_is_written_and_encodes(folder: Path, pixels: np.ndarray, tmp_path: Path, method: str) -> None:
    if method == "lora":
        pytest.importorskip("peft")
    trainable, before = GraphTrainable(folder), GraphEncoder(folder)
    trainable.begin(method, {"part": "last", "rank": 2, "alpha": 4}, 0)
    rows, wanted = torch.from_numpy(trainable.rows(TEXTS)), torch.eye(8)[:3]
    optimizer = torch.optim.Adam(trainable.trained().values(), lr=0.02)
    losses = []
    for _ in range(5):
        found = torch.cat([trainable.images(torch.from_numpy(pixels)), trainable.texts(rows)])
        loss = (found - torch.cat([wanted, wanted])).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    target = tmp_path / "mine"
    cosines = trainable.write(target, pixels, TEXTS, {"method": method})
    assert min(cosines.values()) >= 0.99
    after = GraphEncoder(target)
    assert after.identity.name == f"adapted:{target}"
    assert after.identity.weights != before.identity.weights
    moved = np.abs(after.encode_images(pixels).vectors - before.encode_images(pixels).vectors).max()
    assert moved > 0.01
    nearer = (after.encode_texts(TEXTS).vectors * wanted.numpy()).sum()
    assert nearer > (before.encode_texts(TEXTS).vectors * wanted.numpy()).sum()
    assert set(GraphTrainable(target).towers.text.plan.layers) == set(trainable.towers.text.plan.layers)


def test_what_is_not_trained_is_written_as_it_was(folder: Path, pixels: np.ndarray, tmp_path: Path) -> None:
    trainable = GraphTrainable(folder)
    trainable.write(tmp_path / "same", pixels, TEXTS, {})
    described = json.loads((tmp_path / "same" / "encoder.json").read_text())
    assert described["trained"]["layers"] == {"image": [], "text": []}
    for one, other in zip(
        GraphEncoder(folder).encode_texts(TEXTS).vectors,
        GraphEncoder(tmp_path / "same").encode_texts(TEXTS).vectors,
        strict=True,
    ):
        assert (one == other).all()


def test_a_folder_of_something_else_is_not_replaced(folder: Path, pixels: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "letters").write_text("mine")
    with pytest.raises(NotTrainableError, match="holds no adapted model"):
        GraphTrainable(folder).write(tmp_path, pixels, TEXTS, {})
    assert (tmp_path / "letters").read_text() == "mine"


def test_numbers_that_are_not_finite_are_not_written(folder: Path, pixels: np.ndarray, tmp_path: Path) -> None:
    trainable = GraphTrainable(folder)
    with torch.no_grad():
        trainable.towers.image.layer("head").weight.fill_(torch.nan)
    with pytest.raises(NotTrainableError, match="weight of the layer head has numbers that are not finite"):
        trainable.write(tmp_path / "mine", pixels, TEXTS, {})
    assert not (tmp_path / "mine").exists()


def test_pixels_have_gradients(folder: Path, pixels: np.ndarray) -> None:
    trainable = GraphTrainable(folder)
    trainable.begin("full", {"part": "heads"}, 0)
    given = torch.from_numpy(pixels).float().requires_grad_(True)
    trainable.images(given)[:, 0].sum().backward()
    assert given.grad is not None
    assert float(given.grad.abs().sum()) > 0


def test_a_graph_with_an_unknown_operation_is_refused_by_its_name(tmp_path: Path) -> None:
    openvino = import_openvino()
    from openvino import opset13 as op

    x = op.parameter([-1, 4], np.float32, name="x")
    node = op.cos(x)
    node.set_friendly_name("wave")
    openvino.save_model(openvino.Model([node], [x], "odd"), tmp_path / "odd.xml")
    with pytest.raises(NotTrainableError, match="operation Cos of the node wave"):
        read_plan(tmp_path / "odd.xml")


def test_the_bundled_text_tower_gives_what_openvino_gives() -> None:
    folder = models_folder() / "bundled"
    encoder = GraphEncoder()
    plan = read_plan(folder / "text.xml")
    trainable_rows = np.zeros((3, 12), np.int64)
    tokenizer = encoder._tokenizer
    for row, text in zip(trainable_rows, TEXTS, strict=True):
        ids = tokenizer.row(text, 32)[0]
        row[: len(ids)] = ids
    with torch.no_grad():
        found = GraphModule(plan)({"ids": torch.from_numpy(trainable_rows)})["vectors"].numpy()
    assert (found * encoder.encode_texts(TEXTS).vectors).sum(axis=1).min() > 0.9999


def test_the_bundled_image_tower_gives_what_openvino_gives(real_photos: Path) -> None:
    encoder = GraphEncoder()
    wanted = encoder.identity.preprocessing
    paths = [str(real_photos / name) for name in ("chelsea.png", "coffee.png", "china.jpg")]
    pixels = np.stack([to_pixels(photograph(path, (wanted.width, wanted.height)), wanted) for path in paths])
    with torch.no_grad():
        module = GraphModule(read_plan(models_folder() / "bundled" / "image.xml"))
        found = module({"pixels": torch.from_numpy(pixels)})["vectors"].numpy()
    cosines = (found * encoder.encode_images(pixels).vectors).sum(axis=1)
    print(cosines)
    assert cosines.min() > 0.99
