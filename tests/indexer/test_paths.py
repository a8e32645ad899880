"""Paths of a person who may have no home, and may stand in a folder that was deleted."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from indexer.errors import UsageError
from indexer.paths import absolute
from indexer.settings import cache_folder
from indexer.store_address import default_store


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without an entry and without variables, as in a container."""

    def unknown(_: object) -> NoReturn:
        raise KeyError("no such user")

    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "SEARCH_STORE", "SEARCH_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[None]:
    """Standing in a folder that was deleted."""
    before = os.getcwd()
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    yield
    os.chdir(before)


def test_what_is_relative_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/of/me")
    assert absolute("a/../b") == str(tmp_path / "b")
    assert absolute(Path("~/b")) == "/home/of/me/b"
    assert absolute("~") == "/home/of/me"
    assert absolute("/a/~b") == "/a/~b"


def test_a_user_who_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UsageError, match=r"^There is no user nobody-here in whose home ~nobody-here/x could lie; .*\.$"
    ):
        absolute("~nobody-here/x")
    (tmp_path / "~nobody-here").mkdir()  # a shell leaves the name as it is, too
    assert absolute("~nobody-here/x") == str(tmp_path / "~nobody-here" / "x")


def test_a_home_is_asked_for_where_it_is_needed_only(nobody: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert absolute("/a/b") == "/a/b"
    with pytest.raises(UsageError, match=r"^There is no home folder that ~/x could lie in"):
        absolute("~/x")
    with pytest.raises(UsageError, match=r"^There is no home folder to keep an index in .* `store` or SEARCH_STORE\.$"):
        default_store()
    assert cache_folder() is None
    monkeypatch.setenv("SEARCH_CACHE", "~/x")
    assert cache_folder() is None
    monkeypatch.setenv("SEARCH_STORE", "/a/s")
    monkeypatch.setenv("SEARCH_CACHE", "/a/c")
    assert (default_store(), cache_folder()) == (Path("/a/s"), Path("/a/c"))


def test_a_working_folder_is_asked_for_where_it_is_needed_only(lost: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert absolute("/a/b") == "/a/b"
    with pytest.raises(UsageError, match=r"^The working folder is gone, and x is relative to it; "):
        absolute("x")
    monkeypatch.setenv("SEARCH_CACHE", "x")
    assert cache_folder() is None
