"""Reading files that are odd, forbidden, or change on the way."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from indexer.errors import ImageTooLargeError, UnreadableFileError
from indexer.images.decoder import read_file
from indexer.settings import DecodeLimits
from indexer.types import Candidate
from tests.fixtures.paths import ROOT

LIMITS = DecodeLimits()


# Reading


def _candidate(path: Path) -> Candidate:
    status = path.stat()
    return Candidate(str(path), status.st_size, status.st_mtime_ns)


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"n\xffme\n.jpg")
    path.write_bytes(b"content")
    assert read_file(_candidate(path), LIMITS) == b"content"
    path.write_bytes(b"")
    assert read_file(_candidate(path), LIMITS) == b""


def test_a_file_that_changed_since_the_scan(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"content")
    candidate = _candidate(path)
    path.write_bytes(b"content and more")
    with pytest.raises(UnreadableFileError, match="it changed while it was read"):
        read_file(candidate, LIMITS)
    path.write_bytes(b"CONTENT")
    os.utime(path, ns=(0, candidate.mtime_ns + 1))
    with pytest.raises(UnreadableFileError, match="it changed while it was read"):
        read_file(candidate, LIMITS)


@pytest.mark.parametrize("change", ["grow", "shrink", "touch"])
def test_a_file_that_changes_while_it_is_read(tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"content" * 1000)
    candidate = _candidate(path)
    real, calls = os.fstat, []

    def fstat(descriptor: int) -> os.stat_result:
        status = real(descriptor)
        if not calls:  # the change comes right behind the first look
            if change == "touch":
                os.utime(path, ns=(0, candidate.mtime_ns + 1))
            else:
                os.truncate(path, 7010 if change == "grow" else 6990)
        calls.append(descriptor)
        return status

    monkeypatch.setattr("indexer.images.decoder.os.fstat", fstat)
    with pytest.raises(UnreadableFileError, match="it changed while it was read"):
        read_file(candidate, LIMITS)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"content")
    candidate = _candidate(path)
    with pytest.raises(ImageTooLargeError, match="7 bytes"):
        read_file(candidate, DecodeLimits(max_bytes=6))
    path.unlink()
    with pytest.raises(UnreadableFileError, match="vanished"):
        read_file(candidate, LIMITS)
    os.mkfifo(path)
    with pytest.raises(UnreadableFileError, match="no longer a regular file"):
        read_file(candidate, LIMITS)
    path.unlink()
    path.mkdir()
    with pytest.raises(UnreadableFileError):
        read_file(candidate, LIMITS)
    with pytest.raises(UnreadableFileError):
        read_file(Candidate("nul\0", 1, 1), LIMITS)


def test_no_permission() -> None:
    code = """
import os, sys
from indexer.errors import UnreadableFileError
from indexer.images.decoder import read_file
from indexer.settings import DecodeLimits
from indexer.types import Candidate
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    read_file(Candidate(sys.argv[1], 1, 1), DecodeLimits())
except UnreadableFileError as error:
    print(error)
"""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "a.jpg"
        path.write_bytes(b"x")
        Path(name).chmod(0o755)
        path.chmod(0)
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
    assert done.stdout == "permission denied\n"
