"""The graph of concepts and regions: the formula, the one that is trained, and rerankers with and without it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from indexer.encoders.registry import load_encoder
from indexer.errors import EncoderUnavailableError
from indexer.settings import models_folder
from indexer.types import Float32, Int8
from search.rerank import reranker_files
from search.rerank.base import EncodedQuery
from search.rerank.concept_graph import ConceptGraph, has_graph, shapes
from search.rerank.fusion_reranker import FusionReranker
from tools.alignment.tilings import Photograph, lies_in, region, telling, tilings
from tools.alignment.train import Asked, Graph, fit, loss_of

WIDTH = 4


def arrays_of(seed: int) -> dict[str, Float32]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes(WIDTH).items()}


def unit(rows: np.ndarray) -> Float32:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def slowly(arrays: dict[str, Float32], words: Float32, regions: Float32) -> np.ndarray:
    """The attention, node by node in float64."""
    by_name = {name.removeprefix("graph."): array.astype(float) for name, array in arrays.items()}
    first, last = (math.exp(each) for each in by_name["log_sharpness"])

    def of_length_one(row: np.ndarray) -> np.ndarray:
        return np.array(row / math.sqrt(sum(each * each for each in row)))

    def shares(values: list[float]) -> list[float]:
        powers = [math.exp(value) for value in values]
        return [power / sum(powers) for power in powers]

    concepts = [of_length_one(word @ by_name["concept_map"]) for word in words]
    shown = [of_length_one(each @ by_name["region_map"]) for each in regions]
    taken = []
    for concept in concepts:
        weights = shares([first * float(concept @ each) for each in shown])
        found = np.sum([weight * each for weight, each in zip(weights, shown, strict=True)], axis=0)
        taken.append(of_length_one(concept + found @ by_name["found"]))
    own = []
    for each in shown:
        weights = shares([first * float(concept @ each) for concept in concepts])
        said = np.sum([weight * concept for weight, concept in zip(weights, concepts, strict=True)], axis=0)
        own.append(of_length_one(each + said @ by_name["said"]))
    return np.array([shares([last * float(concept @ each) for each in own]) for concept in taken])


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_formula_and_what_is_trained(seed: int) -> None:
    rng = np.random.default_rng(seed)
    words, regions = unit(rng.normal(size=(5, WIDTH))), unit(rng.normal(size=(6, WIDTH)))
    arrays = arrays_of(seed)
    got = ConceptGraph(arrays).align(words, regions)
    np.testing.assert_allclose(got, slowly(arrays, words, regions), atol=1e-5)
    np.testing.assert_allclose(got.sum(axis=1), 1, atol=1e-6)
    model = Graph(WIDTH)
    model.load_state_dict({name.removeprefix("graph."): torch.from_numpy(array) for name, array in arrays.items()})
    padded = np.concatenate([words, np.ones((2, WIDTH), np.float32)])[None]
    mask = torch.tensor([[True] * 5 + [False] * 2])
    with torch.no_grad():
        trained = model(torch.from_numpy(padded), mask, torch.from_numpy(regions[None])).exp()[0, :5]
    np.testing.assert_allclose(got, trained, atol=1e-5)


def test_one_word_one_region_and_tokens_of_zeros() -> None:
    graph = ConceptGraph(arrays_of(0))
    one = unit(np.ones((1, WIDTH)))
    assert graph.align(one, one).tolist() == [[1.0]]
    assert np.isfinite(graph.align(np.zeros((2, WIDTH), np.float32), np.zeros((3, WIDTH), np.float32))).all()


def test_it_begins_as_late_interaction_and_learns_where_words_are() -> None:
    """Words are regions in another basis; of each text the first word is told, and lies where its thing is."""
    rng = np.random.default_rng(0)
    things, turn = unit(rng.normal(size=(12, 8))), np.linalg.qr(rng.normal(size=(8, 8)))[0]
    shown = np.stack([rng.choice(12, 4, replace=False) for _ in range(200)])  # (n, r)
    regions: Int8 = np.rint(127 * things[shown]).astype(np.int8)
    asked = []
    for picture, there in enumerate(shown):
        said = rng.permutation(4)[:2]
        tokens = np.rint(127 * things[there[said]] @ turn).astype(np.int8)
        asked.append(Asked(picture, tokens, np.array([np.arange(4) == said[0], [False] * 4])))
    torch.manual_seed(0)
    graph = Graph(8)
    before = float(loss_of(graph, regions, asked[150:], 0.0))
    fit(graph, regions, asked[:150], 30, 1e-2, 0.0)
    assert before > 1.2, "four regions are guessed among: log 4 is 1.39"
    assert float(loss_of(graph, regions, asked[150:], 0.0)) < 0.4


def test_the_bundled_reranker_points_by_it() -> None:
    folder = models_folder() / "reranker"
    _, arrays = reranker_files.load(folder)
    assert has_graph(arrays)
    rng = np.random.default_rng(0)
    words = rng.integers(-40, 40, (3, 64)).astype(np.int8)
    regions = rng.integers(-40, 40, (49, 64)).astype(np.int8)
    found = FusionReranker(folder).explain(EncodedQuery("text", np.ones(448, np.float32), words), regions)
    assert found is not None
    expected = ConceptGraph(arrays).align(words / np.float32(127), regions / np.float32(127))
    np.testing.assert_allclose(found.attention.reshape(3, 49), expected, atol=1e-6)


def test_half_a_graph_is_damage(tmp_path: Path) -> None:
    description, arrays = reranker_files.load(models_folder() / "reranker")
    reranker_files.save(tmp_path, description, {name: each for name, each in arrays.items() if name != "graph.said"})
    with pytest.raises(EncoderUnavailableError, match=r"graph\.said"):
        reranker_files.load(tmp_path)


def test_tiles_are_where_they_are_said_to_be(real_photos: Path) -> None:
    """Each tile's middle has the colours of its photograph there."""
    from PIL import Image

    paths = sorted(real_photos.rglob("*.jpg"))[:4]
    among = [
        Photograph(path, [f"a {name}"] * 5) for path, name in zip(paths, ("one", "two", "three", "four"), strict=True)
    ]
    size = load_encoder("bundled").identity.preprocessing.width
    made = list(tilings(among, 6, (size, size), 3))
    assert [each.tiles for each in made] == [each.tiles for each in tilings(among, 6, (size, size), 3)]
    told = [(picture, tile) for picture in made for tile in picture.tiles]
    assert told
    for picture, tile in told:
        photograph = next(each for each in among if each.captions == tile.captions)
        assert tile.words == [photograph.captions[0].removeprefix("a ")]
        if min(tile.box[:2]) > 0 and max(tile.box[2:]) < 1:  # all of it is there
            left, upper, right, lower = (round(end * size) for end in tile.box)
            with Image.open(photograph.path) as opened:
                whole = np.asarray(opened.convert("RGB").resize((right - left, lower - upper)), float)
            assert np.abs(picture.pixels[upper:lower, left:right] - whole).mean() < 12


def test_words_of_others_tell_nothing() -> None:
    captions = [["a dog on sand", "the dog and a ball", "dogs"], ["a ball", "balls in a box"], ["sand"]]
    assert telling(captions, 0) == ["dog"]
    assert telling(captions, 1) == []


def test_a_region_lies_in_a_place_with_half_of_itself_to_spare() -> None:
    assert region(9, 7, 7) == (2 / 7, 1 / 7, 3 / 7, 2 / 7)
    assert lies_in(region(9, 7, 7), (0.3, 0.1, 0.9, 0.9))
    assert lies_in(region(9, 7, 7), (2.9 / 7, 0.1, 0.9, 0.9)), "its middle is 0.4 regions beside"
    assert not lies_in(region(9, 7, 7), (3.1 / 7, 0.1, 0.9, 0.9))
