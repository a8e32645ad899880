"""A photograph in the file manager: of who sits before the machine, by no shell, and never as an option."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from search.web.file_manager import reveal
from search.web.problems import ProblemError
from tests.fixtures.served import API, asked


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A desktop whose programs write down how they were called; `gdbus` finds no file manager to talk to."""
    folder, called = tmp_path / "bin", tmp_path / "called"
    folder.mkdir()
    for name, end in (("gdbus", 1), ("xdg-open", 0)):
        program = folder / name
        program.write_text(
            f'#!/bin/sh\nfor each in {name} "$@"; do printf "%s\\n" "$each"; done >> {called}\nexit {end}\n'
        )
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":0")
    return called


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other desktops are asked in another way")


def test_it_is_shown_where_it_lies(red_store: Path, red: Path, desktop: Path) -> None:
    with asked(red_store) as client:
        client.get(f"{API}/health")
        service = client.app.state.service  # type: ignore[attr-defined]
        assert service.settings.host == "127.0.0.1"
    with asked(red_store) as client:
        client._transport.client = ("127.0.0.1", 5000)  # type: ignore[attr-defined]
        assert client.post(f"{API}/items/1/reveal").status_code == 204
        assert client.post(f"{API}/items/99/reveal").status_code == 404
        called = desktop.read_text().splitlines()
        assert called[0] == "gdbus"
        assert f"['{red.as_uri()}']" in called
        assert called[-2:] == ["xdg-open", str(red.parent)]
        red.unlink()
        assert client.post(f"{API}/items/1/reveal").status_code == 410


def test_nobody_on_another_machine_opens_windows_here(red_store: Path, desktop: Path) -> None:
    token = {"Authorization": "Bearer a-token-of-a-test"}
    with asked(red_store, "http://192.168.1.5:8765", host="0.0.0.0", token="a-token-of-a-test") as client:
        assert client.post(f"{API}/items/1/reveal", headers=token).status_code == 403
    with asked(red_store) as client:
        client._transport.client = ("192.168.1.9", 5000)  # type: ignore[attr-defined]
        assert client.post(f"{API}/items/1/reveal").status_code == 403
    with asked(
        red_store, "http://photos.example", names=("photos.example",)
    ) as client:  # behind a proxy, which is here
        client._transport.client = ("127.0.0.1", 5000)  # type: ignore[attr-defined]
        assert client.post(f"{API}/items/1/reveal").status_code == 403
    assert not desktop.exists()


@pytest.mark.parametrize("name", ["$(touch hacked).png", "a'b\"c;d.png", "-e.png", "new\nline.png", "comma,.png"])
def test_a_name_is_no_command_and_no_option(tmp_path: Path, desktop: Path, name: str) -> None:
    (tmp_path / name).touch()
    reveal(str(tmp_path / name))
    called = desktop.read_text()
    assert f"['{(tmp_path / name).as_uri()}']" in called
    assert not (tmp_path / "hacked").exists()
    assert "'" not in (tmp_path / name).as_uri()


def test_without_a_desktop_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ProblemError, match="no file manager"):
        reveal("/photos/a.png")
