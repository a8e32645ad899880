"""Streams that are closed, full or slow, and what is printed when the program itself fails."""

from __future__ import annotations

import io
import os
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from search.console import exit_codes
from search.library import Library
from search.shell import streams
from search.shell.progress_bar import listener
from tests.conftest import Cli


class Broken(io.RawIOBase):
    """Takes so many bytes, then fails with `error`; keeps what it took."""

    def __init__(self, room: int, error: OSError) -> None:
        self.taken = b""
        self.tries = 0
        self._room = room
        self._error = error

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.tries += 1
        given = bytes(data)[: self._room - len(self.taken)]  # type: ignore[call-overload]
        if not given:
            raise self._error
        self.taken += given
        return len(given)


def protected(monkeypatch: pytest.MonkeyPatch, name: str, raw: io.RawIOBase, buffered: bool) -> None:
    """This process's stream `name`, over `raw`, as `streams.protect` makes it."""
    for each in ("stdout", "stderr"):  # put back afterwards
        monkeypatch.setattr(sys, each, getattr(sys, each))
    binary: object = io.BufferedWriter(raw) if buffered else raw
    monkeypatch.setattr(sys, name, io.TextIOWrapper(binary, "utf-8", write_through=not buffered))  # type: ignore[type-var]
    streams.protect()


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("error", [BrokenPipeError(32, "Broken pipe"), OSError(28, "No space left"), OSError(5, "I/O")])
def test_no_message_ends_the_work(monkeypatch: pytest.MonkeyPatch, error: OSError, buffered: bool) -> None:
    raw = Broken(5, error)
    protected(monkeypatch, "stderr", raw, buffered)
    for _ in range(3):
        sys.stderr.write("0123456789\n")
        sys.stderr.flush()
    assert raw.taken == b"01234"
    assert raw.tries == 2  # after the first failure nothing is tried any more


@pytest.mark.parametrize("buffered", [True, False])
def test_an_answer_that_is_lost_is_an_error_once(monkeypatch: pytest.MonkeyPatch, buffered: bool) -> None:
    protected(monkeypatch, "stdout", Broken(5, OSError(28, "No space left")), buffered)
    with pytest.raises(streams.OutputLostError, match="No space left"):
        print("0123456789", flush=True)
    print("more", flush=True)  # what comes when the process ends


def test_a_reader_who_has_left_gets_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = Broken(5, BrokenPipeError(32, "Broken pipe"))
    protected(monkeypatch, "stdout", raw, True)
    print("0123456789", flush=True)
    assert raw.taken == b"01234"


@pytest.mark.skipif(os.name != "posix", reason="a pipe that does not block")
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_pipe_that_does_not_block_gets_everything(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """So a parent process may have set it (Node.js does); it holds 64 kB."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    protected(monkeypatch, name, io.FileIO(writing, "w", closefd=False), True)
    got = []

    def read() -> None:
        with open(reading, "rb") as pipe:
            got.append(pipe.read())

    reader = threading.Thread(target=read)
    reader.start()
    stream = getattr(sys, name)
    for _ in range(50_000):
        stream.write("0123456789")
    stream.flush()
    os.close(writing)
    reader.join()
    assert got == [b"0123456789" * 50_000]


def test_progress_takes_any_name_and_any_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for columns in ("80", "²", "0"):  # a digit to Python and no number
        monkeypatch.setattr(sys, "stderr", Terminal())
        monkeypatch.setenv("COLUMNS", columns)
        with listener(False) as progress:
            for name in ("Looking through /photos/[/bold]", "a\nb\udcff"):
                progress.phase(name)
                progress.total(0)
                progress.advance(0)
    assert "[/bold]" in sys.stderr.getvalue() or columns == "0"  # type: ignore[attr-defined]


def test_lines_of_a_file_say_of_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass tells where it stands, and its batches are counted only where it takes long; then with their pass."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with listener(False) as progress:
        progress.phase("Encoding 1,200 images")
        progress.total(1_200)
        for seconds, done in ((31, 310), (31, 62), (60, 0)):
            now[0] += seconds
            progress.advance(done)
        for number in (1, 2):
            progress.phase(f"Training heads, pass {number} of 2; heads takes 5 s more at most")
            progress.total(1)
            now[0] += 40
            progress.advance(1)
        progress.phase("Training lora, pass 1 of 2; lora takes 3 min more at most; held-out MRR 20.0, at first 10.0")
        progress.total(10)
        now[0] += 40
        progress.advance(2)
    assert sys.stderr.getvalue().splitlines() == [
        "Encoding 1,200 images",
        "1,200 to do",
        "310 of 1,200, 10/s, about 2 min left",
        "372 of 1,200, 6.0/s, about 3 min left",
        "372 of 1,200, 3.0/s, about 5 min left",
        "Training heads, pass 1 of 2; heads takes 5 s more at most",
        "Training heads, pass 2 of 2; heads takes 5 s more at most",
        "Training lora, pass 1 of 2; lora takes 3 min more at most; held-out MRR 20.0, at first 10.0",
        "Training lora, pass 1 of 2: 2 of 10, 20 s each, about 3 min left",
    ]


# -- errors that nobody foresaw -----------------------------------------------------------------------------


def fails(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def status(_: Library) -> None:
        raise error

    monkeypatch.setattr(Library, "status", status)


def no_room(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_an_internal_error_has_its_own_code_and_a_file_to_send(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails(monkeypatch, OverflowError("int too large\nto convert"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    answer = cli("status", "-s", tmp_path / "a b")
    (written,) = tmp_path.glob("search-error-*.txt")
    assert (answer.code, answer.out) == (exit_codes.INTERNAL_ERROR, "")
    assert answer.err == (
        "search: internal error (OverflowError: int too large); what was committed is kept. This is a fault of the "
        f"program: please report it with the file {written}, which holds the details.\n"
    )
    text = written.read_text()
    assert f"search status -s '{tmp_path / 'a b'}'\n" in text
    assert text.index("Traceback (most recent call last)") < text.index("OverflowError: int too large\nto convert")
    assert written.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("how", ["asked for", "no place for a file"])
def test_the_traceback_is_printed_where_no_file_is_written(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    fails(monkeypatch, RecursionError("maximum recursion depth exceeded"))
    if how == "asked for":
        monkeypatch.setenv("SEARCH_DEBUG", "1")
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    else:
        monkeypatch.setattr(tempfile, "mkstemp", no_room)
    answer = cli("status", "-s", tmp_path)
    assert answer.code == exit_codes.INTERNAL_ERROR
    assert answer.err.startswith("Traceback (most recent call last):\n")
    assert answer.err.splitlines()[-1].endswith("please report it with the lines above.")
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_that_broke_elsewhere_is_no_reader_who_has_left(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails(monkeypatch, BrokenPipeError(32, "Broken pipe"))  # a socket of a model's download
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert cli("status").code == exit_codes.INTERNAL_ERROR


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "there is not enough memory; "),
        (RuntimeError("can't start new thread"), "no thread can be started, by a limit "),
    ],
)
def test_what_the_machine_cannot_give_is_a_sentence(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    fails(monkeypatch, error)
    answer = cli("status")
    assert answer.code == exit_codes.WRONG_USE
    assert answer.err.startswith(f"search: {said}")
    assert answer.err.count("\n") == 1


def test_a_phase_begins_without_the_counts_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    with listener(False) as progress:
        bars = progress._bars  # type: ignore[attr-defined]
        progress.phase("Training")
        progress.total(300)
        progress.advance(300)
        progress.phase("Judging; on 20 images, and with what else a narrow bar has no room for")
        [shown] = bars.tasks
        assert (shown.description, shown.total, shown.completed, shown.fields["rate"]) == ("Judging", None, 0, "")
        progress.total(3)  # some say it before the name
        progress.phase("Indexing")
        progress.advance(2)
        [shown] = bars.tasks
        assert (shown.description, shown.total, shown.completed) == ("Indexing", 3, 2)
