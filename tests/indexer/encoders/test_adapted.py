"""Adapted encoders: every method goes from a model to a folder and back, into graphs too; what does not fit is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from indexer.encoders import adapted_files  # noqa: E402
from indexer.encoders.adapted_files import AdaptedDescription, describe, save, with_delta  # noqa: E402
from indexer.encoders.exported_encoder import ExportedEncoder  # noqa: E402
from indexer.encoders.mapped_encoder import MappedEncoder  # noqa: E402
from indexer.encoders.openclip import OpenClipEncoder  # noqa: E402
from indexer.encoders.openclip_adaptation import METHODS  # noqa: E402
from indexer.encoders.registry import load_encoder, prepare_for_indexing  # noqa: E402
from indexer.errors import EncoderMismatchError, EncoderUnavailableError, StoreUnwritableError  # noqa: E402
from indexer.progress import Silent  # noqa: E402
from indexer.training.openclip_trainable import OpenClipTrainable  # noqa: E402
from indexer.training.settings import AdaptationSettings  # noqa: E402
from tests.contract.test_encoder import random_pixels, tiny_folder  # noqa: E402
from tests.fixtures.colour_encoder import ColourTokenEncoder  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_torch_thread")

TEXTS = ["a red car", "two dogs run through the snow", "", "word " * 40]
SETTINGS = AdaptationSettings(rank=4, bottleneck=8, context=4)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_folder(tmp_path_factory.mktemp("model") / "tiny", seed=3)


@pytest.fixture(scope="module")
def base(model: str) -> OpenClipEncoder:
    return OpenClipEncoder(model, device="cpu")


def adapt(
    base: OpenClipEncoder, method: str, folder: Path
) -> tuple[OpenClipTrainable, dict[str, np.ndarray[Any, Any]]]:
    """The model with something put into all that the method trains, and its folder."""
    trainable = OpenClipTrainable(base.identity, "cpu")
    trainable.begin(method, SETTINGS.of_method(method), 0)
    torch.manual_seed(1)
    with torch.no_grad():
        for each in trainable.trained().values():
            each.add_(0.05 * torch.randn_like(each))
    trainable.train(False)
    tensors = trainable.delta(trainable.trained())
    described = AdaptedDescription(base.identity, method, SETTINGS.of_method(method), True, {"seed": 0})
    save(folder, *with_delta(described, tensors))
    return trainable, tensors


@pytest.fixture(scope="module")
def adapted(base: OpenClipEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the method bitfit. Not to be changed."""
    folder = tmp_path_factory.mktemp("adapted") / "bitfit"
    adapt(base, "bitfit", folder)
    return folder


@pytest.mark.parametrize("method", METHODS)
def test_a_method_goes_to_disk_and_back(base: OpenClipEncoder, tmp_path: Path, method: str) -> None:
    """Beside the vectors of the very model that was changed."""
    trainable, tensors = adapt(base, method, tmp_path / "a")
    found = load_encoder(f"adapted:{tmp_path / 'a'}", "cpu")
    assert isinstance(found, OpenClipEncoder)
    pixels = random_pixels(base, 5)
    with torch.no_grad():
        images = torch.nn.functional.normalize(trainable.images(torch.from_numpy(pixels)), dim=-1).numpy()
        texts = torch.nn.functional.normalize(trainable.texts(torch.from_numpy(trainable.rows(TEXTS))), dim=-1).numpy()
    np.testing.assert_allclose(found.encode_images(pixels).vectors, images, atol=2e-6)
    np.testing.assert_allclose(found.encode_texts(TEXTS).vectors, texts, atol=2e-6)
    moved = (found.encode_texts(TEXTS).vectors * base.encode_texts(TEXTS).vectors).sum(axis=1)
    assert moved.min() < 0.999
    assert found.identity.name == f"adapted:{tmp_path / 'a'}"
    assert found.identity.weights not in {base.identity.weights, ""}
    assert not any(each.requires_grad for each in found.model.parameters())
    whole = sum(each.size for each in (value.numpy() for value in base.model.state_dict().values()))
    assert sum(each.size for each in tensors.values()) < (whole / 4 if method != "full" else whole + 1)


@pytest.mark.parametrize("method", ["lora", "prompt"])
def test_it_runs_as_graphs(base: OpenClipEncoder, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is found again without torch, by its identity and by its name."""
    monkeypatch.setenv("SEARCH_CACHE", str(tmp_path / "cache"))
    adapt(base, method, tmp_path / "a")
    name = f"adapted:{tmp_path / 'a'}"
    reference = load_encoder(name, "cpu")
    found, notes = prepare_for_indexing(reference, "cpu", Silent())
    assert notes == ()
    assert isinstance(found, ExportedEncoder)
    assert found.identity == reference.identity
    pixels = random_pixels(base, 6)
    for mine, theirs in (
        (found.encode_images(pixels, tokens=True), reference.encode_images(pixels, tokens=True)),
        (found.encode_texts(TEXTS, tokens=True), reference.encode_texts(TEXTS, tokens=True)),
    ):
        assert float((mine.vectors * theirs.vectors).sum(axis=1).min()) >= 0.99
        assert [each.shape for each in mine.tokens or ()] == [each.shape for each in theirs.tokens or ()]
    for again in (load_encoder(name, "cpu"), load_encoder(name, "cpu", stored=reference.identity)):
        assert isinstance(again, ExportedEncoder)
        assert again.identity == reference.identity
    [delta] = (tmp_path / "a").glob("delta-*")
    delta.write_bytes(delta.read_bytes()[:-4])
    assert "is damaged (its bytes are not what was written)" in refusal(name)
    delta.unlink()
    assert "is damaged (it is not there)" in refusal(name)
    own = load_encoder(name, "cpu", stored=reference.identity)  # a store that has it is not kept from answering
    assert isinstance(own, ExportedEncoder)


def test_identity_is_of_what_was_trained(base: OpenClipEncoder, adapted: Path, tmp_path: Path) -> None:
    """Not of the place; another delta is another encoder."""
    moved = Path(shutil.copytree(adapted, tmp_path / "moved"))
    here, there = describe(adapted).identity(adapted), describe(moved).identity(moved)
    assert here.matches(there)
    assert here.name != there.name
    adapt(base, "lora", tmp_path / "other")
    assert not describe(tmp_path / "other").identity(tmp_path / "other").matches(here)
    assert not here.matches(base.identity)


# Linear maps over any encoder


def mapped_folder(folder: Path, base: Any, maps: dict[str, Any]) -> Path:
    save(folder, *with_delta(AdaptedDescription(base.identity, "heads", {}, True, {}), maps))
    return folder


def test_maps_change_vectors_and_nothing_else(tmp_path: Path) -> None:
    inner = ColourTokenEncoder()
    rng = np.random.default_rng(0)
    maps = {side: (np.eye(4) + 0.3 * rng.normal(size=(4, 4))).astype(np.float32) for side in ("image", "text")}
    folder = mapped_folder(tmp_path / "a", inner, maps)
    found = MappedEncoder.load(folder, describe(folder), inner)
    pixels = rng.integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    mine, theirs = found.encode_images(pixels, tokens=True), inner.encode_images(pixels, tokens=True)
    expected = theirs.vectors.astype(np.float64) @ maps["image"]
    np.testing.assert_allclose(mine.vectors, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)
    assert all(np.array_equal(one, other) for one, other in zip(mine.tokens or (), theirs.tokens or (), strict=True))
    alone = found.encode_images(pixels[1:2]).vectors[0]
    assert np.array_equal(alone, mine.vectors[1])
    texts = found.encode_texts(["red", "green blue"]).vectors
    expected = inner.encode_texts(["red", "green blue"]).vectors.astype(np.float64) @ maps["text"]
    np.testing.assert_allclose(texts, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)
    assert (found.token_shape, found.words("red"), found.count_tokens("a b")) == (inner.token_shape, ["red"], 2)
    assert found.identity.weights != inner.identity.weights


def test_maps_over_the_bundled_encoder(tmp_path: Path) -> None:
    bundled = load_encoder("bundled")
    d = bundled.identity.dimension
    turned = np.roll(np.eye(d, dtype=np.float32), 1, axis=1)
    mapped_folder(tmp_path / "a", bundled, {"image": turned, "text": turned})
    found = load_encoder(f"adapted:{tmp_path / 'a'}")
    vectors = found.encode_texts(["a cat"]).vectors
    np.testing.assert_allclose(vectors, np.roll(bundled.encode_texts(["a cat"]).vectors, 1, axis=1), atol=1e-6)
    prepared, notes = prepare_for_indexing(found, None, Silent())
    assert notes == ()
    assert prepared.identity == found.identity


def test_maps_of_another_size_are_damage(tmp_path: Path) -> None:
    inner = ColourTokenEncoder()
    folder = mapped_folder(tmp_path / "a", inner, {"image": np.eye(4), "text": np.eye(3)})
    with pytest.raises(EncoderUnavailableError, match="its maps are not two of 4 x 4"):
        MappedEncoder.load(folder, describe(folder), inner)


# What does not fit, is damaged, or is not there


def refusal(name: str) -> str:
    with pytest.raises((EncoderUnavailableError, EncoderMismatchError)) as refused:
        load_encoder(name, "cpu")
    said = str(refused.value)
    assert said.endswith(".")
    assert "\n" not in said
    return said


def test_names_that_name_nothing(tmp_path: Path) -> None:
    assert "names no folder" in refusal("adapted:")
    assert "There is no folder" in refusal(f"adapted:{tmp_path / 'nowhere'}")
    assert "There is no adapted encoder in" in refusal(f"adapted:{tmp_path}")


def test_another_base_is_refused(base: OpenClipEncoder, adapted: Path, model: str, tmp_path: Path) -> None:
    """A model of the same name, with other weights."""
    folder = tmp_path / "tiny"
    name = tiny_folder(folder, seed=3)
    first = OpenClipEncoder(name, device="cpu")
    adapt(first, "bitfit", tmp_path / "a")
    shutil.rmtree(folder)
    tiny_folder(folder, seed=4)
    said = refusal(f"adapted:{tmp_path / 'a'}")
    assert "was trained on" in said
    assert first.identity.weights[:12] in said


def test_a_damaged_delta_is_refused(adapted: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(adapted, tmp_path / "a"))
    [delta] = folder.glob("delta-*.safetensors")
    data = bytearray(delta.read_bytes())
    data[-5] ^= 1
    delta.write_bytes(data)
    assert "is damaged (its bytes are not what was written)" in refusal(f"adapted:{folder}")
    delta.write_bytes(data[:100])
    assert "is damaged" in refusal(f"adapted:{folder}")
    delta.unlink()
    assert "it is not there" in refusal(f"adapted:{folder}")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"method": "lora"}, "its digest is wrong"),
        ({"format": 99}, "has format 99 and this version reads 1"),
        ({"format": "x"}, "it has no format"),
    ],
)
def test_a_changed_description_is_refused(adapted: Path, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    folder = Path(shutil.copytree(adapted, tmp_path / "a"))
    path = folder / adapted_files.DESCRIPTION
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert said in refusal(f"adapted:{folder}")
    path.write_bytes(b"\x00{")
    assert "it is not JSON" in refusal(f"adapted:{folder}")


def test_tensors_of_another_shape_are_refused(base: OpenClipEncoder, tmp_path: Path) -> None:
    _, tensors = adapt(base, "bitfit", tmp_path / "a")
    name = sorted(tensors)[0]
    described = describe(tmp_path / "a")
    for wrong, said in (
        ({**tensors, name: np.zeros(3, np.float32)}, f"{name} is"),
        ({**tensors, "more": np.zeros(3, np.float32)}, "it lacks or adds more"),
        ({**tensors, name: np.full_like(tensors[name], np.nan)}, "no finite float32"),
    ):
        save(tmp_path / "b", *with_delta(described, wrong))
        assert said in refusal(f"adapted:{tmp_path / 'b'}")


def test_a_base_that_is_adapted_itself_is_refused(adapted: Path, tmp_path: Path) -> None:
    """It would load itself for ever."""
    identity = describe(adapted).identity(tmp_path / "a")
    save(tmp_path / "a", *with_delta(AdaptedDescription(identity, "heads", {}, True, {}), {}))
    assert "it is adapted from an adapted encoder" in refusal(f"adapted:{tmp_path / 'a'}")


def test_what_cannot_be_written_leaves_what_was_there(
    base: OpenClipEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapt(base, "bitfit", tmp_path / "a")
    before = describe(tmp_path / "a")

    def full(*_given: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("indexer.described_weights.write_atomically", full)
    with pytest.raises(StoreUnwritableError, match="No space left on device"):
        adapt(base, "lora", tmp_path / "a")
    assert describe(tmp_path / "a") == before
