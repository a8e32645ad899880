"""Tokens of the bundled encoder: which rows of its graphs they are, their words, and files that do not fit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from indexer.encoders.base import TokenShape
from indexer.encoders.graph_encoder import GraphEncoder
from indexer.encoders.graph_model import with_sums
from indexer.encoders.runtime import Graph
from indexer.errors import EncoderError, EncoderUnavailableError
from indexer.settings import models_folder
from indexer.types import Pixels
from tests.fixtures.encoded import images_with_tokens, texts_with_tokens
from tests.fixtures.token_graphs import SHAPE, bundled_with_tokens


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundled_with_tokens(tmp_path_factory.mktemp("model") / "bundled")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> GraphEncoder:
    return GraphEncoder(folder)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """The model's files, to be changed."""
    return Path(shutil.copytree(folder, tmp_path / "bundled"))


def describe(folder: Path, **change: object) -> GraphEncoder:
    file = folder / "encoder.json"
    fields = json.loads(file.read_text(encoding="utf-8")) | change
    file.write_text(json.dumps(with_sums(fields, folder)), encoding="utf-8")
    return GraphEncoder(folder)


def quarters(encoder: GraphEncoder) -> Pixels:
    """(1, h, w, 3) uint8: black, red, white and grey quarters."""
    wanted = encoder.identity.preprocessing
    pixels = np.zeros((1, wanted.height, wanted.width, 3), np.uint8)
    top, left = wanted.height // 2, wanted.width // 2
    pixels[0, :top, left:] = (255, 0, 0)
    pixels[0, top:, :left] = 255
    pixels[0, top:, left:] = 100
    return pixels


def test_region_tokens_are_the_graphs_rows(encoder: GraphEncoder) -> None:
    _, tokens = images_with_tokens(encoder, quarters(encoder))
    assert tokens.tolist() == [[[-128] * 3, [127, -128, -128], [127] * 3, [-28] * 3]]


def test_word_tokens_leave_out_the_marks(encoder: GraphEncoder) -> None:
    # In the vocabulary: [CLS] 101, [SEP] 102, a 1037, dog 3899.
    _, tokens = texts_with_tokens(encoder, ["a dog", "", "dog " * 50])
    assert [rows[:, 0].tolist() for rows in tokens] == [[37, 99], [1], [99] * 6]


def test_vectors_are_those_of_the_model_that_ships(encoder: GraphEncoder) -> None:
    shipped = GraphEncoder(models_folder() / "bundled")
    pixels, texts = quarters(encoder), ["a dog", "", "a cup of coffee"]
    np.testing.assert_array_equal(images_with_tokens(encoder, pixels)[0], shipped.encode_images(pixels).vectors)
    np.testing.assert_array_equal(texts_with_tokens(encoder, texts)[0], shipped.encode_texts(texts).vectors)


def test_words_are_as_they_are_written(encoder: GraphEncoder) -> None:
    assert encoder.words("A Dog’s tokenization") == ["A", "Dog", "’", "s", "token", "ization"]
    assert encoder.words("Ñandú 🐕 猫") == ["Ñan", "dú", "🐕", "猫"]
    assert encoder.words("") == encoder.words(" \x00 ") == [""]
    assert encoder.words("[SEP] one") == ["[SEP]", "one"]
    assert encoder.words("one " * 500) == ["one"] * SHAPE["words"]


def test_words_keep_to_the_limit_of_the_tower_too(copy: Path) -> None:
    short = describe(copy, max_text_tokens=4)
    _, (tokens,) = texts_with_tokens(short, ["one two three four"])
    assert (short.words("one two three four"), len(tokens)) == (["one", "two"], 2)


def test_a_model_without_tokens_is_one(copy: Path) -> None:
    plain = describe(copy, tokens=None)
    assert plain.token_shape is None
    assert plain.encode_texts(["a dog"]).vectors.shape == (1, plain.identity.dimension)
    assert plain.encode_texts(["a dog"], tokens=True).tokens is None
    assert plain.encode_images(quarters(plain), tokens=True).tokens is None
    assert plain.words("a dog") == []


def test_the_shape_is_as_described(encoder: GraphEncoder) -> None:
    assert encoder.token_shape == TokenShape(**SHAPE)


@pytest.mark.parametrize("tokens", [{}, {"rows": 7}, SHAPE | {"width": "3"}, SHAPE | {"words": 0}, SHAPE | {"x": 1}, 5])
def test_a_description_of_tokens_that_does_not_fit(copy: Path, tokens: object) -> None:
    with pytest.raises(EncoderUnavailableError, match=r"encoder\.json is damaged"):
        describe(copy, tokens=tokens)


@pytest.mark.parametrize("change", [{"width": 4}, {"rows": 3}])
def test_graphs_whose_tokens_have_another_shape(copy: Path, change: dict[str, int]) -> None:
    wrong = describe(copy, tokens=SHAPE | change)
    with pytest.raises(EncoderUnavailableError, match=r"image\.xml is damaged"):
        images_with_tokens(wrong, quarters(wrong))
    if "width" in change:
        with pytest.raises(EncoderUnavailableError, match=r"text\.xml is damaged"):
            texts_with_tokens(wrong, ["a dog"])


def test_an_output_that_a_graph_does_not_have(folder: Path) -> None:
    graph = Graph(folder / "text.xml", threads=1)
    ids = {"ids": np.array([[101, 102]], np.int64)}
    assert set(graph.run(ids)) == {"vectors", "tokens"}
    assert set(graph.run(ids, ["vectors"])) == {"vectors"}
    with pytest.raises(EncoderError, match="regions"):
        graph.run(ids, ["regions"])
