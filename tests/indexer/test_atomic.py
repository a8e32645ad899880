"""A file is there whole or as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer import atomic
from indexer.atomic import write_atomically
from tests.fixtures.paths import ROOT


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


# -- what killed processes leave ----------------------------------------------------------------------------

#: Begins to write a file, or a folder, says so, and waits to be killed.
WRITE = """
import os, sys, time
from pathlib import Path
from indexer import atomic

def waiting(*_):
    print("at work", flush=True)
    time.sleep(600)

if sys.argv[2] == "file":
    atomic.os.fsync = waiting
    atomic.write_atomically(Path(sys.argv[1]), b"half")
else:
    with atomic.folder_aside(Path(sys.argv[1])) as made:
        (made / "half").write_bytes(b"half")
        waiting()
"""


@pytest.fixture
def half(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WRITE, str(tmp_path / "model"), request.param]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == "at work\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.skipif(os.name != "posix", reason="locks files")
@pytest.mark.parametrize("half", ["file", "folder"], indirect=True)
def test_what_a_killed_process_left_is_taken_away_and_never_what_is_being_written(
    tmp_path: Path, half: subprocess.Popen[str]
) -> None:
    [left] = os.listdir(tmp_path)
    for _ in range(2):
        atomic.clean(tmp_path)
        write_atomically(tmp_path / "model", b"of another process")
        assert sorted(os.listdir(tmp_path)) == [left, "model"]
        (tmp_path / "model").unlink()
    half.kill()
    half.wait()
    atomic.clean(tmp_path, "another name")
    assert os.listdir(tmp_path) == [left]
    write_atomically(tmp_path / "model", b"whole")
    assert os.listdir(tmp_path) == ["model"]


def test_without_locks_age_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "_lock", lambda handle, wait: False)
    old, new = (atomic.aside_of(tmp_path / name) for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    atomic.clean(tmp_path)
    assert os.listdir(tmp_path) == [new.name]
    atomic.clean(tmp_path, alone=True)
    assert os.listdir(tmp_path) == []


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    names = [".tmp", "a.0123abcd.tmp", ".a.0123.tmp", ".a.0123abcd.tmp~", ".a.0123abcd"]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".link.0123abcd.tmp").symlink_to(tmp_path / "elsewhere")
    atomic.clean(tmp_path, alone=True)
    assert sorted(os.listdir(tmp_path)) == sorted([*names, "elsewhere"])  # of a link only the link goes
