"""The program as a process: exit codes, output that is flushed, pipes that close, streams that are missing, signals."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import search as library
from indexer.doctor import Finding
from search.console import exit_codes

SEARCH = [sys.executable, "-m", "search"]
A_FILE_FAILED = ("1 file could not be indexed", "`status().failures` names them")


def search(*arguments: object, **more: object) -> subprocess.CompletedProcess[bytes]:
    command = [*SEARCH, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, timeout=300, **more)  # type: ignore[call-overload, no-any-return]


def test_every_exit_code_leaves_the_process(store: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    empty, broken = tmp_path / "empty.search", tmp_path / "broken.search"
    broken.mkdir()
    (broken / "catalog.sqlite").write_bytes(b"no database" * 500)
    codes = {
        "found": search("query", "a cat", "-k", 1, "-s", store).returncode,
        "done": search("index", "-q", photos, "-s", empty).returncode,
        "nothing": search("query", "a cat", "-s", empty).returncode,
        "none served": search("serve", "--status", "-s", store).returncode,
        "wrong": search("query", "a cat", "--frobnicate").returncode,
        "no store": search("status", "-s", tmp_path / "none").returncode,
        "broken": search("query", "a cat", "-s", broken).returncode,
    }
    (photos / "bad.jpg").write_bytes(b"no image")
    codes["failed"] = search("index", "-q", photos, "-s", empty).returncode
    assert codes == {
        "found": exit_codes.FOUND,
        "done": exit_codes.FOUND,
        "nothing": exit_codes.NOTHING_FOUND,
        "none served": exit_codes.NOTHING_FOUND,
        "wrong": exit_codes.WRONG_USE,
        "no store": exit_codes.WRONG_USE,
        "broken": exit_codes.BROKEN_STORE,
        "failed": exit_codes.SOME_FAILED,
    }


def test_all_of_the_output_arrives(indexed: Path) -> None:
    """More than a pipe's buffer, by a process that leaves without taking itself apart."""
    many = ["query", "a cat", "--json", "--explain", "-k", 1000, "--to", "any", "-s", indexed]
    done = search(*many)
    assert done.returncode == 0
    assert len(done.stdout) > 65_536
    assert done.stdout.endswith(b"}\n")


def test_a_reader_that_has_seen_enough_is_no_error(indexed: Path) -> None:
    """Whether it is noticed at the end or, without a buffer, in the middle of the command."""
    for command in (["query", "a cat"], ["status"], ["query", "a cat", "-0"], ["models"], ["--help"]):
        for buffering in ("", "1"):
            reading, writing = os.pipe()
            os.close(reading)
            done = subprocess.run(
                [*SEARCH, *command],
                stdout=writing,
                stderr=subprocess.PIPE,
                check=False,
                env={**os.environ, "SEARCH_STORE": str(indexed), "PYTHONUNBUFFERED": buffering},
            )
            os.close(writing)
            assert (done.returncode, done.stderr) == (0, b""), (command, buffering)


@pytest.mark.skipif(os.name != "posix", reason="closes descriptors by a shell")
@pytest.mark.parametrize(
    "closing",
    [
        "2>&1 | true",  # the reader of progress and report has left before the first word
        "2>&1 | head -1",
        ">&- 2>&- <&-",
        "2>&-",
        pytest.param("2>/dev/full", marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="of Linux")),
    ],
)
def test_streams_that_are_closed_or_broken_never_stop_the_indexer(tmp_path: Path, closing: str) -> None:
    photos, store = tmp_path / "photos", tmp_path / "s"
    photos.mkdir()
    for number in range(3):
        Image.new("RGB", (9, 9), (80 * number, 0, 0)).save(photos / f"{number}.png")
    (photos / "bad.jpg").write_bytes(b"no image")
    line = f'("$@"; echo $? >"$CODE") {closing}'
    done = subprocess.run(
        ["sh", "-c", line, "sh", *SEARCH, "index", photos, "-s", store],
        env={**os.environ, "CODE": str(tmp_path / "code")},
        check=False,
        timeout=300,
    )
    assert done.returncode == 0
    assert int((tmp_path / "code").read_text()) == exit_codes.SOME_FAILED  # what was found, whoever reads it
    with library.open(store) as opened:
        assert opened.status().images == 3
        assert opened.check() == [Finding("files", *A_FILE_FAILED, grave=False)]  # no message was written into a file


@pytest.mark.skipif(os.name != "posix", reason="closes descriptors by a shell")
@pytest.mark.parametrize("closing", [">&-", "2>&-", ">&- 2>&- <&-"])
@pytest.mark.parametrize("command", [["status"], ["query", "a cat", "-k1", "--paths"], ["frobnicate"]])
def test_a_stream_that_is_missing_changes_no_exit_code(indexed: Path, command: list[str], closing: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$@" {closing}', "sh", *SEARCH, *command],
        env={**os.environ, "SEARCH_STORE": str(indexed)},
        capture_output=True,
        check=False,
        timeout=300,
    )
    is_wrong = command == ["frobnicate"]
    assert done.returncode == (exit_codes.WRONG_USE if is_wrong else exit_codes.FOUND)
    assert bool(done.stdout) is (not is_wrong and ">&-" not in closing.split())
    assert bool(done.stderr) is (is_wrong and "2>&-" not in closing)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
@pytest.mark.parametrize(
    "command", [["query", "a cat", "--json"], ["query", "a cat", "-k", "500", "--to", "any"], ["status"]]
)
def test_output_that_cannot_be_written_is_one_sentence(store: Path, command: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*SEARCH, *command, "-s", str(store)], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == exit_codes.WRONG_USE
    assert done.stderr.startswith("search: the output cannot be written (No space left on device)")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_ends_a_query_with_130(store: Path) -> None:
    """It comes while the command works."""
    program = (
        "import os, signal, sys; import search.library\n"
        "search.library.Library.query = lambda *a, **k: os.kill(os.getpid(), signal.SIGINT)\n"
        "from search.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "query", "a cat", "-s", str(store)], capture_output=True, check=False
    )
    assert done.returncode == exit_codes.INTERRUPTED
    assert done.stdout == b""
    assert done.stderr.startswith(b"\nsearch: stopped")
