"""Where sockets lie, and which store a command is about: told without the libraries that the indexer uses."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from indexer.errors import ResidentError
from indexer.store_address import default_store
from search.resident import client, socket_paths
from search.resident.background import checked_base
from search.shell.options import store_in
from tests.conftest import Cli

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the rules of Linux")


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SEARCH_STORE", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("variables", "is_told"),
    [
        ({}, True),
        ({"SEARCH_STORE": "relative.search"}, True),
        ({"SEARCH_STORE": " ~/photos.search "}, True),
        ({"SEARCH_STORE": ""}, True),
        ({"XDG_DATA_HOME": "/data"}, True),
        ({"XDG_DATA_HOME": ""}, True),
        ({"XDG_DATA_HOME": "relative"}, False),
        ({"XDG_DATA_HOME": " "}, False),
        ({"HOME": "relative"}, False),
        ({"HOME": ""}, False),
    ],
)
def test_the_default_store_is_the_indexers(
    variables: dict[str, str], is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    told = socket_paths.default_store()
    assert (told is not None) == is_told
    if told is not None:
        assert told == os.path.abspath(default_store())


@pytest.mark.parametrize(
    ("arguments", "store"),
    [
        (["query", "x", "-s", "/a"], "/a"),
        (["query", "-s/a", "x"], "/a"),
        (["query", "--store", "/a", "x"], "/a"),
        (["query", "x", "--store=/a"], "/a"),
        (["query", "x", "-s", "/a", "-s", "/b"], "/b"),
        (["query", "-s", "/a", "--", "--store=/b"], "/a"),
        (["query", "-s", "/a", "x", "--sort", "-size"], "/a"),
        (["query", "x", "--sort", "-size", "-s", "/a"], "/a"),
        (["query", "-s", "~/x"], os.path.expanduser("~/x")),
        (["query", "-s", "/a/../b"], "/b"),
    ],
)
def test_the_store_of_a_command(arguments: list[str], store: str) -> None:
    assert socket_paths.store_of(store_in(arguments)) == store


def test_a_relative_store_is_below_the_working_folder(tmp_path: Path) -> None:
    assert socket_paths.store_of(store_in(["query", "x", "-s", "store"])) == str(tmp_path / "store")
    assert socket_paths.store_of(store_in(["query", "x"])) == os.path.abspath(default_store())


def test_one_store_by_two_names_has_one_socket(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "link").symlink_to("store")
    assert socket_paths.base(str(tmp_path / "store")) == socket_paths.base(str(tmp_path / "link"))
    assert socket_paths.base(str(tmp_path / "store")) != socket_paths.base(str(tmp_path / "other"))


def test_the_folder_is_made_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert socket_paths.prepare()
    assert socket_paths.prepare()
    assert (tmp_path / socket_paths.APPLICATION).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o755, 0o701])
def test_a_folder_that_others_reach_is_refused(mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (tmp_path / f"{socket_paths.APPLICATION}-{os.geteuid()}").mkdir()
    (tmp_path / f"{socket_paths.APPLICATION}-{os.geteuid()}").chmod(mode)
    assert not socket_paths.prepare()
    with pytest.raises(ResidentError, match=rf"is open to others \({mode:04o}\); close it with `chmod 700 /"):
        checked_base("/a")


def test_a_link_or_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    assert socket_paths.is_private(str(tmp_path / "real"))
    assert not socket_paths.is_private(str(tmp_path / "link"))
    assert not socket_paths.is_private(str(tmp_path / "nothing"))
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert not socket_paths.is_private(str(tmp_path / "real"))


def test_a_folder_that_cannot_be_made_is_not_to_be_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    above = tmp_path / "nowhere"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(above))  # as that is not there, TMPDIR decides
    monkeypatch.setenv("TMPDIR", str(above))
    with pytest.raises(ResidentError) as raised:
        checked_base("/a")
    assert str(raised.value) == (
        f"The folder {above}/{socket_paths.APPLICATION}-{os.geteuid()} cannot be made ({above} is not there); set "
        "XDG_RUNTIME_DIR or TMPDIR to a folder of yours."
    )


def test_a_path_that_is_too_long_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ("x" * 100)).mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("x" * 100)))
    with pytest.raises(ResidentError, match="too long"):
        checked_base("/a")


def test_a_system_without_unix_sockets_says_so_and_answers(
    cli: Cli, indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_paths, "AVAILABLE", False)
    assert client.answer(["query", "a cat", "-s", str(indexed)], str(indexed)) is None
    for more in ([], ["--background"]):
        said = cli("serve", "-s", indexed, *more)
        assert (said.code, "Unix sockets" in said.err) == (2, True)
    for more in (["--stop"], ["--status"]):
        assert cli("serve", "-s", indexed, *more).code == 1
    found = cli("query", "a cat", "-k", 1, "-s", indexed, "--resident")
    assert (found.code, "chelsea.png" in found.out, "Unix sockets" in found.err) == (0, True, True)
