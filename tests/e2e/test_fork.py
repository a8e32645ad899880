"""A forked process answers and indexes as its parent does, and ends; the parent goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.fixtures.paths import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forked on Linux only")

#: What every program begins with. `child(work)` forks; what `work` gives is printed, within a time.
BEFORE = """
import os, sys, time, threading
from pathlib import Path
import numpy as np
import search
from indexer.errors import SearchError

store, photos = Path(sys.argv[1]), Path(sys.argv[2])
picture = photos / "0.png"

def child(work, seconds=60, leave=os._exit):
    print(end="", flush=True)
    pid = os.fork()
    if pid == 0:
        try:
            print(work(), flush=True)
        except SearchError as error:
            print(type(error).__name__, error, flush=True)
        leave(0)
    deadline = time.monotonic() + seconds
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            print("hangs", flush=True)
            break
        time.sleep(0.01)
"""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(5):
        Image.new("RGB", (9, 9), (50 * number, 200, 0)).save(folder / f"{number}.png")
    return folder


def run(code: str, store: Path, photos: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", BEFORE + code, store, photos],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=ROOT,
        env={**os.environ, "SEARCH_THREADS": "3"},
    )
    assert not done.returncode, done.stderr
    return done.stdout.splitlines()


def test_a_child_searches_and_indexes_after_both_towers_were_used(tmp_path: Path, photos: Path) -> None:
    code = """
from PIL import Image
with search.open(store) as library:
    first = library.index(photos).encoded
    library.query(picture), library.query("a red car")
    find = lambda what: library.query(what, k=1)[0].path
    child(lambda: find(picture) == str(picture))
    child(lambda: find(picture) == str(picture), leave=sys.exit)  # with all that Python and C++ do at the end
    child(lambda: len(library.query("a red car")))
    child(lambda: len(search.open(store).query(picture)))
    Image.new("RGB", (9, 9), "blue").save(photos / "new.png")
    Image.new("RGB", (9, 9), "white").save(photos / "newer.png")
    child(lambda: library.index(photos).encoded)
    Image.new("RGB", (9, 9), "black").save(photos / "newest.png")
    print(first, find(picture) == str(picture), library.index().encoded, len(library.query("a red car")))
    print(library.check())
"""
    assert run(code, tmp_path / "s", photos) == ["True", "True", "5", "5", "2", "5 True 1 8", "[]"]


def test_multiprocessing_by_fork(tmp_path: Path, photos: Path) -> None:
    code = """
import multiprocessing
library = search.open(store)
library.index(photos)
library.query(picture)

def ask(number):
    return library.query(photos / f"{number}.png", k=1)[0].path[-5:]

with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map_async(ask, range(5)).get(60))
print(ask(4))
"""
    assert run(code, tmp_path / "s", photos) == [str([f"{number}.png" for number in range(5)]), "4.png"]


def test_locks_that_another_thread_holds_are_free_in_the_child(tmp_path: Path, photos: Path) -> None:
    code = """
library = search.open(store)
library.index(photos)
library.query(picture)
holding, done = threading.Event(), threading.Event()
encoder = library._models.encoder(None)

def hold():
    with library._lock, library._models._lock, encoder._loading:
        holding.set()
        done.wait()

thread = threading.Thread(target=hold)
thread.start()
holding.wait()
child(lambda: len(library.query(picture)))
done.set()
thread.join()
print(len(library.query(picture)))
"""
    assert run(code, tmp_path / "s", photos) == ["5", "5"]


def test_a_store_that_is_read_while_the_process_forks_is_refused_in_the_child_alone(
    tmp_path: Path, photos: Path
) -> None:
    """SQLite would believe to hold locks that only the parent holds."""
    code = """
library = search.open(store)
library.index(photos)
library.query("a")
holding, done = threading.Event(), threading.Event()

def read():
    with library._opened.store.catalog.snapshot() as snapshot:
        snapshot.generation
        holding.set()
        done.wait()

thread = threading.Thread(target=read)
thread.start()
holding.wait()
child(lambda: library.query("a red car"))
child(lambda: search.open(store).query("a red car"))
child(lambda: len(search.open(store.with_name("other")).index(photos).failures))
done.set()
thread.join()
child(lambda: len(library.query("a red car")))
print(len(library.query("a red car")))
"""
    refused = (
        f"StoreError {tmp_path / 's' / 'catalog.sqlite'} was in use by another thread when this process was forked; "
        'fork while nothing is searched or indexed, or start processes anew (multiprocessing\'s "spawn").'
    )
    assert run(code, tmp_path / "s", photos) == [refused, refused, "0", "5", "5"]


@pytest.mark.parametrize("library", ["faiss", "torch"])
def test_what_computes_with_openmp_goes_on_with_one_thread(tmp_path: Path, photos: Path, library: str) -> None:
    """The other threads stayed with the parent; asked for them, OpenMP waits for ever."""
    pytest.importorskip(library)
    work = {
        "faiss": """
import faiss
from indexer import forking
from indexer.vectors.backends.faiss_files.ivf_training import threads
rows = np.random.default_rng(0).standard_normal((20_000, 16)).astype(np.float32)
index = faiss.IndexFlatIP(16)
index.add(rows)

def work():
    with threads(3):
        return index.search(rows[:500], 3)[1].shape
""",
        "torch": """
import torch
from indexer import forking
torch.set_num_threads(3)

def work():
    return tuple((torch.ones(800, 800) @ torch.ones(800, 3)).softmax(-1).shape), torch.ones(3_000_000).exp().shape[0]
""",
    }[library]
    once, again, child = run(work + "print(work())\nchild(work)\nprint(work())", tmp_path, photos)
    assert once == again == child != "hangs"
