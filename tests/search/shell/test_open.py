"""`search query --open`: the hits as a page, in the browser of whoever sits there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from indexer.errors import UsageError
from search.shell import desktop
from tests.conftest import Cli

pytestmark = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there the system itself opens files")


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A desktop whose `xdg-open` writes what it is to open into this file."""
    note = tmp_path / "opened"
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "xdg-open"
    program.write_text(f'#!/bin/sh\necho "noise"; echo "noise" >&2\nprintf %s "$1" > "{note}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin:/bin")
    monkeypatch.setenv("DISPLAY", ":9")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return note


def test_the_hits_are_opened_as_a_page_that_nobody_else_can_read(cli: Cli, indexed: Path, opened: Path) -> None:
    answer = cli("query", "a cat", "-k", 2, "-s", indexed, "--open")
    assert (answer.code, answer.err) == (0, "")
    assert "noise" not in answer.out
    page = Path(opened.read_text())
    assert answer.out.splitlines()[-1] == f"Contact sheet: {page}"
    assert page.parent.stat().st_mode & 0o777 == 0o700
    assert page.read_text().count("data:image/jpeg;base64,") == 2


def test_a_sheet_of_ones_own_is_what_is_opened(
    cli: Cli, indexed: Path, opened: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("query", "a cat", "-k", 1, "-s", indexed, "--open", "--sheet", "cats.html", "--paths").code == 0
    assert opened.read_text() == str(tmp_path / "cats.html")
    opened.unlink()
    least = ("--min-probability", "0.9999")
    assert cli("query", "a cat", "-k", 1, "-s", indexed, "--open", *least).code == 1
    assert not opened.exists()


def test_a_sheet_may_be_named_by_a_tilde(
    cli: Cli, indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell leaves it as it is in `--sheet=~/cats.html`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cli("query", "a cat", "-k", 1, "-s", indexed, "--sheet=~/cats.html").code == 0
    assert (tmp_path / "cats.html").exists()


def test_without_a_desktop_it_is_said_before_anything_is_looked_for(
    cli: Cli, opened: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    answer = cli("query", "a cat", "-s", tmp_path / "no store", "--open")
    assert answer.code == 2
    assert "There is no desktop here" in answer.err
    assert "--sheet" in answer.err
    monkeypatch.setenv("DISPLAY", ":9")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="no desktop"):
        desktop.check_desktop()


def test_a_desktop_that_refuses_is_one_sentence(opened: Path, tmp_path: Path) -> None:
    (tmp_path / "bin" / "xdg-open").write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(UsageError, match=r"could not open /x\.html; open it yourself"):
        desktop.open_file("/x.html")


def test_a_browser_that_stays_holds_neither_us_nor_our_pipe(opened: Path, tmp_path: Path) -> None:
    (tmp_path / "bin" / "xdg-open").write_text("#!/bin/sh\nexec sleep 20\n")
    program = "from search.shell.desktop import open_file; open_file('/x.html'); print('done', flush=True)"
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "done\n"
    assert time.monotonic() - started < 15
