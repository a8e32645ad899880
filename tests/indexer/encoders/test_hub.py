"""Fetching from a hub: each way of being unreachable ends within five seconds, and the cache needs no network."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from indexer.encoders import hub
from indexer.encoders.openclip import OpenClipEncoder
from indexer.encoders.registry import load_encoder, open_encoder
from indexer.errors import EncoderMismatchError, EncoderUnavailableError

REPO = "someone/some-model"
FILES = {"weights.bin": b"tensors", "open_clip_config.json": b"{}"}


@pytest.fixture(autouse=True)
def _empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache of its own, no proxy, and the hub not switched off, whatever the machine says."""
    import huggingface_hub
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True, raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    getattr(huggingface_hub, "close_session", lambda: None)()  # the shared client remembers the proxies


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """A hub of one repository, on this machine."""

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, *, with_body: bool) -> None:
            prefix = f"/{REPO}/resolve/main/"
            name = self.path.removeprefix(prefix)
            body = FILES.get(name, b"")
            if self.path.startswith(prefix) and name not in FILES:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
            else:
                self.send_response(200)
                self.send_header("ETag", f'"{name}"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{running.server_port}/")
        yield running
        running.shutdown()


def fails_in_time(spec: str | None = None) -> str:
    if spec is not None:
        import open_clip  # noqa: F401 - not part of the wait
    started = time.monotonic()
    with pytest.raises(EncoderUnavailableError) as caught:
        hub.fetch(REPO, ["weights.bin"]) if spec is None else OpenClipEncoder(spec, device="cpu")
    assert time.monotonic() - started < 30  # nothing hangs; a busy machine may take its time
    message = str(caught.value)
    assert "connect this machine to the network and run the same command again" in message
    assert "`encoder='open_clip:" in message
    assert "Errno" not in message
    assert "bundled" not in message
    assert "\n" not in message
    return message


def test_offline_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE" in fails_in_time()
    assert "HF_HUB_OFFLINE" in fails_in_time("ViT-B-32/laion2b_s34b_b79k")


def test_a_hub_that_refuses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, but nobody listens
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setenv("HF_ENDPOINT", address)
        assert f"{address} cannot be reached" in fails_in_time()
        assert address in fails_in_time(f"hf-hub:{REPO}")


@pytest.mark.parametrize("spec", ["hf-hub:someone/some-model", "ViT-B-32/openai"])
def test_a_hub_that_never_answers_is_an_error(monkeypatch: pytest.MonkeyPatch, spec: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert "cannot be reached" in fails_in_time(spec)


def test_a_look_up_that_never_ends_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket timeout covers the name server."""
    release = threading.Event()

    class Session:
        def head(self, url: str, timeout: float) -> None:
            release.wait(120)

    monkeypatch.setattr("huggingface_hub.get_session", lambda: Session())
    monkeypatch.setattr(hub, "PROBE_SECONDS", 0.2)
    assert "no answer within" in fails_in_time()
    release.set()


def test_a_gateway_that_cannot_reach_the_hub_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Session:
        status_code = 503

        def head(self, url: str, timeout: float) -> Session:
            return self

    monkeypatch.setattr("huggingface_hub.get_session", lambda: Session())
    assert "status 503" in fails_in_time()


def test_what_to_bring_to_a_machine_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A preset by its own name, and of published weights the file."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EncoderUnavailableError) as preset:
        load_encoder("balanced", "cpu")
    assert str(preset.value) == (
        "The encoder balanced (timm/ViT-B-32-SigLIP2-256) is not on this machine and HF_HUB_OFFLINE forbids "
        "downloading; connect this machine to the network and run the same command again, or bring "
        "open_clip_config.json, open_clip_model.safetensors and, where it has them, tokenizer.json and "
        "tokenizer_config.json of the repository timm/ViT-B-32-SigLIP2-256 at commit "
        "cd1efb47643f into a folder here from another machine and name it: "
        "`encoder='open_clip:local-dir:/path/to/folder'`."
    )
    with pytest.raises(
        EncoderUnavailableError, match=r"The encoder ViT-B-32/laion2b_s34b_b79k is not.*ViT-B-32@/path/to/open_clip"
    ):
        load_encoder("ViT-B-32/laion2b_s34b_b79k", "cpu")


def test_only_a_new_store_is_told_of_the_bundled_encoder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EncoderUnavailableError, match=r"; or use `encoder='bundled'`, which needs no network\.$"):
        open_encoder(tmp_path, None, "balanced", "cpu")
    bundled = load_encoder("bundled").identity
    with pytest.raises(EncoderUnavailableError) as told:
        open_encoder(tmp_path, bundled, "balanced", "cpu", reencode=True)
    assert "bundled" not in str(told.value)


def test_another_encoder_is_refused_before_anything_is_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hub, "require_reachable", lambda *_: pytest.fail("the network was asked"))
    bundled = load_encoder("bundled").identity
    with pytest.raises(EncoderMismatchError) as told:
        open_encoder(tmp_path, bundled, "best")
    assert str(told.value) == (
        f"{tmp_path} was made with the encoder bundled, not best; `open(..., encoder='best').index(reencode=True)` "
        "encodes it anew."
    )


def test_a_file_is_downloaded_once_and_then_needs_no_hub(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = hub.fetch(REPO, ["weights.safetensors", "weights.bin"])  # the first is not there
    assert Path(path).read_bytes() == b"tensors"
    monkeypatch.setattr(hub, "require_reachable", lambda *_: pytest.fail("the network was asked"))
    assert hub.fetch(REPO, ["weights.safetensors", "weights.bin"]) == path


def test_a_file_that_no_repository_has_is_an_error(server: ThreadingHTTPServer) -> None:
    with pytest.raises(EncoderUnavailableError, match=r"offers no model\.bin or model\.pt"):
        hub.fetch(REPO, ["model.bin", "model.pt"])


def test_a_cached_folder_needs_no_hub(server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    path = hub.fetch(REPO, ["weights.bin"])
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert hub.fetch_folder(REPO, ["vocab.txt", "weights.bin"], ["*"]) == str(Path(path).parent)
    with pytest.raises(EncoderUnavailableError, match="HF_HUB_OFFLINE"):
        hub.fetch_folder(REPO, ["vocab.txt"], ["*"])
