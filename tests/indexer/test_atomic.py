"""A file is there whole or as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from indexer import atomic
from indexer.atomic import write_atomically


def test_the_parts_follow_each_other_and_nothing_is_left_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "a file"
    path.write_bytes(b"old, and longer than what comes")
    write_atomically(path, b"new ", memoryview(b"content"))
    assert path.read_bytes() == b"new content"
    assert os.listdir(tmp_path) == ["a file"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = tmp_path / "a file"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, step, full)
        with pytest.raises(OSError, match="No space"):
            write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a file"]


def test_it_is_on_the_disk_before_it_is_moved_and_the_move_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(atomic.os, name, lambda *given, name=name, real=real: (steps.append(name), real(*given))[1])
    write_atomically(tmp_path / "a file", b"new")
    assert steps == (["fsync", "replace", "fsync"] if os.name == "posix" else ["fsync", "replace"])


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "none" / "a file", b"new")
