"""What every encoder promises, tried on each of them."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.encoders.base import Encoder, EncoderId
from indexer.encoders.exported import ExportedEncoder
from indexer.encoders.registry import load_encoder, prepare_for_indexing
from indexer.progress import Silent
from indexer.types import Float32, Pixels

TINY: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
    },
    "preprocess_cfg": {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4], "resize_mode": "squash"},
}


@dataclass
class Case:
    """`name` loads the encoder; `other` one of the same kind with other weights, where there is one."""

    name: str
    encoder: Encoder
    other: str | None


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


@pytest.fixture(scope="module", params=["open_clip", "exported", "bundled"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    if request.param == "bundled":
        if importlib.util.find_spec("indexer.encoders.bundled") is None:
            pytest.skip("the bundled encoder is not written yet")
        yield Case("bundled", load_encoder("bundled"), None)
        return
    folder = tmp_path_factory.mktemp("tiny")
    name, other = tiny_folder(folder / "one", seed=1), tiny_folder(folder / "two", seed=2)
    if request.param == "exported":
        for each in (name, other):
            prepare_for_indexing(load_encoder(each, device="cpu"), "cpu", Silent())
        assert isinstance(load_encoder(name, device="cpu"), ExportedEncoder)
    yield Case(name, load_encoder(name, device="cpu"), other)


@pytest.fixture(scope="module")
def encoder(case: Case) -> Encoder:
    return case.encoder


def random_pixels(encoder: Encoder, n: int, seed: int = 0) -> Pixels:
    wanted = encoder.identity.preprocessing
    shape = (n, wanted.height, wanted.width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def assert_unit(vectors: Float32, encoder: Encoder, n: int) -> None:
    assert vectors.dtype == np.float32
    assert vectors.shape == (n, encoder.identity.dimension)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("n", [1, 3])
def test_images_become_unit_vectors(encoder: Encoder, n: int) -> None:
    assert_unit(encoder.encode_images(random_pixels(encoder, n)), encoder, n)


@pytest.mark.parametrize("n", [1, 3])
def test_texts_become_unit_vectors(encoder: Encoder, n: int) -> None:
    assert_unit(encoder.encode_texts(["a dog", "two men on a bench", "a red car"][:n]), encoder, n)


def test_nothing_becomes_nothing(encoder: Encoder) -> None:
    for vectors in (encoder.encode_images(random_pixels(encoder, 0)), encoder.encode_texts([])):
        assert vectors.shape == (0, encoder.identity.dimension)
        assert vectors.dtype == np.float32


def test_different_inputs_differ(encoder: Encoder) -> None:
    images = encoder.encode_images(random_pixels(encoder, 2))
    texts = encoder.encode_texts(["a dog", "a locomotive in the snow"])
    assert not np.allclose(images[0], images[1])
    assert not np.allclose(texts[0], texts[1])


def test_wrong_pixels_are_refused(encoder: Encoder) -> None:
    good = random_pixels(encoder, 2)
    for bad in (good[0], good[:, :-1], good[..., :2], good.transpose(0, 3, 1, 2), good.astype(np.float32)):
        with pytest.raises(ValueError, match="shape"):
            encoder.encode_images(bad)  # type: ignore[arg-type]


def test_read_only_and_strided_pixels_are_fine(encoder: Encoder) -> None:
    pixels = random_pixels(encoder, 4)
    expected = encoder.encode_images(pixels[:, ::-1].copy())
    pixels.flags.writeable = False
    np.testing.assert_array_equal(encoder.encode_images(pixels[:, ::-1]), expected)


def test_same_batch_same_bits(encoder: Encoder) -> None:
    pixels = random_pixels(encoder, encoder.batch_size)
    np.testing.assert_array_equal(encoder.encode_images(pixels), encoder.encode_images(pixels))
    texts = [f"photograph number {i}" for i in range(encoder.text_batch_size)]
    np.testing.assert_array_equal(encoder.encode_texts(texts), encoder.encode_texts(texts))


def test_an_image_does_not_depend_on_its_neighbours(encoder: Encoder) -> None:
    n = encoder.batch_size
    one, two = random_pixels(encoder, n, seed=1), random_pixels(encoder, n, seed=2)
    two[n - 1] = one[0]  # at another place among others
    np.testing.assert_array_equal(encoder.encode_images(one)[0], encoder.encode_images(two)[n - 1])


def test_a_text_does_not_depend_on_its_neighbours(encoder: Encoder) -> None:
    n = encoder.text_batch_size
    one = ["a dog on a beach"] + ["short"] * (n - 1)
    two = ["a considerably longer text about other things altogether"] * (n - 1) + ["a dog on a beach"]
    np.testing.assert_array_equal(encoder.encode_texts(one)[0], encoder.encode_texts(two)[n - 1])


def test_rows_of_a_large_request_are_rows_of_full_batches(encoder: Encoder) -> None:
    n = encoder.batch_size
    pixels = random_pixels(encoder, n + 1)
    together = encoder.encode_images(pixels)
    np.testing.assert_array_equal(together[:n], encoder.encode_images(pixels[:n]))
    np.testing.assert_allclose(together[n:], encoder.encode_images(pixels[n:]), atol=1e-5)


def test_threads_get_the_same_answers(encoder: Encoder) -> None:
    batches = [random_pixels(encoder, 2, seed) for seed in range(6)]
    texts = [[f"text {i}", f"other {i}"] for i in range(6)]
    with ThreadPoolExecutor(4) as pool:
        images_there = list(pool.map(encoder.encode_images, batches))
        texts_there = list(pool.map(encoder.encode_texts, texts))
    for batch, there in zip(batches, images_there, strict=True):
        np.testing.assert_array_equal(encoder.encode_images(batch), there)
    for some, there in zip(texts, texts_there, strict=True):
        np.testing.assert_array_equal(encoder.encode_texts(some), there)


def test_a_long_text_is_cut(encoder: Encoder) -> None:
    limit = encoder.max_text_tokens
    long, longer = "dog " * (2 * limit), "dog " * (2 * limit) + "and then a cat"
    assert encoder.count_tokens(long) > limit
    vectors = encoder.encode_texts([long, longer])
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert_unit(encoder.encode_texts(["x" * 10_000, "猫" * 10_000]), encoder, 2)


def test_tokens_are_counted(encoder: Encoder) -> None:
    assert 0 < encoder.count_tokens("a dog") < encoder.count_tokens("a dog and a cat") <= encoder.max_text_tokens


def test_odd_texts_are_texts(encoder: Encoder) -> None:
    odd = ["", " \n", "🦜", "ñandú", "a\x00b", "name\udcff.jpg", "<end_of_text>", "[SEP]"]
    assert_unit(encoder.encode_texts(odd), encoder, len(odd))
    for text in odd:
        assert encoder.count_tokens(text) >= 0


def test_identity_survives_json(encoder: Encoder) -> None:
    identity = encoder.identity
    assert EncoderId.from_json(identity.to_json()) == identity
    assert EncoderId.from_json(identity.to_json()).to_json() == identity.to_json()
    assert len(identity.weights) == 64
    assert int(identity.weights, 16) >= 0


def test_identity_names_what_loads_it_again(case: Case) -> None:
    assert case.encoder.identity.name == case.name
    again = load_encoder(case.encoder.identity.name, device="cpu")
    assert again.identity == case.encoder.identity
    pixels = random_pixels(again, 2)
    np.testing.assert_array_equal(again.encode_images(pixels), case.encoder.encode_images(pixels))


def test_other_weights_are_another_identity(case: Case) -> None:
    if case.other is None:
        pytest.skip("there is only one of this kind")
    assert load_encoder(case.other, device="cpu").identity.weights != case.encoder.identity.weights
