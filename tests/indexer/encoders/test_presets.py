"""Presets: what each stands for, pinned and verified, from a hub on this machine."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from indexer.encoders import hub, presets
from indexer.encoders.openclip import OpenClipEncoder
from indexer.encoders.openclip_spec import parse_spec
from indexer.encoders.presets import PRESETS, find_preset, full_name
from indexer.encoders.registry import load_encoder
from indexer.errors import EncoderUnavailableError, UsageError

COMMIT, LATER = "a" * 40, "b" * 40
REPOSITORY = "someone/tiny"
CONFIG = {
    "model_cfg": {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
        "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    },
    "preprocess_cfg": {},
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    import open_clip
    from safetensors.torch import save_file

    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    save_file(open_clip.CLIP(**CONFIG["model_cfg"]).state_dict(), path)
    return path.read_bytes()


@pytest.fixture
def files(weights: bytes) -> dict[str, bytes]:
    """What the hub holds, by revision and name; the newest revision is another model."""
    return {
        f"{COMMIT}/open_clip_config.json": json.dumps(CONFIG).encode(),
        f"{COMMIT}/open_clip_model.safetensors": weights,
        f"{LATER}/open_clip_config.json": b"{}",
        f"{LATER}/open_clip_model.safetensors": b"another",
    }


@pytest.fixture(autouse=True)
def a_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: dict[str, bytes]) -> Iterator[None]:
    from huggingface_hub import constants

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, *, with_body: bool) -> None:
            place = self.path.removeprefix(f"/{REPOSITORY}/resolve/").replace("main/", f"{LATER}/")
            body = files.get(place, b"")
            known = place in files or "/resolve/" not in self.path
            self.send_response(200 if known else 404)
            self.send_header(
                *(("ETag", f'"{place.replace("/", "-")}"') if known else ("X-Error-Code", "EntryNotFound"))
            )
            self.send_header("X-Repo-Commit", place[:40])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True, raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("SEARCH_CACHE", str(tmp_path / "cache"))
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{running.server_port}/")
        yield
        running.shutdown()


@pytest.fixture
def pinned(monkeypatch: pytest.MonkeyPatch, weights: bytes) -> None:
    """The preset "fast" is the hub's first commit."""
    preset = replace(
        PRESETS[0],
        repository=REPOSITORY,
        revision=COMMIT,
        sums={"open_clip_model.safetensors": hashlib.sha256(weights).hexdigest()},
    )
    monkeypatch.setattr(presets, "PRESETS", (preset, *PRESETS[1:]))


def test_every_preset_is_a_pinned_revision_with_the_hash_of_its_weights() -> None:
    assert [preset.purpose for preset in PRESETS] == ["fast", "balanced", "best", "multilingual"]
    for preset in PRESETS:
        spec = parse_spec(preset.encoder)
        assert (spec.kind, spec.source, spec.revision) == ("hub", preset.repository, preset.revision)
        assert spec.name == preset.encoder
        assert "open_clip_model.safetensors" in preset.sums
        assert all(len(bytes.fromhex(each)) == 32 for each in preset.sums.values())
        assert presets.known_sums(preset.repository, preset.revision) == preset.sums
        assert presets.known_sums(preset.repository, None) == {}


def test_presets_are_what_open_clip_publishes() -> None:
    """Repository and dimension; the tokenizer is pinned where the repository brings its own."""
    import open_clip

    published: dict[str, Any] = {}
    for model, tag in open_clip.list_pretrained():
        repository = (open_clip.get_pretrained_cfg(model, tag).get("hf_hub") or "").strip("/")
        published[repository] = open_clip.get_model_config(model)
    for preset in PRESETS:
        config = published[preset.repository]
        assert config["embed_dim"] == preset.dimension
        assert ("tokenizer.json" in preset.sums) == ("hf_tokenizer_name" in config["text_cfg"])


def test_a_preset_is_known_in_any_case() -> None:
    assert find_preset(" Fast ") is PRESETS[0]
    assert full_name("best") == PRESETS[2].encoder
    assert full_name("ViT-B-32/openai") == "ViT-B-32/openai"


@pytest.mark.usefixtures("pinned")
def test_a_preset_is_fetched_at_its_revision_and_keeps_its_full_name() -> None:
    encoder = load_encoder("fast", device="cpu")
    assert isinstance(encoder, OpenClipEncoder)
    assert encoder.identity.name == f"open_clip:hf-hub:{REPOSITORY}@{COMMIT}"
    assert COMMIT in encoder.checkpoint


@pytest.mark.usefixtures("pinned")
@pytest.mark.parametrize("when", ["on the hub", "in the cache"])
def test_other_weights_than_were_published_are_refused(when: str, files: dict[str, bytes], weights: bytes) -> None:
    if when == "in the cache":
        load_encoder("fast", device="cpu")
        kept = Path(hub.fetch(REPOSITORY, ["open_clip_model.safetensors"], revision=COMMIT)).resolve()
        kept.write_bytes(weights[:-4] + b"evil")
    else:
        files[f"{COMMIT}/open_clip_model.safetensors"] = weights[:-4] + b"evil"
    with pytest.raises(EncoderUnavailableError, match="is not the one that was published") as caught:
        load_encoder("fast", device="cpu")
    assert "delete it and run the same command again" in str(caught.value)


def test_a_revision_is_asked_for_and_kept_apart_from_the_newest() -> None:
    assert Path(hub.fetch(REPOSITORY, ["open_clip_model.safetensors"])).read_bytes() == b"another"
    pinned = hub.fetch(REPOSITORY, ["open_clip_config.json"], revision=COMMIT)
    assert json.loads(Path(pinned).read_text()) == CONFIG
    with pytest.raises(hub.NotOnThisMachineError):
        hub.fetch(REPOSITORY, ["open_clip_model.safetensors"], revision=COMMIT, download=False)


@pytest.mark.parametrize(
    "text", [f"hf-hub:{REPOSITORY}@", f"hf-hub:{REPOSITORY}@main", f"hf-hub:{REPOSITORY}@{'A' * 40}"]
)
def test_what_is_no_commit(text: str) -> None:
    with pytest.raises(EncoderUnavailableError, match="no commit of a repository; write its 40 hex digits"):
        parse_spec(text)


def test_previous_is_no_encoder_by_itself() -> None:
    with pytest.raises(UsageError, match=r"only `index\(reencode=True\)` takes it"):
        load_encoder("previous")
