"""Folders and stores that the user may not read: what is wrong, why, and what to do, in processes that may not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.fixtures.paths import ROOT

#: What a user who is not bound by permissions has to give up; where nobody can, nothing is tested.
_AS_ANYBODY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []

pytestmark = pytest.mark.skipif(bool(_AS_ANYBODY) and shutil.which("setpriv") is None, reason="needs setpriv")


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder with a photograph that nobody may look into."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "closed"
        folder.mkdir()
        Image.new("RGB", (40, 30), (60, 90, 40)).save(folder / "a.png")
        folder.chmod(0)
        yield folder
        folder.chmod(0o700)


def _search(*arguments: object) -> tuple[int, str]:
    command = [*_AS_ANYBODY, sys.executable, "-m", "search", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)
    return done.returncode, done.stderr


def test_a_folder_that_may_not_be_read_is_a_failure_of_the_run(closed: Path) -> None:
    store = closed.parent / "s"
    code, said = _search("index", closed, "-s", store, "-q")
    assert (code, said) == (3, f"search: {closed}: permission denied\n")
    code, said = _search("index", "-s", store, "-q")  # it is known by now
    assert (code, said) == (0, "")


def test_what_lies_in_such_a_folder_is_not_called_missing(closed: Path) -> None:
    inside = closed / "a.png"
    code, said = _search("index", inside, "-s", closed.parent / "s")
    assert (code, said) == (
        2,
        f"search: {inside} cannot be looked at (permission denied); change the permissions, or name another.\n",
    )
    code, said = _search("query", inside, "-s", closed.parent / "s")
    assert (code, said) == (
        2,
        f"search: {inside} cannot be looked at (permission denied); change the permissions, or name another.\n",
    )


@pytest.mark.parametrize("command", [("index", "."), ("status",), ("doctor",), ("doctor", "--repair")])
def test_a_store_in_such_a_folder_cannot_be_opened(closed: Path, command: tuple[str, ...]) -> None:
    code, said = _search(*command, "-s", closed)
    assert code == 4
    assert said.startswith(f"search: The store {closed}")
    assert "cannot be reached (permission denied); make it readable or name another --store." in said
