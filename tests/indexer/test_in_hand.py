"""What a run that is killed had in hand is there afterwards, and nothing of one that ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.in_hand import IN_HAND, InHand, forget_in_hand, left_in_hand
from indexer.types import Candidate
from tests.fixtures.paths import ROOT

NAME = os.fsdecode(b"/photos/n\xff \xc3\xb6.jpg")

PROGRAM = """
import os, signal, sys
from pathlib import Path
from indexer.in_hand import InHand
from indexer.types import Candidate

folder = Path(sys.argv[1])
hand = InHand(folder, 3)
with hand.hold(Candidate("/done.jpg", 1, 2)):
    pass
with hand.hold(Candidate(os.fsdecode(b"/photos/n\\xff \\xc3\\xb6.jpg"), 999, -5)), hand.hold(Candidate("/b.png", 7, 8)):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_kill_leaves_what_was_in_hand(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], cwd=ROOT, check=False)
    assert done.returncode == -9
    assert set(left_in_hand(tmp_path)) == {Candidate(NAME, 999, -5), Candidate("/b.png", 7, 8)}
    assert (tmp_path / IN_HAND).stat().st_mode & 0o077 == 0  # paths are nobody else's business
    forget_in_hand(tmp_path)
    assert left_in_hand(tmp_path) == []
    assert os.listdir(tmp_path) == []


def test_what_is_finished_or_failed_is_not_in_hand(tmp_path: Path) -> None:
    hand = InHand(tmp_path, 1)
    for number in range(5):
        with pytest.raises(ValueError, match="bad"), hand.hold(Candidate(f"/{number}.jpg", 1, 1)):
            assert left_in_hand(tmp_path) == [Candidate(f"/{number}.jpg", 1, 1)]
            raise ValueError("bad")
        assert left_in_hand(tmp_path) == []
    with hand.hold(Candidate("/" + "x" * 5000, 1, 1)):  # longer than its place
        assert left_in_hand(tmp_path) == []
    hand.close()
    assert os.listdir(tmp_path) == []


def test_where_it_cannot_be_made_files_are_read_all_the_same(tmp_path: Path) -> None:
    hand = InHand(tmp_path / "missing", 1)
    with hand.hold(Candidate("/a.jpg", 1, 1)):
        pass
    hand.close()


def test_what_was_never_written_so_names_nothing(tmp_path: Path) -> None:
    for data in (b"", b"x" * 100, b"\xff" * 8192, bytes(8192), b"\0\0" + b"\xff" * 5000):
        (tmp_path / IN_HAND).write_bytes(data)
        assert left_in_hand(tmp_path) == []
