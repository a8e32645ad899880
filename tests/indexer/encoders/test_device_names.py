"""Devices by name, told without torch."""

from __future__ import annotations

import glob
import sys
from pathlib import Path

import pytest

import search
from indexer.encoders import device_names
from indexer.encoders.device_names import check_device, unused, wanted_device
from indexer.encoders.registry import load_encoder
from indexer.errors import UsageError
from search.console import exit_codes
from tests.conftest import Cli


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> bool:
    """Whether this machine shows a GPU, as far as it is asked."""
    is_there: bool = request.param
    monkeypatch.setattr(sys, "platform", "linux")
    shown = ["/dev/nvidiactl"] if is_there else []
    monkeypatch.setattr(glob, "glob", lambda pattern: [each for each in shown if each == pattern])
    return is_there


@pytest.mark.parametrize("gpu", [False, True], indirect=True)
@pytest.mark.parametrize("device", ["cuda", "CUDA:0", "cuda:0, cuda:1", "cpu,cuda", "mps", "cpu", "auto", "", None])
def test_a_device_that_is_not_here_is_refused(gpu: bool, device: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    is_here = device in ("cpu", "auto", "", None) or (gpu and device != "mps")
    for given, variable in ((device, ""), (None, device or "")):
        monkeypatch.setenv("SEARCH_DEVICE", variable)
        if is_here:
            check_device(given)
        else:
            with pytest.raises(UsageError, match="is not on this machine"):
                check_device(given)


@pytest.mark.parametrize("device", ["foo", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "cuda cpu", "cpu,", "gpu", "cudaa"])
def test_what_is_no_device_is_refused(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_DEVICE", "cpu")
    with pytest.raises(UsageError, match=r"^'.*' is no device; use cuda, cuda:0, mps or cpu\.$"):
        wanted_device(device)
    monkeypatch.setenv("SEARCH_DEVICE", device)
    assert wanted_device("cpu") == "cpu"  # what is said beats it
    with pytest.raises(UsageError, match=r"^SEARCH_DEVICE: '.*' is no device"):
        wanted_device(None)


@pytest.mark.parametrize("how", ["option", "variable"])
def test_the_bundled_encoder_is_not_asked_for_the_impossible(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Before a store is made, or anything of one is read."""
    more = ["--device", "quantum"] if how == "option" else []
    monkeypatch.setenv("SEARCH_DEVICE", "quantum" if how == "variable" else "")
    (tmp_path / "photos").mkdir()
    answer = cli("index", tmp_path / "photos", "-s", tmp_path / "s", *more)
    assert (answer.code, answer.out) == (exit_codes.WRONG_USE, "")
    assert "'quantum' is no device" in answer.err
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("gpu", [True], indirect=True)
def test_a_device_that_is_not_used_is_said(gpu: bool, indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "The bundled encoder runs on the CPU; the device cuda is for models on torch, and is not used."
    assert device_names.shows_gpu()
    with search.open(indexed, device="cuda") as library:
        assert library.query("a cat").notes == (said,)
    with search.open(indexed, device="cpu") as library:
        assert library.query("a cat").notes == ()
    assert unused("cuda") == said
    monkeypatch.setenv("SEARCH_DEVICE", "cuda")  # for other stores
    assert load_encoder("bundled").identity.name == "bundled"
    with search.open(indexed) as library:
        assert library.query("a cat").notes == ()
