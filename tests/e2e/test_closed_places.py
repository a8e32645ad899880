"""Commands on places that may not be looked at: what is closed is not taken for what is not there."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.console import exit_codes
from tests.fixtures.permissions import bound_by_permissions

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")

#: Runs command lines, one after the other, in a process: their exit codes, outputs and complaints.
SEVERAL = """
import contextlib, io, json, sys
from search.shell.run import run
answers = []
for arguments in json.loads(sys.argv[1]):
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(arguments)
    answers.append((code, *(stream.buffer.getvalue().decode() for stream in (out, err))))
json.dump(answers, sys.stdout)
"""
Answer = tuple[int, str, str]


def ask(*commands: list[str | Path]) -> list[Answer]:
    """What the commands answer to somebody whom permissions bind."""
    given = json.dumps([[str(word) for word in command] for command in commands])
    done = bound_by_permissions([sys.executable, "-c", SEVERAL, given], SEARCH_RESIDENT="off")
    assert done.returncode == 0, done.stderr.decode()
    return [(code, out, err) for code, out, err in json.loads(done.stdout)]


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder that may not be entered, with another folder and whatever a test puts into it before `chmod`."""
    folder = tmp_path / "closed"
    (folder / "inner").mkdir(parents=True)
    yield folder
    folder.chmod(0o700)


def test_a_store_below_a_closed_folder_is_out_of_reach(indexed: Path, closed: Path, tmp_path: Path) -> None:
    store = shutil.copytree(indexed, closed / "s.search")
    closed.chmod(0)
    commands: list[list[str | Path]] = [
        ["status"],
        ["doctor"],
        ["doctor", "--repair"],
        ["query", "a cat"],
        ["index", tmp_path],
        ["forget", "--vanished"],
    ]
    said = "cannot be reached (permission denied); make it readable or name another --store.\n"
    for where in (store, closed):  # the folder of a store itself, too
        answers = ask(*([*command, "-s", where] for command in commands))
        assert answers == [(exit_codes.BROKEN_STORE, "", f"search: The store {where} {said}")] * len(commands)


def test_a_closed_folder_is_neither_missing_nor_words(indexed: Path, closed: Path) -> None:
    photo = shutil.copy(indexed.parent / "photos" / "rocket.jpg", closed / "rocket.jpg")
    closed.chmod(0)
    named = [photo, closed / "inner"]
    queries: list[list[str | Path]] = [["query", path, "-s", indexed] for path in named]
    runs: list[list[str | Path]] = [["index", path, "-s", closed.parent / "new.search"] for path in named]
    page = closed / "inner" / "x.html"
    answers = ask(*queries, *runs, ["query", "a cat", "--sheet", page, "-s", indexed])
    why = "cannot be looked at (permission denied); change the permissions, or name another.\n"
    unwritable = "cannot be written (Permission denied); name another file.\n"
    assert answers == [
        *([(exit_codes.WRONG_USE, "", f"search: {path} {why}") for path in named] * 2),
        (
            exit_codes.WRONG_USE,
            "",
            f"search: --sheet {page} {unwritable}",
        ),
    ]
    assert not (closed.parent / "new.search").exists()


def test_indexed_files_in_a_closed_folder_are_not_missing(indexed: Path, closed: Path, tmp_path: Path) -> None:
    import search

    photo = shutil.copy(indexed.parent / "photos" / "rocket.jpg", closed / "inner" / "rocket.jpg")
    store = tmp_path / "s.search"
    with search.open(store) as library:
        library.index(closed / "inner")
    closed.chmod(0)
    on_store = ["-s", store]
    query, copied, doctor, index = ask(
        ["query", "a rocket", "--json", *on_store],
        ["query", "a rocket", "--copy-to", tmp_path / "out", *on_store],
        ["doctor", *on_store],
        ["index", *on_store],
    )
    (hit,) = json.loads(query[1])["hits"]  # "missing" is there where it is true
    assert hit["path"] == str(photo)
    assert "missing" not in hit
    assert "not there" not in copied[1] + copied[2]
    assert f"{photo}" in copied[2]
    assert "ermission denied" in copied[2]
    assert f"{closed / 'inner'} cannot be reached (permission denied)" in doctor[1]
    assert f"{closed / 'inner'} cannot be reached (permission denied); what is indexed is kept." in index[2]
    assert "mounted" not in doctor[1] + index[2]

    closed.chmod(0o700)
    (closed / "inner").chmod(0)
    ((code, out, _),) = ask(["doctor", *on_store])
    (closed / "inner").chmod(0o700)
    assert code == exit_codes.FOUND
    assert out == "note   files: 1 indexed file may not be looked at; make their folders readable; nothing is lost.\n"


def test_closed_indexes_are_not_damaged_and_not_hidden(store: Path) -> None:
    indexes = store / "vectors"
    indexes.chmod(0)
    try:
        doctor, status, query = ask(
            ["doctor", "-s", store], ["status", "-s", store], ["query", "a ginger cat", "-k1", "--paths", "-s", store]
        )
    finally:
        indexes.chmod(0o755)
    assert doctor[0] == exit_codes.BROKEN_STORE
    lines = doctor[1].splitlines()[:2]
    assert lines == [
        f"wrong  index: The index file {indexes}/{kind}.json cannot be read (permission denied); make it readable "
        "(until then queries compare with every vector)."
        for kind in ("image", "text")
    ]
    assert status[1].count("none that can be used; search doctor says why") == 2
    assert query[0] == exit_codes.FOUND
    assert query[1].endswith("chelsea.png\n")


def test_a_closed_table_is_named_once(indexed: Path, closed: Path) -> None:
    table = closed / "c.jsonl"
    table.write_text("{}\n")
    closed.chmod(0)
    ((code, _, err),) = ask(["eval", table, "-s", indexed])
    assert code == exit_codes.WRONG_USE
    assert f"search: {table} cannot be read (permission denied); make it readable, or name another.\n" in err
