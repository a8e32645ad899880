"""BLIP as a reranker, on a real BLIP that is tiny and has random weights."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from indexer.errors import EncoderError, EncoderUnavailableError, FileError, UsageError
from indexer.types import Float32
from search.rerank.base import Candidates, EncodedQuery
from search.rerank.blip import BlipReranker
from tests.fixtures.tiny_blip import SIDE, make_model, save_tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole BLIP, as `save_pretrained` writes it."""
    folder = tmp_path_factory.mktemp("blip")
    save_tokenizer(folder)
    make_model().save_pretrained(folder)
    processor = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.4], "resample": 3, "size": {"height": SIDE}}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder


@pytest.fixture(scope="module")
def reranker(folder: Path) -> BlipReranker:
    return BlipReranker(str(folder), "cpu")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Twenty images of exactly the size that the model takes, so that nobody's resizing counts."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for i in range(20):
        Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return [str(folder / f"{i}.png") for i in range(20)]


def query_of(text: str) -> EncodedQuery:
    return EncodedQuery("text", np.ones(1, np.float32), None, text=text)


def candidates_of(paths: Sequence[str], texts: Sequence[str | None] | None = None, seed: int = 3) -> Candidates:
    similarities = np.sort(np.random.default_rng(seed).random(len(paths)).astype(np.float32))[::-1].copy()
    return Candidates(similarities, [None] * len(paths), list(paths), list(texts or [None] * len(paths)))


def plain_odds(folder: Path, text: str, path: str) -> float:
    """One pair through transformers as its own documentation does: processor, model, softmax of `itm_score`."""
    model = transformers.BlipForImageTextRetrieval.from_pretrained(folder).eval()
    processor = transformers.BlipProcessor(
        transformers.BlipImageProcessor.from_pretrained(folder, size={"height": SIDE, "width": SIDE}),
        transformers.BertTokenizer.from_pretrained(folder),
    )
    with Image.open(path) as image:
        inputs = processor(images=image.convert("RGB"), text=text, return_tensors="pt")
    with torch.no_grad():
        match = torch.softmax(model(**inputs).itm_score.double(), dim=1)[0, 1]
    return float(torch.log(match) - torch.log1p(-match))


def test_images_for_a_text_are_scored_as_transformers_does(
    reranker: BlipReranker, folder: Path, pictures: list[str]
) -> None:
    text, candidates = "a red car on the beach", candidates_of(pictures)
    scores = reranker.score(query_of(text), candidates)
    odds = np.array([plain_odds(folder, text, path) for path in pictures])
    expected = odds + candidates.similarities
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, atol=1e-3)
    assert list(np.argsort(-scores)) == list(np.argsort(-expected))
    assert np.ptp(odds) > 0.5  # the pictures do count


def test_texts_for_an_image_are_scored_as_transformers_does(
    reranker: BlipReranker, folder: Path, pictures: list[str]
) -> None:
    texts = ["a dog", "two men on the beach", "red cars", "", "zebra crossing", "a cat " * 40]
    candidates = candidates_of(pictures[:6], texts)
    query = EncodedQuery("image", np.ones(1, np.float32), None, image=pictures[7])
    scores = reranker.score(query, candidates)
    uploaded = EncodedQuery("image", np.ones(1, np.float32), None, image_bytes=Path(pictures[7]).read_bytes())
    np.testing.assert_array_equal(reranker.score(uploaded, candidates), scores)
    with pytest.raises(FileError, match=r"The query image cannot be used: "):
        reranker.score(EncodedQuery("image", np.ones(1, np.float32), None, image_bytes=b"no image"), candidates)
    cut = [*texts[:5], "a cat " * 5]  # 12 positions, two of them for start and end
    odds = np.array([plain_odds(folder, text, pictures[7]) for text in cut])
    np.testing.assert_allclose(scores, odds + candidates.similarities, atol=1e-3)
    assert np.ptp(odds) > 0.1


def test_a_score_depends_on_the_query_and_one_candidate(reranker: BlipReranker, pictures: list[str]) -> None:
    candidates = candidates_of(pictures)
    together = reranker.score(query_of("a dog"), candidates)
    for i in (0, 9, 19):
        alone = Candidates(candidates.similarities[i : i + 1], [None], [pictures[i]], [None])
        np.testing.assert_allclose(reranker.score(query_of("a dog"), alone), together[i : i + 1], atol=1e-4)
    assert not np.allclose(reranker.score(query_of("two red cars"), candidates), together, atol=1e-2)


def test_what_cannot_be_looked_at_is_not_a_number(reranker: BlipReranker, pictures: list[str], tmp_path: Path) -> None:
    broken, empty = tmp_path / "broken.png", tmp_path / "empty.jpg"
    broken.write_bytes(Path(pictures[0]).read_bytes()[:60])
    empty.write_bytes(b"")
    bad = [str(broken), str(empty), str(tmp_path / "gone.png"), str(tmp_path), "a\x00b", "name\udcff.jpg"]
    paths = [bad[0], pictures[0], *bad[1:], pictures[1]]
    scores = reranker.score(query_of("a dog"), candidates_of(paths))
    assert list(np.isnan(scores)) == [True, False, True, True, True, True, True, False]
    good = reranker.score(query_of("a dog"), candidates_of(pictures[:2]))
    expected = good - candidates_of(pictures[:2]).similarities
    np.testing.assert_allclose((scores - candidates_of(paths).similarities)[[1, 7]], expected, atol=1e-4)
    assert np.isnan(reranker.score(query_of("a dog"), candidates_of(bad))).all()
    query = EncodedQuery("image", np.ones(1, np.float32), None, image=pictures[0])
    assert list(np.isnan(reranker.score(query, candidates_of(pictures[:2], [None, "a dog"])))) == [True, False]
    with pytest.raises(FileError, match=r"The query image .*gone.png cannot be used: "):
        reranker.score(
            EncodedQuery("image", np.ones(1, np.float32), None, image=bad[2]), candidates_of(pictures[:1], ["a"])
        )


def test_pictures_are_upright_and_squashed(reranker: BlipReranker, tmp_path: Path) -> None:
    coarse = np.random.default_rng(5).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    upright = Image.fromarray(coarse).resize((120, 80), Image.Resampling.BICUBIC)
    upright.save(tmp_path / "upright.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter to the right
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    upright.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(tmp_path / "small.png")
    paths = [str(tmp_path / name) for name in ("upright.png", "turned.png", "small.png")]
    candidates = candidates_of(paths)
    odds = reranker.score(query_of("a dog"), candidates) - candidates.similarities
    np.testing.assert_allclose(odds, odds[0], atol=1e-4)


def test_nothing_is_scored_as_nothing(reranker: BlipReranker, pictures: list[str]) -> None:
    assert reranker.score(query_of("a dog"), candidates_of([])).shape == (0,)
    query = EncodedQuery("image", np.ones(1, np.float32), None, image=pictures[0])
    assert reranker.score(query, candidates_of([])).shape == (0,)


def test_threads_and_devices_give_the_same_scores(reranker: BlipReranker, folder: Path, pictures: list[str]) -> None:
    texts = ["a dog", "two men on the beach", "red cars", "a cat"]
    candidates = candidates_of(pictures)
    with ThreadPoolExecutor(4) as pool:
        there = list(pool.map(lambda text: reranker.score(query_of(text), candidates), texts))
    two = BlipReranker(str(folder), "cpu,cpu")
    image = EncodedQuery("image", np.ones(1, np.float32), None, image=pictures[0])
    for text, scores in zip(texts, there, strict=True):
        np.testing.assert_array_equal(reranker.score(query_of(text), candidates), scores)
        np.testing.assert_allclose(two.score(query_of(text), candidates), scores, atol=1e-4)
    some = candidates_of(pictures[:4], texts)
    np.testing.assert_allclose(two.score(image, some), reranker.score(image, some), atol=1e-4)


def test_what_it_is(reranker: BlipReranker, folder: Path) -> None:
    assert reranker.name == f"blip:{folder}"
    assert reranker.needs_tokens is False
    assert reranker.explain(query_of("a dog"), np.zeros((49, 64), np.int8)) is None
    with pytest.raises(ValueError, match="text is missing"):
        reranker.score(EncodedQuery("text", np.ones(1, np.float32), None), candidates_of([]))
    with pytest.raises(ValueError, match="image is missing"):
        reranker.score(EncodedQuery("image", np.ones(1, np.float32), None), candidates_of([]))
    with pytest.raises(UsageError, match="no device"):
        BlipReranker(str(folder), "abacus")


def test_loading_prints_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    BlipReranker(str(folder), "cpu")
    assert capfd.readouterr() == ("", "")


def test_a_checkpoint_of_torch_will_do(
    reranker: BlipReranker, folder: Path, pictures: list[str], tmp_path: Path
) -> None:
    copied = shutil.copytree(folder, tmp_path / "old")
    (copied / "model.safetensors").unlink()
    torch.save(make_model().state_dict(), copied / "pytorch_model.bin")
    scores: Float32 = BlipReranker(str(copied), "cpu").score(query_of("a dog"), candidates_of(pictures))
    np.testing.assert_allclose(scores, reranker.score(query_of("a dog"), candidates_of(pictures)), atol=1e-5)


# Bad input: one sentence that says what to do


def refusal(spec: object) -> str:
    with pytest.raises(EncoderUnavailableError) as caught:
        BlipReranker(str(spec), "cpu")
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


def test_specs_that_name_nothing(tmp_path: Path) -> None:
    assert "names no model" in refusal("  ")
    assert "There is no folder" in refusal(tmp_path / "gone")
    assert "There is no folder" in refusal("~/no/such/folder")
    assert "There is no folder" in refusal("blip-itm-base-coco")


def test_folders_that_hold_something_else(folder: Path, tmp_path: Path) -> None:
    assert "holds no config.json" in refusal(tmp_path)
    config = tmp_path / "config.json"
    config.write_text("{")
    assert "does not describe" in refusal(tmp_path)
    config.write_text(json.dumps({"model_type": "bert"}))
    assert "the kind 'bert' and not 'blip'" in refusal(tmp_path)
    shutil.copy(folder / "config.json", config)
    assert "holds no weights" in refusal(tmp_path)
    shutil.copy(folder / "model.safetensors", tmp_path)
    assert "holds no tokenizer" in refusal(tmp_path)


def test_a_blip_of_another_kind(folder: Path, tmp_path: Path) -> None:
    save_tokenizer(tmp_path)
    make_model("BlipForConditionalGeneration").save_pretrained(tmp_path)
    assert "is no BLIP for image-text matching: its weights lack " in refusal(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "other size", "code"])
def test_damaged_weights(folder: Path, tmp_path: Path, damage: str) -> None:
    copied = shutil.copytree(folder, tmp_path / "copy")
    weights = copied / "model.safetensors"
    match damage:
        case "cut":
            weights.write_bytes(weights.read_bytes()[:5000])
        case "text":
            weights.write_text("these are no weights\n" * 9)
        case "empty":
            weights.write_bytes(b"")
        case "other size":
            make_model(image_size=64).save_pretrained(tmp_path / "other")
            shutil.copy(tmp_path / "other" / "model.safetensors", weights)
        case "code":
            weights.unlink()
            torch.save({"x": Path("/")}, copied / "pytorch_model.bin")  # an object, whose making runs code
    assert f"The weights in {copied} cannot be loaded" in refusal(copied)


def test_weights_that_are_no_numbers(folder: Path, pictures: list[str], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    copied = shutil.copytree(folder, tmp_path / "nan")
    state = load_file(copied / "model.safetensors")
    state["itm_head.weight"] = state["itm_head.weight"] * float("nan")
    save_file(state, copied / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match="not a number"):
        BlipReranker(str(copied), "cpu").score(query_of("a dog"), candidates_of(pictures))


def test_a_tokenizer_of_another_model(folder: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(folder, tmp_path / "copy")
    (copied / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(str, range(50))]))
    assert "not of one model" in refusal(copied)


def test_without_transformers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    message = refusal(folder)
    assert "transformers is not installed" in message
    assert "pip install transformers" in message


# The hub


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub cache of this test's own, and no network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "cache"


def test_a_cached_repository_needs_no_hub(
    reranker: BlipReranker, folder: Path, pictures: list[str], cache: Path
) -> None:
    place = cache / "models--me--mine"
    shutil.copytree(folder, place / "snapshots" / ("0" * 40))
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("0" * 40)
    found = BlipReranker("me/mine", "cpu")
    assert found.name == "blip:me/mine"
    scores = found.score(query_of("a dog"), candidates_of(pictures))
    np.testing.assert_array_equal(scores, reranker.score(query_of("a dog"), candidates_of(pictures)))


def test_a_hub_that_cannot_be_reached_is_an_error_soon(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    message = refusal("someone/blip")
    assert "someone/blip is not on this machine and HF_HUB_OFFLINE forbids downloading" in message
    assert "`reranker='blip:/path/to/folder'`" in message
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    getattr(huggingface_hub, "close_session", lambda: None)()  # the shared client remembers the proxies
    assert "http://127.0.0.1:9 cannot be reached" in refusal("someone/blip")
