"""The folder of an unfinished training: who has it, and what is left of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from indexer.errors import StoreBusyError
from indexer.training.work_folder import working

HOLDS = """
import sys
from pathlib import Path
from indexer.training.work_folder import working
with working(Path(sys.argv[1])):
    print("here", flush=True)
    sys.stdin.read()
"""


def test_who_is_refused_leaves_the_folder_to_who_trains_there(tmp_path: Path) -> None:
    work = tmp_path / "adapted.work"
    command = [sys.executable, "-c", HOLDS, str(work)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "here\n"
        there = sorted(path.name for path in work.iterdir())
        for _ in range(2):
            with pytest.raises(StoreBusyError, match=str(other.pid)), working(work):
                pass
        assert sorted(path.name for path in work.iterdir()) == there
        other.stdin.close()
        assert other.wait(20) == 0
    assert not work.exists(), "it had nothing to go on from"


def test_what_can_be_gone_on_from_stays(tmp_path: Path) -> None:
    work = tmp_path / "adapted.work"
    with pytest.raises(KeyboardInterrupt), working(work):
        (work / "heads").mkdir()
        (work / "heads" / "pass-0001.pt").touch()
        raise KeyboardInterrupt
    assert (work / "heads" / "pass-0001.pt").exists()
