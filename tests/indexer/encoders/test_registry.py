"""Encoders by name: every spelling, every wrong name, and what is listed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from indexer import distribution
from indexer.encoders import registry
from indexer.encoders.base import EncoderId
from indexer.encoders.graph_model import BUNDLED
from indexer.encoders.openclip_spec import parse_spec
from indexer.encoders.registry import RECOMMENDED, list_encoders, load_encoder
from indexer.errors import EncoderMismatchError, EncoderUnavailableError
from tests.fixtures.colour_encoder import ColourEncoder


def refusal(spec: str) -> str:
    with pytest.raises(EncoderUnavailableError) as caught:
        load_encoder(spec, device="cpu")
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith((".", "?"))
    return message


def test_every_form_has_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "a@b").mkdir()
    (tmp_path / "a@b" / "w.pt").write_bytes(b"")
    names = {
        "ViT-B-32/laion2b_s34b_b79k": "open_clip:ViT-B-32/laion2b_s34b_b79k",
        "open_clip:ViT-B/32/LAION2B-s34b-b79k": "open_clip:ViT-B-32/laion2b_s34b_b79k",
        "hf-hub:timm/x": "open_clip:hf-hub:timm/x",
        "local-dir:a@b": f"open_clip:local-dir:{tmp_path / 'a@b'}",
        "ViT-B-32@a@b/w.pt": f"open_clip:ViT-B-32@{tmp_path / 'a@b' / 'w.pt'}",
        "ViT-B-32@~/a@b/../a@b/w.pt": f"open_clip:ViT-B-32@{tmp_path / 'a@b' / 'w.pt'}",
    }
    for text, name in names.items():
        assert parse_spec(text).name == name
        assert parse_spec(name) == parse_spec(text)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("nonsense", "There is no encoder 'nonsense'"),
        ("nonsense", "adapted:FOLDER"),
        ("vit-b-32-256", "MODEL/TAG"),
        ("open_clip:ViT-B-32", "does not say which weights"),
        ("open_clip:", "does not say which weights"),
        ("ViT-B-32/", "does not say which weights"),
        ("vit-b-23/openai", "ViT-B-32"),
        ("zzzz/openai", "`list_encoders(all=True)`"),
        ("ViT-B-32-256/no_such_tag", "it has datacomp_s34b_b86k"),
        ("hf-hub:nothing", "hf-hub:ORGANISATION/REPOSITORY"),
        ("local-dir:/no/such/folder", "There is no folder /no/such/folder"),
        ("ViT-B-32@/no/such/file.pt", "There is no checkpoint file /no/such/file.pt"),
        ("ViT-B-32@", "MODEL@CHECKPOINT"),
        ("./weights.safetensors", "MODEL@CHECKPOINT"),
        ("models/weights.pt", "MODEL@CHECKPOINT"),
    ],
)
def test_bad_names(spec: str, expected: str) -> None:
    assert expected in refusal(spec)


@pytest.mark.parametrize("missing", ["open_clip", "torch"])
def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    if missing == "torch":
        monkeypatch.delitem(sys.modules, "open_clip", raising=False)
    message = refusal("ViT-B-32/openai")
    assert "pip install open_clip_torch torch torchvision" in message
    assert "`encoder='bundled'`" in message
    monkeypatch.setattr(distribution, "installed", lambda: distribution.LIGHT)
    message = refusal("ViT-B-32/openai")
    assert "`pip uninstall image-collection-search-light faiss-cpu`, then install image-collection-search (" in message
    assert "pip install" not in message  # which would bring gigabytes into an environment of the light form


def test_the_modules_import_neither_torch_nor_open_clip() -> None:
    code = (
        "import sys, indexer.encoders.registry as r, indexer.encoders.openclip; r.list_encoders();"
        "print(sorted({'torch', 'open_clip', 'huggingface_hub'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_recommended_models_are_what_they_are_said_to_be() -> None:
    import open_clip

    published = set(open_clip.list_pretrained())
    for info in RECOMMENDED:
        spec = parse_spec(info.name)
        assert spec.name == info.name
        assert (spec.model, spec.source) in published
        config = open_clip.get_model_config(spec.model)
        assert config["embed_dim"] == info.dimension
        assert "transformers" not in info.note  # their tokenizers are read without


def test_encoders_are_listed() -> None:
    few, every = list_encoders(), list_encoders(all=True)
    assert few[0].name == BUNDLED
    assert every[: len(few)] == few
    names = [info.name for info in every]
    assert len(names) == len(set(names)) > 100
    assert "open_clip:ViT-B-32/laion2b_s34b_b79k" in names


@pytest.mark.parametrize(
    ("asked", "stored", "loaded"),
    [
        (None, None, ("bundled", None)),
        ("colours", None, ("colours", None)),
        (None, ColourEncoder().identity, ("colours", ColourEncoder().identity)),
        ("colours", ColourEncoder().identity, ("colours", ColourEncoder().identity)),
        ("moved", ColourEncoder().identity, ("moved", None)),  # the same weights under another name
    ],
)
def test_a_stores_encoder_is_opened_by_its_name(
    monkeypatch: pytest.MonkeyPatch, asked: str | None, stored: EncoderId | None, loaded: tuple[str, EncoderId | None]
) -> None:
    calls: list[tuple[str, EncoderId | None]] = []

    def load(name: str, device: str | None, *, stored: EncoderId | None, download: bool) -> ColourEncoder:
        assert download is (asked is not None)
        calls.append((name, stored))
        return ColourEncoder()

    monkeypatch.setattr(registry, "load_encoder", load)
    assert registry.open_encoder(Path("s"), stored, asked).identity == ColourEncoder().identity
    assert calls == [loaded]


def test_an_encoder_of_other_weights_is_refused_unless_it_takes_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "load_encoder", lambda name, device, stored, download: ColourEncoder("2"))
    stored = ColourEncoder("1").identity
    with pytest.raises(EncoderMismatchError, match=r"with an earlier colours .1, now 2.; .open.*index.reencode=True"):
        registry.open_encoder(Path("s"), stored)
    with pytest.raises(EncoderMismatchError, match="s was made with the encoder palette, not colours"):
        registry.open_encoder(Path("s"), replace(stored, name="palette"), "colours")
    assert registry.open_encoder(Path("s"), stored, reencode=True).identity.weights == "2"
