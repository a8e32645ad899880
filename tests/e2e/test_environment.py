"""Commands of a user without a home, in a folder that was deleted, with caches that cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from search.console import exit_codes
from tests.fixtures.paths import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="deletes the working folder, takes users away")

#: No entry for any user, and none of the variables that say more: what a container with a bare user id has.
NOBODY = """
import os, pwd, sys
def unknown(_): raise KeyError("no such user")
pwd.getpwuid = pwd.getpwnam = unknown
"""
#: Stand where nothing is any more.
LOST = """
import os, sys, tempfile
here = tempfile.mkdtemp()
os.chdir(here)
os.rmdir(here)
"""
COMMAND = "sys.path[:] = [each for each in sys.path if each]\nfrom search.__main__ import main; main()"


def run(before: str, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", before + COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), **variables},
    )


@pytest.mark.parametrize("before", [NOBODY, LOST], ids=["no home", "no working folder"])
def test_absolute_paths_are_enough(indexed: Path, tmp_path: Path, before: str) -> None:
    """Nothing is written that was not asked for."""
    photo = indexed.parent / "photos" / "chelsea.png"
    for command, said in (
        (["query", "a ginger cat", "-k1", "--paths"], f"{photo}\n"),
        (["query", photo, "-k1", "--paths", "--sheet", tmp_path / "sheet.html"], f"{photo}\n"),
        (["status"], None),
        (["doctor"], "All is well.\n"),
    ):
        done = run(before, *command, "-s", indexed, SEARCH_RESIDENT="off")
        assert (done.returncode, done.stderr) == (exit_codes.FOUND, ""), command
        assert said is None or done.stdout == said
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.html"]


@pytest.mark.parametrize(
    ("before", "command", "said"),
    [
        (NOBODY, ["status"], "There is no home folder to keep an index in"),
        (NOBODY, ["status", "-s", "~/x"], "There is no home folder that ~/x could lie in"),
        (NOBODY, ["status", "-s", "~nobody-here/x"], "There is no user nobody-here"),
        (LOST, ["status", "-s", "x"], "The working folder is gone, and x is relative to it"),
        (LOST, ["index", ".", "-s", "/nowhere/s"], "The working folder is gone, and . is"),
    ],
)
def test_what_is_needed_and_missing_is_a_sentence(before: str, command: list[str], said: str) -> None:
    done = run(before, *command)
    assert (done.returncode, done.stdout) == (exit_codes.WRONG_USE, "")
    assert done.stderr.startswith(f"search: {said}")
    assert done.stderr.count("\n") == 1


def test_a_home_that_is_no_absolute_path_is_not_called_unset() -> None:
    """Nor is one taken for a folder beside the one that a person happens to stand in."""
    nameless = (
        "import platformdirs\nplatformdirs.user_data_path = lambda *_, **__: __import__('pathlib').Path('rel/x')\n"
    )
    for variables, said in (({"HOME": "rel"}, "HOME='rel' is no absolute path"), ({}, "HOME is not set")):
        done = run(NOBODY + nameless, "status", **variables)
        assert (done.returncode, done.stdout) == (exit_codes.WRONG_USE, "")
        assert done.stderr.startswith(f"search: There is no home folder to keep an index in ({said}); name a place")


@pytest.mark.parametrize("cache", ["/proc/none", "/dev/null", "~nobody-here/c"])
def test_a_cache_that_cannot_be_is_done_without(indexed: Path, cache: str) -> None:
    photo = indexed.parent / "photos" / "chelsea.png"
    done = run(NOBODY, "query", photo, "-k1", "--paths", "-s", indexed, SEARCH_CACHE=cache)
    assert (done.returncode, done.stdout, done.stderr) == (exit_codes.FOUND, f"{photo}\n", "")
