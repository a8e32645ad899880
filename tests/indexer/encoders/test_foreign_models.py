"""Models and stores of strangers: nothing is fetched because a store names it, and no code that came with one runs."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.encoders.base import EncoderId, Preprocessing
from indexer.encoders.registry import load_encoder, open_encoder
from indexer.errors import EncoderUnavailableError
from tests.fixtures.recording_hub import recording_hub

TEXT: dict[str, Any] = {"context_length": 8, "vocab_size": 100, "width": 32, "heads": 2, "layers": 1}
CONFIG: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": TEXT,
}
PLAIN = Preprocessing(32, 32, "squash", "bicubic", (0.5,) * 3, (0.5,) * 3)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """What a hub was asked for."""
    with recording_hub(monkeypatch, tmp_path / "cache") as requests:
        yield requests


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import open_clip
    from safetensors.torch import save_file

    path = tmp_path_factory.mktemp("weights") / "open_clip_model.safetensors"
    save_file(open_clip.CLIP(**CONFIG).state_dict(), path)
    return path


def stored(name: str) -> EncoderId:
    return EncoderId(name, "0" * 64, 16, PLAIN)


def refusal(spec: str) -> str:
    with pytest.raises(EncoderUnavailableError) as caught:
        load_encoder(spec, device="cpu")
    assert "\n" not in str(caught.value)
    return str(caught.value)


# What a store names


@pytest.mark.parametrize("name", ["open_clip:hf-hub:evil/x", "open_clip:ViT-B-32/laion2b_s34b_b79k"])
def test_a_store_makes_nobody_ask_the_hub(name: str, asked: list[str], tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailableError) as caught:
        open_encoder(tmp_path, stored(name), device="cpu")
    assert asked == []
    message = str(caught.value)
    assert str(tmp_path) in message
    assert f"`open(..., encoder='{name}').query('...')` fetches it" in message


def test_who_names_an_encoder_fetches_it(asked: list[str], tmp_path: Path) -> None:
    """The check of the test above: the hub is asked when a person names the same encoder."""
    with pytest.raises(EncoderUnavailableError):
        open_encoder(tmp_path, stored("open_clip:hf-hub:evil/x"), "open_clip:hf-hub:evil/x", device="cpu")
    assert any(each.startswith("HEAD /evil/x") for each in asked)


def test_parts_of_a_model_are_not_fetched_either(
    asked: list[str], tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repository is in the cache; it names a tokenizer and a text model in others, which are not."""
    for field in ("hf_tokenizer_name", "hf_model_name"):
        described = {"model_cfg": CONFIG | {"text_cfg": TEXT | {field: "evil/part"}}}
        place = tmp_path / "cache" / "models--evil--x"
        here = place / "snapshots" / ("0" * 40)
        (place / "refs").mkdir(parents=True, exist_ok=True)
        here.mkdir(parents=True, exist_ok=True)
        (place / "refs" / "main").write_text("0" * 40)
        (here / "open_clip_config.json").write_text(json.dumps(described))
        shutil.copy(weights, here)
        with pytest.raises(EncoderUnavailableError, match="nothing is fetched"):
            open_encoder(tmp_path, stored("open_clip:hf-hub:evil/x"), device="cpu")
    assert asked == []


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("hf_tokenizer_name", "The model's tokenizer evil/part is not on this machine"),
        ("hf_model_name", "The configuration of the model's text tower evil/part is not on this machine"),
    ],
)
def test_what_is_missing_of_a_model_is_named(
    field: str, said: str, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights are here, and no message says that they are not."""
    import open_clip

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr(
        open_clip,
        "get_model_config",
        lambda _: json.loads(json.dumps(CONFIG | {"text_cfg": TEXT | {field: "evil/part"}})),
    )
    message = refusal(f"ViT-B-32@{weights}")
    assert message.startswith(said)
    assert "a folder with the weights" in message


def test_an_image_tower_that_timm_would_fetch(asked: list[str], tmp_path: Path, weights: Path) -> None:
    """timm asks the hub for the description of a tower even where it is to fetch no weights."""
    tower = {"image_size": 32, "timm_model_name": "hf-hub:evil/tower", "timm_pool": "", "timm_proj": "linear"}
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": CONFIG | {"vision_cfg": tower}}))
    shutil.copy(weights, tmp_path)
    assert "no architecture of timm" in refusal(f"local-dir:{tmp_path}")
    assert asked == []


@pytest.mark.parametrize("spec", ["hf-hub:my org/x", "hf-hub:my/x\x1b[2J", "hf-hub:a/" + "x" * 300, "hf-hub:../x"])
def test_what_can_be_no_repository(spec: str, asked: list[str]) -> None:
    assert "can be no repository" in refusal(spec)
    assert asked == []


# Code that came with a model


def folder_of(tmp_path: Path, weights: Path, **text: object) -> Path:
    """A folder with a model and a tokenizer whose own class writes a mark when it is loaded."""
    folder = tmp_path / "model"
    folder.mkdir()
    config = CONFIG | {"text_cfg": TEXT | text}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    shutil.copy(weights, folder)
    code = f"open({str(tmp_path / 'mark')!r}, 'w').close()\nclass Evil:\n    pass\nEvilConfig = EvilModel = Evil\n"
    (folder / "evil.py").write_text(code)
    classes = {"AutoTokenizer": ["evil.Evil", None], "AutoConfig": "evil.EvilConfig", "AutoModel": "evil.EvilModel"}
    described = {"tokenizer_class": "Evil", "auto_map": classes, "model_type": "evil"}
    (folder / "tokenizer_config.json").write_text(json.dumps(described))
    (folder / "config.json").write_text(json.dumps(described))
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n")
    return folder


@pytest.fixture
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person would say yes."""
    pytest.importorskip("transformers")

    def ask(prompt: str = "") -> str:
        pytest.fail(f"somebody was asked: {prompt}")

    monkeypatch.setattr("builtins.input", ask)
    monkeypatch.setattr(sys, "stdin", None)


@pytest.mark.usefixtures("nobody_is_asked")
@pytest.mark.parametrize(
    "text",
    [
        {"hf_tokenizer_name": "evil/tokenizer"},
        {"hf_tokenizer_name": "evil/tokenizer", "tokenizer_kwargs": {"trust_remote_code": True}},
        {"hf_model_name": "FOLDER"},
    ],
    ids=["tokenizer", "told-to-trust", "text-model"],
)
def test_code_that_came_with_a_model_never_runs(
    text: dict[str, Any], tmp_path: Path, weights: Path, asked: list[str]
) -> None:
    text = {name: str(tmp_path / "model") if value == "FOLDER" else value for name, value in text.items()}
    folder = folder_of(tmp_path, weights, **text)
    message = refusal(f"local-dir:{folder}")
    assert "which is never done" in message or "not taken from a file" in message
    assert not (tmp_path / "mark").exists()
    assert asked == []


@pytest.mark.usefixtures("nobody_is_asked")
def test_the_folder_would_run_its_code_elsewhere(tmp_path: Path, weights: Path) -> None:
    """The check of the test above: whoever trusts the folder runs its code."""
    import transformers

    folder = folder_of(tmp_path, weights)
    with contextlib.suppress(Exception):  # the class is no real one; the file has run by then
        transformers.AutoConfig.from_pretrained(str(folder), trust_remote_code=True)
    assert (tmp_path / "mark").exists()
