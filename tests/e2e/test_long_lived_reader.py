"""A library that stays open while its store is written, repaired or replaced by others; and one that is stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import search
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.paths import ROOT

#: Answers "red" once for each line that it reads. Without a right to write, whoever runs the tests: NOBODY is a user
#: who owns nothing.
READER = """
import os, sys
import search
from tests.fixtures.colour_encoder import ColourEncoder
import indexer.pipeline.run, search.engine.engine, indexer.vectors.exact, PIL.Image, search.rerank.registry
NOBODY = 65534
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(NOBODY); os.setuid(NOBODY)
library = search.open(sys.argv[1], encoder=ColourEncoder())
for _ in sys.stdin:
    try:
        found = library.query("red", k=100, rerank=0)
        print(" ".join(sorted(os.path.basename(hit.path) for hit in found)), flush=True)
    except Exception as error:
        print(type(error).__name__, error, flush=True)
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that others may look into."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "photos").mkdir()
        yield folder
        open_up(folder / "store", writable=True)


def paint(place: Path, name: str, level: int) -> None:
    Image.new("RGB", (16, 16), (255, level, 0)).save(place / "photos" / name)


def index(place: Path) -> None:
    with search.open(place / "store", encoder=ColourEncoder()) as library:
        library.index(place / "photos")


def open_up(store: Path, *, writable: bool) -> None:
    """Share a store with everybody, to be read; `writable`: its owner may write."""
    for path in (store, *store.rglob("*")):
        path.chmod((0o755 if path.is_dir() else 0o644) if writable else (0o555 if path.is_dir() else 0o444))


def test_a_reader_that_may_not_write_follows_its_owner(place: Path) -> None:
    paint(place, "first.png", 0)
    index(place)
    open_up(place / "store", writable=False)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", READER, str(place / "store")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd="/"
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None

        def ask() -> str:
            assert reader.stdin is not None
            assert reader.stdout is not None
            print(file=reader.stdin, flush=True)
            return reader.stdout.readline().strip()

        assert ask() == "first.png"
        expected = ["first.png"]
        for round_ in range(3):  # the whole file is another each time, page by page
            open_up(place / "store", writable=True)
            for number in range(20):
                paint(place, f"{round_}-{number:02}.png", 10 + 20 * round_ + number)
                expected.append(f"{round_}-{number:02}.png")
            index(place)
            open_up(place / "store", writable=False)
            assert ask().split() == sorted(expected)
        reader.stdin.close()
        assert reader.wait(30) == 0


def test_a_reader_goes_on_with_the_store_that_took_the_place_of_its_own(place: Path, tmp_path: Path) -> None:
    paint(place, "first.png", 0)
    index(place)
    with search.open(place / "store", encoder=ColourEncoder()) as library:
        assert [Path(hit.path).name for hit in library.query("red", rerank=0)] == ["first.png"]
        shutil.copytree(place / "store", tmp_path / "copy")
        paint(place, "second.png", 30)
        with search.open(tmp_path / "copy", encoder=ColourEncoder()) as other:
            other.index(place / "photos")
        for path in (tmp_path / "copy" / "vectors").iterdir():
            os.replace(path, place / "store" / "vectors" / path.name)
        os.replace(tmp_path / "copy" / "catalog.sqlite", place / "store" / "catalog.sqlite")
        found = [Path(hit.path).name for hit in library.query("red", rerank=0)]
    assert sorted(found) == ["first.png", "second.png"]


def test_a_reader_goes_on_after_a_repair(place: Path) -> None:
    for number in range(30):
        paint(place, f"{number:02}.png", number)
    index(place)
    with search.open(place / "store", encoder=ColourEncoder()) as library:
        assert len(library.query("red", k=50, rerank=0)) == 30
        catalog = place / "store" / "catalog.sqlite"
        data = bytearray(catalog.read_bytes())
        data[-4096:] = b"\xa5" * 4096  # a page of some table or index
        catalog.write_bytes(data)
        with search.open(place / "store", encoder=ColourEncoder()) as other:
            other.repair()
            other.index(place / "photos")
        assert len(library.query("red", k=50, rerank=0)) == 30


ENDLESS = """
import sys
from pathlib import Path
from indexer.store import Store
store = Store.open(Path(sys.argv[1]))
endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
try:
    with store.catalog.snapshot() as snapshot:
        print("counting", flush=True)
        snapshot.connection.exec_driver_sql(endless).scalar()
except KeyboardInterrupt:
    print("stopped", flush=True)
    raise
"""


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_ctrl_c_ends_a_statement_that_would_never_end(place: Path) -> None:
    paint(place, "first.png", 0)
    index(place)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(place / "store")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "counting\n"
        time.sleep(0.2)
        reader.send_signal(signal.SIGINT)
        said, error = reader.communicate(timeout=30)
    assert said == "stopped\n"
    assert "KeyboardInterrupt" in error
