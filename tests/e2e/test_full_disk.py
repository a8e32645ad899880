"""A store on a disk without room for another byte is read as any other."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import search
from indexer.catalog.catalog import Catalog
from indexer.catalog.meta import Meta
from indexer.catalog.sqlite import file_url
from search.console import exit_codes
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.paths import ROOT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="forbids a process to let files grow")

#: What stands for the full disk: no file of this process may hold a byte more. Pipes may.
FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"


def run(code: str, *arguments: object, **more: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", FULL + code, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": ROOT}
    return subprocess.Popen(command, **pipes, **more)  # type: ignore[call-overload, no-any-return]


def said(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def files(store: Path) -> dict[str, bytes]:
    """All but the files that a run of the indexer may leave, and SQLite's that hold nothing."""
    return {
        path.name: path.read_bytes()
        for path in store.rglob("*")
        if path.is_file() and not path.name.startswith("writer.") and not path.name.endswith(("-wal", "-shm"))
    }


COMMAND = "from search.__main__ import main; main()"


@pytest.mark.parametrize("command", [["query", "a cat", "-k", "3"], ["status", "--json"], ["doctor"]])
def test_commands_that_read_need_no_room(store: Path, command: list[str]) -> None:
    wanted = subprocess.run(
        [sys.executable, "-m", "search", *command, "-s", str(store)], capture_output=True, text=True, check=True
    )
    before = files(store)
    for _ in range(2):
        code, out, err = said(run(COMMAND, *command, "-s", store))
        assert (code, err) == (exit_codes.FOUND, "")
        if command[0] == "query":
            assert out == wanted.stdout
        elif command[0] == "doctor":
            assert out == wanted.stdout == "All is well.\n"
        assert files(store) == before
        assert not (store / "catalog.sqlite-wal").exists()


@pytest.mark.parametrize("command", [["index", "PHOTOS"], ["forget", "PHOTOS"]])
def test_commands_that_write_say_that_there_is_no_room(store: Path, indexed: Path, command: list[str]) -> None:
    photos = str(indexed.parent / "photos")
    before = files(store)
    code, out, err = said(run(COMMAND, *(each.replace("PHOTOS", photos) for each in command), "-s", store))
    assert (code, out) == (exit_codes.BROKEN_STORE, "")
    assert str(store) in err
    assert "space" in err  # in other words where a file may not grow than where a disk is full
    assert err.count("\n") == 1
    assert files(store) == before


def prepared(tmp_path: Path, store: Path, indexed: Path) -> dict[str, str]:
    """Places for commands that bring vectors in or take them out."""
    photos, part = indexed.parent / "photos", tmp_path / "part"
    part.mkdir()
    shutil.copy(next(photos.glob("*.png")), part / "one.png")
    with search.open(tmp_path / "other") as library:
        library.index(part)
        library.export(tmp_path / "export", format="npy")
    with search.open(store) as library:
        library.index(part)
    shutil.copytree(part, tmp_path / "moved")
    names = {name.upper(): str(tmp_path / name) for name in ("part", "other", "export", "moved")}
    return {**names, "NEW": str(tmp_path / "new"), "STORE": str(store)}


@pytest.mark.parametrize(
    ("command", "exit_code", "named"),
    [
        (["export", "NEW", "--format", "npy"], exit_codes.WRONG_USE, "NEW"),
        (["export", "EXPORT", "--format", "npy", "--replace", "--tokens"], exit_codes.WRONG_USE, "EXPORT"),
        (["import", "EXPORT"], exit_codes.BROKEN_STORE, "STORE"),
        (["import", "EXPORT", "-s", "NEW"], exit_codes.BROKEN_STORE, "NEW"),
        (["merge", "OTHER", "--into", "STORE"], exit_codes.BROKEN_STORE, "STORE"),
        (["merge", "OTHER", "--into", "NEW"], exit_codes.BROKEN_STORE, "NEW"),
        (["split", "PART", "--into", "NEW"], exit_codes.BROKEN_STORE, "STORE"),
        (["roots", "move", "PART", "MOVED"], exit_codes.BROKEN_STORE, "STORE"),
    ],
)
def test_vectors_do_not_move_where_there_is_no_room(
    store: Path, indexed: Path, tmp_path: Path, command: list[str], exit_code: int, named: str
) -> None:
    """One sentence, and everything is as it was; the same command goes on when there is room."""
    places = prepared(tmp_path, store, indexed)
    before = {name: files(Path(place)) for name, place in places.items() if Path(place).exists()}
    words = [places.get(word, word) for word in command]
    words += [] if "-s" in words or command[0] == "merge" else ["-s", str(store)]
    code, out, err = said(run(COMMAND, *words))
    assert (code, out) == (exit_code, ""), err
    told = [line for line in err.splitlines() if line.startswith("search: ")]  # after lines that say how far it is
    assert len(told) == 1, err
    assert places[named] in told[0]
    assert err.splitlines()[-1] == told[0]
    assert {name: files(Path(places[name])) for name in before} == before
    assert not any(path.name.endswith(".tmp") for path in tmp_path.iterdir())
    done = subprocess.run([sys.executable, "-m", "search", *words], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == exit_codes.FOUND, done.stderr


@pytest.fixture
def small(tmp_path: Path) -> Path:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(4):
        Image.new("RGB", (9, 9), (80 * number, 0, 0)).save(photos / f"{number}.png")
    with search.open(tmp_path / "s", encoder=ColourEncoder()) as library:
        library.index(photos)
    return tmp_path / "s"


def catalog(store: Path) -> Catalog:
    return Catalog.create(file_url(store / "catalog.sqlite"))


READ = """
import sys, threading, time
from pathlib import Path
from indexer.catalog.catalog import Catalog
from indexer.catalog.meta import Meta
from indexer.catalog.sqlite import file_url
catalog = Catalog.open(file_url(Path(sys.argv[1]) / "catalog.sqlite"))

def read(pause=0.0):
    with catalog.snapshot() as snapshot:
        found = Meta(snapshot).get("colour")
        time.sleep(pause)
        return found
"""


def test_what_a_killed_writer_left_in_the_log_is_read(small: Path, tmp_path: Path) -> None:
    """As it was committed, and not as the database was before."""
    left = tmp_path / "left"
    writing = catalog(small)
    with writing.batch() as batch:
        Meta(batch).set("colour", "green")
    left.mkdir()
    for name in ("catalog.sqlite", "catalog.sqlite-wal"):
        shutil.copy(small / name, left / name)
    writing.close()
    assert (left / "catalog.sqlite-wal").stat().st_size > 0
    code = READ + "print(read(), catalog.writable)"
    assert said(run(code, left)) == (0, "green False\n", "")


def test_readers_on_a_full_disk_wait_for_each_other(small: Path) -> None:
    """Each takes the whole file while it reads; the threads of one process do so together."""
    writing = catalog(small)
    with writing.batch() as batch:
        Meta(batch).set("colour", "green")
    writing.close()
    code = (
        READ
        + """
threads = [threading.Thread(target=read, args=(0.5,)) for _ in range(5)]
with catalog.snapshot():
    for thread in threads: thread.start()
    for thread in threads: thread.join()
print(read(0.5))
"""
    )
    both = [run(code, small) for _ in range(2)]
    assert [said(each) for each in both] == [(0, "green\n", "")] * 2


def test_a_writer_goes_on_between_two_reads(small: Path) -> None:
    """When there is room again, a library that was opened without keeps nobody out, and reads what is new."""
    code = READ + "print(read(), flush=True)\ninput()\nprint(read())"
    reader = run(code, small, stdin=subprocess.PIPE)
    assert reader.stdout is not None
    assert reader.stdout.readline() == "None\n"
    writing = catalog(small)
    with writing.batch() as batch:
        Meta(batch).set("colour", "blue")
    writing.close()
    out, err = reader.communicate("\n", timeout=60)
    assert (out, err) == ("blue\n", "")


def test_hits_are_printed_though_there_is_no_room_for_a_page_of_them(store: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "out.html"
    sheet.write_text("as it was")
    wanted = subprocess.run(
        [sys.executable, "-m", "search", "query", "a cat", "-k", "3", "-s", str(store)],
        capture_output=True,
        text=True,
        check=True,
    )
    code, out, err = said(run(COMMAND, "query", "a cat", "-k", "3", "-s", store, "--sheet", sheet))
    assert (code, out) == (exit_codes.SOME_FAILED, wanted.stdout)
    assert "make room" in err
    assert err.count("\n") == 1
    code, out, err = said(run(COMMAND, "query", "a cat", "-k", "3", "-s", store, "--sheet", sheet, "--json"))
    assert (code, len(json.loads(out)["hits"])) == (exit_codes.SOME_FAILED, 3)
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["out.html"]
    assert sheet.read_text() == "as it was"


def test_what_was_measured_is_printed_though_there_is_no_room_for_the_report(
    store: Path, indexed: Path, tmp_path: Path
) -> None:
    table = indexed.parent / "photos" / "captions.jsonl"
    code, out, err = said(run(COMMAND, "eval", table, "-s", store, "--json", "--html", tmp_path / "report.html"))
    assert code == exit_codes.SOME_FAILED, err
    assert json.loads(out)["stages"]
    assert "make room" in err
    assert not (tmp_path / "report.html").exists()
