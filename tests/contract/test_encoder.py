"""What every encoder promises, tried on each of them: its vectors, and the tokens of those that yield them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.encoders import coverage
from indexer.encoders.base import Encoded, Encoder, EncoderId, TokenShape
from indexer.encoders.batches import encode_images, encode_texts
from indexer.encoders.graph_encoder import GraphEncoder
from indexer.encoders.registry import load_encoder, prepare_for_indexing
from indexer.progress import Silent
from indexer.types import Int8, Pixels
from tests.fixtures.colour_encoder import ColourEncoder, ColourTokenEncoder
from tests.fixtures.token_graphs import bundled_with_tokens

TINY: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
    },
    "preprocess_cfg": {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4], "resize_mode": "squash"},
}


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


@dataclass
class Case:
    """`name` loads the encoder, where there is one that does; `other` one of the same kind with other weights."""

    encoder: Encoder
    name: str | None = None
    other: str | None = None


def tiny_folder(folder: Path, seed: int) -> str:
    """A model of random weights as a folder in open_clip's own layout."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps(TINY))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = open_clip.CLIP(**TINY["model_cfg"])
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return f"open_clip:local-dir:{folder}"


@pytest.fixture(
    scope="module", params=["colours", "colours with tokens", "open_clip", "exported", "bundled", "stub tokens"]
)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    folder = tmp_path_factory.mktemp("encoder")
    if request.param == "colours":
        yield Case(ColourEncoder())
    elif request.param == "colours with tokens":
        yield Case(ColourTokenEncoder())
    elif request.param == "bundled":
        yield Case(load_encoder("bundled"), "bundled")
    elif request.param == "stub tokens":
        yield Case(GraphEncoder(bundled_with_tokens(folder / "stub")))
    else:
        name, other = tiny_folder(folder / "one", seed=1), tiny_folder(folder / "two", seed=2)
        if request.param == "exported":
            for each in (name, other):
                prepare_for_indexing(load_encoder(each, device="cpu"), "cpu", Silent())
            assert isinstance(load_encoder(name, device="cpu"), GraphEncoder)
        yield Case(load_encoder(name, device="cpu"), name, other)


@pytest.fixture(scope="module")
def encoder(case: Case) -> Encoder:
    return case.encoder


@pytest.fixture(scope="module")
def shape(encoder: Encoder) -> TokenShape:
    if encoder.token_shape is None:
        pytest.skip("it yields no tokens")
    return encoder.token_shape


@pytest.fixture
def checking(encoder: Encoder) -> Encoder:
    if isinstance(encoder, ColourEncoder):
        pytest.skip("a fake checks nothing")
    return encoder


with_and_without = pytest.mark.parametrize("tokens", [False, True])


def random_pixels(encoder: Encoder, n: int, seed: int = 0) -> Pixels:
    wanted = encoder.identity.preprocessing
    shape = (n, wanted.height, wanted.width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def regions_of(encoder: Encoder, pixels: Pixels) -> Int8:
    """(n, regions, width) int8."""
    found = encoder.encode_images(pixels, tokens=True).tokens
    assert found is not None
    return np.stack(found)


def words_of(encoder: Encoder, *texts: str) -> list[Int8]:
    """Word tokens of texts in a full batch, padded."""
    assert len(texts) <= encoder.text_batch_size
    padded = [*texts, *[""] * (encoder.text_batch_size - len(texts))]
    found = encoder.encode_texts(padded, tokens=True).tokens
    assert found is not None
    return list(found[: len(texts)])


def assert_unit(encoded: Encoded, encoder: Encoder, n: int) -> None:
    assert encoded.vectors.dtype == np.float32
    assert encoded.vectors.shape == (n, encoder.identity.dimension)
    np.testing.assert_allclose(np.linalg.norm(encoded.vectors, axis=1), 1, atol=1e-5)


def assert_equal(one: Encoded, other: Encoded) -> None:
    np.testing.assert_array_equal(one.vectors, other.vectors)
    assert (one.tokens is None) == (other.tokens is None)
    for left, right in zip(one.tokens or (), other.tokens or (), strict=True):
        np.testing.assert_array_equal(left, right)


def row_of(encoded: Encoded, row: int) -> Encoded:
    return Encoded(encoded.vectors[row : row + 1], None if encoded.tokens is None else [encoded.tokens[row]])


# -- vectors and tokens ---------------------------------------------------------------------------------------


@with_and_without
@pytest.mark.parametrize("n", [0, 1, 3])
def test_images_become_unit_vectors_and_region_tokens(encoder: Encoder, n: int, tokens: bool) -> None:
    encoded, shape = encoder.encode_images(random_pixels(encoder, n), tokens=tokens), encoder.token_shape
    assert_unit(encoded, encoder, n)
    if shape is None or not tokens:
        assert encoded.tokens is None
    else:
        assert encoded.tokens is not None
        assert [one.shape for one in encoded.tokens] == [(shape.regions, shape.width)] * n
        assert all(one.dtype == np.int8 for one in encoded.tokens)


@with_and_without
@pytest.mark.parametrize("n", [0, 1, 3])
def test_texts_become_unit_vectors_and_word_tokens(encoder: Encoder, n: int, tokens: bool) -> None:
    texts = ["a dog", "two men on a bench", "a red car"][:n]
    encoded, shape = encoder.encode_texts(texts, tokens=tokens), encoder.token_shape
    assert_unit(encoded, encoder, n)
    if shape is None or not tokens:
        assert encoded.tokens is None
    else:
        assert encoded.tokens is not None
        assert len(encoded.tokens) == n
        for one in encoded.tokens:
            assert one.dtype == np.int8
            assert 1 <= len(one) <= shape.words
            assert one.shape[1:] == (shape.width,)
        assert n < 2 or len(encoded.tokens[1]) > len(encoded.tokens[0])


@pytest.mark.parametrize("n", [0, 1, 3, None])
def test_vectors_are_the_same_with_tokens_and_without(encoder: Encoder, n: int | None) -> None:
    pixels = random_pixels(encoder, encoder.batch_size if n is None else n, seed=3)
    np.testing.assert_array_equal(
        encoder.encode_images(pixels, tokens=True).vectors, encoder.encode_images(pixels).vectors
    )
    texts = [f"photograph number {number}" for number in range(encoder.text_batch_size if n is None else n)]
    np.testing.assert_array_equal(encoder.encode_texts(texts, tokens=True).vectors, encoder.encode_texts(texts).vectors)


def test_different_inputs_differ(encoder: Encoder) -> None:
    images = encoder.encode_images(random_pixels(encoder, 2)).vectors
    texts = encoder.encode_texts(["a red dog", "a blue locomotive in the snow"]).vectors
    assert not np.allclose(images[0], images[1])
    assert not np.allclose(texts[0], texts[1])


def test_tokens_of_different_inputs_differ(encoder: Encoder, shape: TokenShape) -> None:
    first, second = regions_of(encoder, random_pixels(encoder, 2))
    assert not np.array_equal(first, second)
    red, blue = words_of(encoder, "a red car", "a blue car")
    assert not np.array_equal(red, blue)


@with_and_without
def test_wrong_pixels_are_refused(checking: Encoder, tokens: bool) -> None:
    good = random_pixels(checking, 2)
    for bad in (good[0], good[:, :-1], good[..., :2], good.transpose(0, 3, 1, 2), good.astype(np.float32)):
        with pytest.raises(ValueError, match="shape"):
            checking.encode_images(bad, tokens=tokens)  # type: ignore[arg-type]


@with_and_without
def test_one_text_is_no_sequence_of_texts(checking: Encoder, tokens: bool) -> None:
    with pytest.raises(ValueError, match="sequence"):
        checking.encode_texts("a dog", tokens=tokens)


def test_read_only_and_strided_pixels_are_fine(encoder: Encoder) -> None:
    pixels = random_pixels(encoder, 4)
    expected = encoder.encode_images(pixels[:, ::-1].copy())
    pixels.flags.writeable = False
    assert_equal(encoder.encode_images(pixels[:, ::-1]), expected)


# -- what a row depends on ------------------------------------------------------------------------------------


@with_and_without
def test_same_batch_same_bits(encoder: Encoder, tokens: bool) -> None:
    pixels = random_pixels(encoder, encoder.batch_size)
    assert_equal(encoder.encode_images(pixels, tokens=tokens), encoder.encode_images(pixels, tokens=tokens))
    texts = [f"photograph number {i}" for i in range(encoder.text_batch_size)]
    assert_equal(encoder.encode_texts(texts, tokens=tokens), encoder.encode_texts(texts, tokens=tokens))


@with_and_without
def test_an_image_does_not_depend_on_its_neighbours(encoder: Encoder, tokens: bool) -> None:
    n = encoder.batch_size
    one, two = random_pixels(encoder, n, seed=1), random_pixels(encoder, n, seed=2)
    two[n - 1] = one[0]  # at another place among others
    first, second = encoder.encode_images(one, tokens=tokens), encoder.encode_images(two, tokens=tokens)
    assert_equal(row_of(first, 0), row_of(second, n - 1))


@with_and_without
def test_a_text_does_not_depend_on_its_neighbours(encoder: Encoder, tokens: bool) -> None:
    n = encoder.text_batch_size
    one = ["a dog on a beach"] + ["short"] * (n - 1)
    two = ["a considerably longer text about other things altogether"] * (n - 1) + ["a dog on a beach"]
    first, second = encoder.encode_texts(one, tokens=tokens), encoder.encode_texts(two, tokens=tokens)
    assert_equal(row_of(first, 0), row_of(second, n - 1))


def test_independent_rows_need_no_full_batch(encoder: Encoder) -> None:
    if not encoder.independent_rows:
        pytest.skip("its batches are filled up")
    pixels = random_pixels(encoder, encoder.batch_size)
    texts = [f"text number {number}" for number in range(encoder.text_batch_size)]
    images, words = encoder.encode_images(pixels, tokens=True), encoder.encode_texts(texts, tokens=True)
    for n in (2, 3, 5):
        some, few = encoder.encode_images(pixels[:n], tokens=True), encoder.encode_texts(texts[:n], tokens=True)
        for row in range(n):
            assert_equal(row_of(some, row), row_of(images, row))
            assert_equal(row_of(few, row), row_of(words, row))


@with_and_without
def test_any_number_of_rows_has_the_bits_of_full_batches(encoder: Encoder, tokens: bool) -> None:
    size, many = encoder.batch_size, encoder.text_batch_size
    pixels = random_pixels(encoder, 2 * size)
    texts = [f"text number {number}" for number in range(2 * many)]
    full = [encoder.encode_images(pixels[start : start + size], tokens=tokens) for start in (0, size)]
    words = [encoder.encode_texts(texts[start : start + many], tokens=tokens) for start in (0, many)]
    for n in (0, 1, size + 1):
        encoded = encode_images(encoder, list(pixels[:n]), tokens=tokens)
        assert_unit(encoded, encoder, n)
        for row in range(n):
            assert_equal(row_of(encoded, row), row_of(full[row // size], row % size))
    for n in (0, 1, many + 1):
        encoded = encode_texts(encoder, texts[:n], tokens=tokens)
        assert_unit(encoded, encoder, n)
        assert (encoded.tokens is None) == (encoder.token_shape is None or not tokens)
        for row in range(n):
            assert_equal(row_of(encoded, row), row_of(words[row // many], row % many))


def test_rows_of_a_large_request_are_rows_of_full_batches(encoder: Encoder) -> None:
    n = encoder.batch_size
    pixels = random_pixels(encoder, n + 1)
    together = encoder.encode_images(pixels).vectors
    np.testing.assert_array_equal(together[:n], encoder.encode_images(pixels[:n]).vectors)
    np.testing.assert_allclose(together[n:], encoder.encode_images(pixels[n:]).vectors, atol=1e-5)


def test_threads_get_the_same_answers(encoder: Encoder) -> None:
    batches = [random_pixels(encoder, 2, seed) for seed in range(6)]
    texts = [[f"text {i}", f"other {i}"] for i in range(6)]
    with ThreadPoolExecutor(4) as pool:
        images_there = list(pool.map(encoder.encode_images, batches))
        texts_there = list(pool.map(encoder.encode_texts, texts))
    for batch, there in zip(batches, images_there, strict=True):
        assert_equal(encoder.encode_images(batch), there)
    for some, there in zip(texts, texts_there, strict=True):
        assert_equal(encoder.encode_texts(some), there)


# -- texts ----------------------------------------------------------------------------------------------------


def test_a_long_text_is_cut(checking: Encoder) -> None:
    limit = checking.max_text_tokens
    long, longer = "dog " * (2 * limit), "dog " * (2 * limit) + "and then a cat"
    assert checking.count_tokens(long) > limit
    vectors = checking.encode_texts([long, longer]).vectors
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert_unit(checking.encode_texts(["x" * 10_000, "猫" * 10_000]), checking, 2)


def test_the_tokens_of_a_long_text_are_cut(encoder: Encoder, shape: TokenShape) -> None:
    long = "dog " * (2 * max(shape.words, encoder.max_text_tokens))
    tokens, longer = words_of(encoder, long, long + "and then a cat")
    np.testing.assert_array_equal(tokens, longer)
    assert 1 < len(tokens) <= min(shape.words, encoder.max_text_tokens)


def test_tokens_are_counted(encoder: Encoder) -> None:
    assert 0 < encoder.count_tokens("a dog") < encoder.count_tokens("a dog and a cat") <= encoder.max_text_tokens


def test_odd_texts_are_texts(encoder: Encoder) -> None:
    encoded = encoder.encode_texts(ODD_TEXTS, tokens=True)
    assert_unit(encoded, encoder, len(ODD_TEXTS))
    for text in ODD_TEXTS:
        assert encoder.count_tokens(text) >= 0
    if encoder.token_shape is not None:
        assert encoded.tokens is not None
        assert all(1 <= len(one) <= encoder.token_shape.words for one in encoded.tokens)


# -- tokens ---------------------------------------------------------------------------------------------------


def test_the_shape_keeps_to_its_size(shape: TokenShape) -> None:
    assert min(shape.rows, shape.columns, shape.words, shape.width, shape.recipe) >= 1
    assert shape.regions == shape.rows * shape.columns
    assert shape.regions * shape.width <= 4_096  # bytes an image


def test_regions_are_where_things_are(encoder: Encoder, shape: TokenShape) -> None:
    if shape.regions == 1:
        pytest.skip("one region is the whole image")
    n = encoder.batch_size
    pixels = np.full_like(random_pixels(encoder, n), 128)
    height, width = pixels.shape[1:3]
    pixels[1, : height // 4, : width // 4] = random_pixels(encoder, 1)[0, : height // 4, : width // 4]
    tokens = regions_of(encoder, pixels)
    change = np.abs(tokens[1].astype(int) - tokens[0]).sum(axis=1).reshape(shape.rows, shape.columns)
    assert change[0, 0] > change[-1, -1]  # the far corner did not change as the near one did


def test_words_are_as_many_as_tokens(encoder: Encoder, shape: TokenShape) -> None:
    texts = ["a dog", "Two Men on a bench", *ODD_TEXTS, "dog " * 1_000, "猫" * 300, "x" * 10_000]
    found = encode_texts(encoder, texts, tokens=True).tokens
    assert found is not None
    for text, tokens in zip(texts, found, strict=True):
        words = encoder.words(text)
        assert len(words) == len(tokens), text
        assert all(isinstance(word, str) for word in words)
    assert [word.lower() for word in encoder.words("a dog")] == ["a", "dog"]


def test_an_encoder_without_tokens_has_no_words() -> None:
    assert ColourEncoder().words("a dog") == []


# -- identity -------------------------------------------------------------------------------------------------


def test_identity_survives_json(encoder: Encoder) -> None:
    identity = encoder.identity
    assert EncoderId.from_json(identity.to_json()) == identity
    assert EncoderId.from_json(identity.to_json()).to_json() == identity.to_json()


def test_weights_are_a_digest(checking: Encoder) -> None:
    assert len(checking.identity.weights) == 64
    assert int(checking.identity.weights, 16) >= 0


def test_identity_names_what_loads_it_again(case: Case) -> None:
    if case.name is None:
        pytest.skip("no name loads it")
    assert case.encoder.identity.name == case.name
    again = load_encoder(case.encoder.identity.name, device="cpu")
    assert again.identity == case.encoder.identity
    pixels = random_pixels(again, 2)
    assert_equal(again.encode_images(pixels), case.encoder.encode_images(pixels))


def test_other_weights_are_another_identity(case: Case) -> None:
    if case.other is None:
        pytest.skip("there is only one of this kind")
    assert load_encoder(case.other, device="cpu").identity.weights != case.encoder.identity.weights


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_words_that_it_cannot_read_are_words_of_the_text(encoder: Encoder, text: str) -> None:
    whole = list(coverage.words_of(text.encode("utf-8", "replace").decode("utf-8")))
    unread = coverage.unread_words(encoder, text)
    assert [word for word in whole if word in unread] == unread


def test_plain_english_is_read(encoder: Encoder) -> None:
    assert coverage.unread_words(encoder, "a brown dog jumps over the fence, twice") == []


def test_what_no_english_text_taught_is_told(checking: Encoder) -> None:
    assert coverage.unread_words(checking, "собака") == ["собака"]
    assert coverage.unread_words(checking, "a 猫") == ["猫"]
