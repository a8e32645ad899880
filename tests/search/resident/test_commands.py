"""A command that is run for another process prints what it would have printed there."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.resident.commands import Commands, Ran
from search.resident.identity import environment, identity
from search.resident.library_pool import WarmLibraries
from search.resident.protocol import Request
from search.shell.query_effects import Effects
from search.shell.run import run
from tests.conftest import Cli
from tests.e2e.test_bad_queries import WRONG


@pytest.fixture(scope="module")
def commands(indexed: Path) -> Iterator[Commands]:
    libraries = WarmLibraries(indexed)
    yield Commands(libraries, run)
    libraries.close()


@pytest.fixture(autouse=True)
def _home_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # commands leave this process in the root folder


def request(
    *arguments: object, here: Path, store: Path | None = None, mask: int = 0o022, encoding: str = "utf-8"
) -> Request:
    status, root = os.stat(here), os.stat("/")
    streams = [encoding.encode(), b"strict", encoding.encode(), b"backslashreplace", b"0", b"0"]
    return Request(
        identity(),
        os.fsencode(here),
        b"%d:%d:%d:%d" % (status.st_dev, status.st_ino, root.st_dev, root.st_ino),
        mask,
        streams,
        None if store is None else os.fsencode(store),
        environment(),
        [os.fsencode(str(argument)) for argument in arguments],
    )


def printed(ran: Ran | None) -> tuple[int, bytes, bytes]:
    assert ran is not None
    code, output = ran
    return code, *(b"".join(data for descriptor, data in output if descriptor == which) for which in (1, 2))


def without_times(text: bytes) -> bytes:
    return re.sub(rb'"(seconds|bytes)": (\{[^}]*\}|\d+)', b"", text)


@pytest.mark.parametrize(
    "arguments",
    [
        ["a cat"],
        ["a cat", "-k", "3", "--json"],
        ["a cat", "--paths"],
        ["a cat", "-0", "-k", "2"],
        ["a cat", "--explain", "-k", "2"],
        ["a cat", "--no-rerank"],
        ["a cat", "--to", "any"],
        ["a cat", "--to", "text"],
        ["a cat " * 1700],
        ["a cat", "--min-probability", "0.99", "--paths"],
        ["photos/chelsea.png", "-k", "1"],
        ["photos/coffee.png", "--to", "text", "--json"],
        ["photos/captions.jsonl", "--image"],
        ["a cat", "--encoder", "nothing like it"],
        ["a cat", "-k", "30", "a", "dog"],
        ["a cat", "--reranker", "/no/such/folder"],
        ["a cat", "--resident"],
        ["a cat -dog type:png"],
        ["a cat sort:-size min:0.1%", "-k", "2"],
        ["a", "cat", "--not", "dog", "--type", "png", "--sort", "-date", "--json"],
        ["type:png", "--paths", "-k", "2"],
        ["sort:-size", "-k", "2"],
        ["near:Paris"],
        ["type:heic"],
        ["Mission: Impossible in:2000..2100"],
        ["photos/chelsea.png + red", "-k", "2"],
        ["собака"],
    ],
)
def test_a_query_is_the_same_here(
    arguments: list[str], commands: Commands, cli: Cli, indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.shell.commands.query._start_resident", lambda folder: None)
    for store in ([], ["-s", indexed.name]):
        monkeypatch.chdir(indexed.parent)
        monkeypatch.setenv("SEARCH_STORE", str(indexed))
        alone = cli("query", *arguments, *store)
        monkeypatch.delenv("SEARCH_STORE")
        asked = request("query", *arguments, *store, here=indexed.parent, store=indexed)
        code, out, err = printed(commands.answer(asked))
        assert code == alone.code
        assert without_times(out) == without_times(alone.out.encode("utf-8", "surrogateescape"))
        assert err == alone.err.encode()
        assert "SEARCH_STORE" not in os.environ


def test_what_is_wrong_is_said_as_the_commands_own_process_says_it(
    commands: Commands, cli: Cli, indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = []  # to that process, before the store is looked at
    for arguments, said, _ in WRONG:
        monkeypatch.chdir(indexed.parent)
        alone = cli("query", *arguments, "-s", indexed)
        ran = commands.answer(request("query", *arguments, "-s", indexed, here=indexed.parent, store=indexed))
        left.append(ran is None)
        assert alone.code == 2, arguments
        assert ran is None or printed(ran) == (alone.code, alone.out.encode(), alone.err.encode()), (arguments, said)
    assert 0 < left.count(False) < len(WRONG)


def test_status_is_the_same_here(commands: Commands, cli: Cli, indexed: Path) -> None:
    code, out, _ = printed(commands.answer(request("status", "--json", "-s", indexed, here=indexed.parent)))
    alone = cli("status", "--json", "-s", indexed)
    assert (code, without_times(out)) == (alone.code, without_times(alone.out.encode()))


def test_paths_are_relative_to_the_folder_of_the_command(commands: Commands, indexed: Path) -> None:
    for here, shown in ((indexed.parent, b" photos/chelsea.png"), (indexed.parent / "photos", b" chelsea.png")):
        _, out, _ = printed(commands.answer(request("query", "a cat", "-k", "1", "-s", indexed, here=here)))
        assert shown in out


def test_a_sheet_lies_where_the_command_said_with_its_rights(commands: Commands, indexed: Path, tmp_path: Path) -> None:
    for mask, rights in ((0o022, 0o644), (0o077, 0o600)):
        asked = request("query", "a cat", "-s", indexed, "--sheet", f"{mask}.html", here=tmp_path, mask=mask)
        code, out, _ = printed(commands.answer(asked))
        assert (code, out.splitlines()[-1]) == (0, f"Contact sheet: {mask}.html".encode())
        assert (tmp_path / f"{mask}.html").stat().st_mode & 0o777 == rights


def test_output_has_the_encoding_of_the_command(commands: Commands, indexed: Path) -> None:
    arguments = ["query", "a cat", "--to", "text", "-k", "1", "-s", indexed]
    _, wide, _ = printed(commands.answer(request(*arguments, here=indexed.parent)))
    _, narrow, _ = printed(commands.answer(request(*arguments, here=indexed.parent, encoding="ascii")))
    assert "“".encode() in wide
    assert b"\\u201c" in narrow


def test_what_this_process_cannot_know_is_left_to_the_commands_own(
    commands: Commands, indexed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (
        ["query", "a cat", "-s", tmp_path / "another"],
        ["query", "a cat"],  # the default store is another
        ["query", "--help"],
        ["query", "a cat", "--frobnicate"],
        ["query", "", "-s", indexed],
        ["query", "a cat", "-k", "0", "-s", indexed],
        ["query", "a cat", "--sheet", "/no/such/folder/x.html", "-s", indexed],
        ["query", "-", "-s", indexed],
        ["query", "/dev/stdin", "-s", indexed],
        ["frobnicate"],
        ["forget", "photos", "-s", indexed],  # it only reads
        [],
    ):
        assert commands.answer(request(*arguments, here=indexed.parent)) is None
    elsewhere = request("query", "a cat", "-s", indexed, here=indexed.parent)
    elsewhere.node = b"0:0"  # as in another mount namespace
    assert commands.answer(elsewhere) is None
    (tmp_path / "gone").mkdir()
    gone = request("query", "a cat", "-s", indexed, here=tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert commands.answer(gone) is None
    assert capsys.readouterr() == ("", "")


def test_copying_is_left_to_the_commands_own_process(commands: Commands, indexed: Path, tmp_path: Path) -> None:
    arguments = ["query", "a cat", "-k", "1", "--copy-to", "picks", "--json", "-s", indexed]
    ran = commands.answer(request(*arguments, here=tmp_path))
    assert ran is not None
    ((descriptor, work),) = ran[1]  # the JSON says what was copied, and is printed with it
    assert (ran[0], descriptor) == (0, 0)
    effects = Effects.from_bytes(work)
    assert list(effects.photographs) == [str(indexed.parent / "photos" / "chelsea.png")]
    assert not (tmp_path / "picks").exists()


def test_an_unforeseen_failure_is_logged_and_left_to_the_commands_own(
    indexed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(arguments: list[str]) -> int:
        sys.stdout.write("half an answer")
        raise RuntimeError("made up")

    assert Commands(WarmLibraries(indexed), fail).answer(request("query", "x", here=indexed)) is None
    out, err = capsys.readouterr()
    assert out == ""
    assert "made up" in err


def test_output_keeps_its_order(indexed: Path) -> None:
    def talk(arguments: list[str]) -> int:
        from search.resident.library_context import library

        with library(None) as opened:
            sys.stdout.write("one ")
            sys.stdout.flush()
            sys.stderr.write("two\n")
            sys.stdout.write(json.dumps(str(opened.folder)))
        return 7

    ran = Commands(WarmLibraries(indexed), talk).answer(request("query", here=indexed, store=indexed))
    assert ran == (7, [(1, b"one "), (2, b"two\n"), (1, json.dumps(str(indexed)).encode())])
