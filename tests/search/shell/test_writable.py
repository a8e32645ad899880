"""What can be written is asked before anything is looked for: pages, and a folder for copies."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from indexer.atomic import write_atomically
from indexer.errors import UsageError
from search.shell.copy_hits import check_folder
from search.shell.html_file import html_file
from search.shell.writable import obstacle
from tests.conftest import Cli
from tests.fixtures.paths import ROOT

LONG = "x" * 300 + ".html"


def checked_sheet(path: Path) -> str:
    with pytest.raises(UsageError) as refused:
        html_file("--sheet", path)
    return str(refused.value)


def checked_copies(path: Path, store: Path) -> str:
    with pytest.raises(UsageError) as refused:
        check_folder(str(path), str(store))
    return str(refused.value)


@pytest.mark.parametrize(("option", "folder"), [("--sheet", "."), ("--copy-to", "."), ("--copy-to", "new")])
def test_a_name_that_is_too_long_is_refused_before_the_search(
    cli: Cli, tmp_path: Path, option: str, folder: str
) -> None:
    answer = cli("query", "a cat", "-s", tmp_path / "no store", option, tmp_path / folder / LONG)
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert os.strerror(errno.ENAMETOOLONG) in answer.err


def test_the_longest_name_that_a_file_system_takes_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 250 + ".html")
    assert html_file("--sheet", path) == path
    write_atomically(path, b"page")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [(path.name, b"page")]


@pytest.mark.skipif(os.name != "posix", reason="changes to another user, where it is root")
def test_below_a_folder_that_may_not_be_entered(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    code = """
import os, sys
from pathlib import Path
from indexer.errors import UsageError
from search.shell.copy_hits import check_folder
from search.shell.html_file import html_file
os.chmod(sys.argv[1], 0)
if os.geteuid() == 0:
    os.setuid(65534)
for check in (lambda at: html_file("--sheet", Path(at + "/a.html")), lambda at: check_folder(at + "/new", "/store")):
    try:
        check(sys.argv[1])
    except UsageError as error:
        print(str(error).lower())
"""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", code, closed], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    closed.chmod(0o755)
    assert [line.count("permission denied") for line in done.stdout.splitlines()] == [1, 1]


def test_a_read_only_disk_is_told_from_a_missing_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert obstacle(str(tmp_path)) is None
    monkeypatch.setattr(os, "access", lambda *given: False)
    for flag, reason in ((os.ST_RDONLY, os.strerror(errno.EROFS)), (0, "permission denied")):
        monkeypatch.setattr(os, "statvfs", lambda place, flag=flag: SimpleNamespace(f_flag=flag))
        assert obstacle(str(tmp_path)) == reason
        assert f"({reason})" in checked_sheet(tmp_path / "a.html")
        assert f"({reason})" in checked_copies(tmp_path / "new" / "er", tmp_path / "s")


def test_a_link_that_leads_nowhere_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "L").symlink_to("nowhere")
    (tmp_path / "F").touch()
    assert "L is a link that leads nowhere" in checked_copies(tmp_path / "L", tmp_path / "s")
    assert "L is a link that leads nowhere" in checked_copies(tmp_path / "L" / "new", tmp_path / "s")
    assert "F is a file" in checked_copies(tmp_path / "F" / "new", tmp_path / "s")


def test_one_folder_is_made_and_none_above_it(tmp_path: Path) -> None:
    check_folder(str(tmp_path / "new"), str(tmp_path / "s"))
    said = checked_copies(tmp_path / "slip" / "new", tmp_path / "s")
    assert (
        said
        == f"--copy-to makes one folder, and {tmp_path / 'slip'} is not there either; make it, or name another place."
    )


def test_nothing_is_copied_into_the_index(cli: Cli, indexed: Path, tmp_path: Path) -> None:
    (tmp_path / "L").symlink_to(indexed)
    before = sorted(os.listdir(indexed))
    for place in (indexed, indexed / "new", tmp_path / "L", tmp_path / "L" / "vectors"):
        answer = cli("query", "a cat", "-s", indexed, "--copy-to", place)
        assert (answer.code, answer.out) == (2, "")
        assert "into the index itself" in answer.err
    assert sorted(os.listdir(indexed)) == before
    check_folder(str(indexed.parent), str(indexed))
    check_folder(f"{indexed}-2", str(indexed))
