"""What every encoder with tokens promises beside what every encoder does, tried on each of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer.encoders.base import Encoder, TokenEncoder, TokenShape, token_encoder
from indexer.encoders.bundled import BundledEncoder
from indexer.encoders.exported import ExportedEncoder
from indexer.encoders.registry import load_encoder, prepare_for_indexing
from indexer.progress import Silent
from indexer.types import Float32, Int8
from tests.contract.test_encoder import random_pixels, tiny_folder
from tests.fixtures.colour_encoder import ColourEncoder, ColourTokenEncoder
from tests.fixtures.token_graphs import bundled_with_tokens

ODD_TEXTS = (
    "",
    " \n",
    "🦜",
    "👩‍👩‍👧 и собака",
    "ñandú",
    "猫が好き",
    "a\x00b",
    "name\udcff.jpg",
    "<end_of_text>",
    "[SEP]",
)


@pytest.fixture(scope="module", params=["colours", "open_clip", "exported", "bundled", "bundled with stub tokens"])
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TokenEncoder:
    folder: Path = tmp_path_factory.mktemp("encoder")
    loaded: Encoder
    if request.param == "colours":
        loaded = ColourTokenEncoder()
    elif request.param == "open_clip":
        loaded = load_encoder(tiny_folder(folder / "tiny", seed=1), device="cpu")
    elif request.param == "exported":
        loaded, notes = prepare_for_indexing(
            load_encoder(tiny_folder(folder / "tiny", seed=1), device="cpu"), "cpu", Silent()
        )
        assert isinstance(loaded, ExportedEncoder), notes
    elif request.param == "bundled":
        loaded = load_encoder("bundled")
    else:
        loaded = BundledEncoder(bundled_with_tokens(folder / "stub"))
    found = token_encoder(loaded)
    if found is None:
        pytest.skip("this model yields no tokens")
    return found


@pytest.fixture(scope="module")
def shape(encoder: TokenEncoder) -> TokenShape:
    assert encoder.token_shape is not None
    return encoder.token_shape


def texts_of(encoder: TokenEncoder, *texts: str) -> tuple[Float32, list[Int8]]:
    """A full batch: the texts, then padding."""
    assert len(texts) <= encoder.text_batch_size
    vectors, tokens = encoder.encode_texts_with_tokens([*texts, *[""] * (encoder.text_batch_size - len(texts))])
    return vectors[: len(texts)], tokens[: len(texts)]


def test_an_encoder_without_tokens_is_told_from_one_with(encoder: TokenEncoder) -> None:
    assert token_encoder(encoder) is encoder
    assert token_encoder(ColourEncoder()) is None


def test_the_shape_keeps_to_its_size(shape: TokenShape) -> None:
    assert min(shape.rows, shape.columns, shape.words, shape.width, shape.recipe) >= 1
    assert shape.regions == shape.rows * shape.columns
    assert shape.regions * shape.width <= 4_096  # bytes an image


@pytest.mark.parametrize("n", [0, 1, 3])
def test_images_have_tokens_of_the_shape_and_the_same_vectors(encoder: TokenEncoder, shape: TokenShape, n: int) -> None:
    pixels = random_pixels(encoder, n)
    vectors, tokens = encoder.encode_images_with_tokens(pixels)
    assert tokens.shape == (n, shape.regions, shape.width)
    assert tokens.dtype == np.int8
    np.testing.assert_array_equal(vectors, encoder.encode_images(pixels))
    assert (vectors.shape, vectors.dtype) == ((n, encoder.identity.dimension), np.float32)


def test_texts_have_tokens_of_the_shape_and_the_same_vectors(encoder: TokenEncoder, shape: TokenShape) -> None:
    texts = ["a dog", "two men on a bench", "a red car in the snow"]
    vectors, tokens = encoder.encode_texts_with_tokens(texts)
    np.testing.assert_array_equal(vectors, encoder.encode_texts(texts))
    assert len(tokens) == len(texts)
    for one in tokens:
        assert 1 <= len(one) <= shape.words
        assert one.shape[1:] == (shape.width,)
        assert one.dtype == np.int8
    assert len(tokens[1]) > len(tokens[0])


def test_no_texts_have_no_tokens(encoder: TokenEncoder) -> None:
    vectors, tokens = encoder.encode_texts_with_tokens([])
    assert (vectors.shape, tokens) == ((0, encoder.identity.dimension), [])


def test_full_batches_have_the_same_vectors_with_tokens_and_without(encoder: TokenEncoder) -> None:
    pixels = random_pixels(encoder, encoder.batch_size, seed=3)
    np.testing.assert_array_equal(encoder.encode_images_with_tokens(pixels)[0], encoder.encode_images(pixels))
    texts = [f"photograph number {number}" for number in range(encoder.text_batch_size)]
    np.testing.assert_array_equal(encoder.encode_texts_with_tokens(texts)[0], encoder.encode_texts(texts))


def test_tokens_are_the_same_each_time_and_differ_between_inputs(encoder: TokenEncoder) -> None:
    pixels = random_pixels(encoder, 2)
    _, tokens = encoder.encode_images_with_tokens(pixels)
    np.testing.assert_array_equal(encoder.encode_images_with_tokens(pixels)[1], tokens)
    assert not np.array_equal(tokens[0], tokens[1])
    _, (red, blue) = texts_of(encoder, "a red car", "a blue car")
    assert not np.array_equal(red, blue)


def test_an_images_tokens_do_not_depend_on_its_neighbours(encoder: TokenEncoder) -> None:
    n = encoder.batch_size
    one, two = random_pixels(encoder, n, seed=1), random_pixels(encoder, n, seed=2)
    two[n - 1] = one[0]  # at another place among others
    _, first = encoder.encode_images_with_tokens(one)
    _, second = encoder.encode_images_with_tokens(two)
    np.testing.assert_array_equal(first[0], second[n - 1])


def test_a_texts_tokens_do_not_depend_on_its_neighbours(encoder: TokenEncoder) -> None:
    n = encoder.text_batch_size
    _, one = encoder.encode_texts_with_tokens(["a dog on a beach"] + ["short"] * (n - 1))
    long = "a considerably longer text about other things altogether"
    _, two = encoder.encode_texts_with_tokens([long] * (n - 1) + ["a dog on a beach"])
    np.testing.assert_array_equal(one[0], two[n - 1])


def test_regions_are_where_things_are(encoder: TokenEncoder, shape: TokenShape) -> None:
    if shape.regions == 1:
        pytest.skip("one region is the whole image")
    n = encoder.batch_size
    pixels = np.full_like(random_pixels(encoder, n), 128)
    height, width = pixels.shape[1:3]
    pixels[1, : height // 4, : width // 4] = random_pixels(encoder, 1)[0, : height // 4, : width // 4]
    _, tokens = encoder.encode_images_with_tokens(pixels)
    change = np.abs(tokens[1].astype(int) - tokens[0]).sum(axis=1).reshape(shape.rows, shape.columns)
    assert change[0, 0] > change[-1, -1]  # the far corner did not change as the near one did


def test_words_are_as_many_as_tokens(encoder: TokenEncoder) -> None:
    texts = ["a dog", "Two Men on a bench", *ODD_TEXTS, "dog " * 1_000, "猫" * 300, "x" * 10_000]
    for text in texts:
        _, (tokens,) = texts_of(encoder, text)
        words = encoder.words(text)
        assert len(words) == len(tokens), text
        assert all(isinstance(word, str) for word in words)
    assert [word.lower() for word in encoder.words("a dog")] == ["a", "dog"]


def test_a_long_text_is_cut(encoder: TokenEncoder, shape: TokenShape) -> None:
    long = "dog " * (2 * max(shape.words, encoder.max_text_tokens))
    _, (tokens, longer) = texts_of(encoder, long, long + "and then a cat")
    np.testing.assert_array_equal(tokens, longer)
    assert 1 < len(tokens) <= min(shape.words, encoder.max_text_tokens)


def test_odd_texts_have_tokens(encoder: TokenEncoder, shape: TokenShape) -> None:
    for text in ODD_TEXTS:
        vectors, (tokens,) = texts_of(encoder, text)
        assert 1 <= len(tokens) <= shape.words
        assert np.isfinite(vectors).all()


def test_bad_input_is_refused_with_tokens_too(encoder: TokenEncoder) -> None:
    if isinstance(encoder, ColourEncoder):
        pytest.skip("a fake checks nothing")
    good = random_pixels(encoder, 2)
    for bad in (good[0], good[:, :-1], good.astype(np.float32)):
        with pytest.raises(ValueError, match="shape"):
            encoder.encode_images_with_tokens(bad)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="sequence"):
        encoder.encode_texts_with_tokens("a dog")
