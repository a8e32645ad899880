"""Who may answer for whom: marks of the code, of variables, of folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.resident import identity as identities
from search.resident.identity import environment, identity, is_same_place, node


def test_the_stamp_changes_with_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "code.py").write_text("old")
    monkeypatch.setattr(identities, "package", lambda: str(tmp_path / "search"))
    before = identities.stamp()
    assert identities.stamp() == before
    (tmp_path / "search" / "code.py").write_text("newer")
    assert identities.stamp() != before


def test_another_version_at_one_place_and_one_version_at_another(monkeypatch: pytest.MonkeyPatch) -> None:
    first = identity()
    monkeypatch.setattr(identities, "__version__", "another")
    assert identity() != first
    assert is_same_place(identity(), first)
    monkeypatch.setattr(identities, "package", lambda: "/elsewhere")
    assert not is_same_place(identity(), first)


def test_variables_that_change_answers_are_told_without_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEARCH_THREADS", raising=False)
    before = environment()
    for name in ("SEARCH_STORE", "SEARCH_RESIDENT", "SEARCH_TOKEN", "EDITOR"):
        monkeypatch.setenv(name, "something else")
        assert environment() == before
    monkeypatch.setenv("HF_TOKEN", "a secret")
    assert environment() != before
    assert "secret" not in environment()
    assert len({environment(), before}) == 2


def test_a_folder_of_the_same_name_is_another(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    before = node(str(tmp_path / "a"))
    assert node(str(tmp_path / "a")) == before
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "a").mkdir()
    assert node(str(tmp_path / "a")) != before
