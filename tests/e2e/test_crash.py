"""SIGKILL at random moments, a full disk, a read-only store, two indexers, readers beside a writer: real processes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.crash.observed import Committed, committed
from tests.fixtures.permissions import bound_by_permissions

SEARCH = [sys.executable, "-m", "search"]
#: Of the command itself, with the encoder that ships; `tests/crash/` kills everything that writes, and much faster.
KILLS = int(os.environ.get("CRASH_KILLS", "4"))
CROPS = 3  # of each photograph

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def photos(real_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Crops of real photographs, with captions beside them."""
    folder = tmp_path_factory.mktemp("crops") / "photos"
    rng = np.random.default_rng(7)
    for source in sorted(real_photos.glob("*.[jp][pn]g")):
        with Image.open(source) as opened:
            image = opened.convert("RGB")
        if min(image.size) < 200:
            continue
        for number in range(CROPS):
            left, top = (int(rng.integers(0, side - 150)) for side in image.size)
            target = folder / source.stem / f"{number}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            image.crop((left, top, left + 150, top + 150)).save(target, quality=90)
            if number % 2 == 0:
                target.with_suffix(".txt").write_text(f"part {number} of {source.stem}")
    return folder


def items(store: Path) -> int:
    """How many were committed; cheap, for a run that takes a second or two."""
    try:
        with closing(sqlite3.connect(f"file:{store / 'catalog.sqlite'}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM item").fetchone()[0])
    except sqlite3.Error:  # not there yet, or still without tables
        return 0


def answers(store: Path) -> list[object]:
    import search

    with search.open(store) as library:
        return [
            library.query(words, k=k, to=to).to_json()["hits"]
            for words, k, to in (
                ("a cat", 10, "image"),
                ("a rocket", 40, "image"),
                ("coffee", 9, "text"),
                ("a", 50, "any"),
            )
        ]


def test_sigkill_at_any_moment_loses_nothing_that_was_committed(photos: Path, tmp_path: Path) -> None:
    undisturbed = tmp_path / "undisturbed.search"
    started = time.monotonic()
    subprocess.run([*SEARCH, "index", "-q", str(photos), "-s", str(undisturbed)], check=True)
    whole_run = time.monotonic() - started
    expected = committed(undisturbed)
    assert len(expected) > 50

    rng = random.Random(11)
    generation, store = 0, tmp_path / "killed-0.search"
    killed_at_work = 0
    before: Committed = {}
    for number in range(KILLS):
        process = subprocess.Popen([*SEARCH, "index", "-q", str(photos), "-s", str(store)], start_new_session=True)
        if number % 2:  # From before the first import to after the last write.
            time.sleep(rng.uniform(0.2, 1.05) * whole_run)
        else:  # Soon after something was committed.
            while process.poll() is None and items(store) <= len(before):
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.05) * whole_run)
        finished = process.poll() is not None
        if not finished:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        catalog = store / "catalog.sqlite"
        # Killed between the making of the file and its first page: nothing was committed, and nothing may have been.
        after = committed(store) if catalog.exists() and catalog.stat().st_size else {}
        assert before.items() <= after.items()  # nothing lost, nothing changed
        assert after.items() <= expected.items()  # nothing half-done
        killed_at_work += 0 < len(after) < len(expected)
        before = after
        if len(after) == len(expected):  # complete: begin a new one
            final(photos, store, expected, undisturbed)
            generation += 1
            store, before = tmp_path / f"killed-{generation}.search", {}
    final(photos, store, expected, undisturbed)
    assert killed_at_work >= max(1, KILLS // 10)  # or the moments were badly chosen


def final(photos: Path, store: Path, expected: Committed, undisturbed: Path) -> None:
    subprocess.run([*SEARCH, "index", "-q", str(photos), "-s", str(store)], check=True)
    assert committed(store) == expected
    assert answers(store) == answers(undisturbed)
    subprocess.run([*SEARCH, "doctor", "-s", str(store)], check=True, stdout=subprocess.DEVNULL)


def test_ctrl_c_says_so_and_the_next_run_goes_on(photos: Path, tmp_path: Path) -> None:
    for attempt in range(5):  # until the interrupt comes before the end
        store = tmp_path / f"s{attempt}"
        process = subprocess.Popen(
            [*SEARCH, "index", str(photos), "-s", str(store)], stderr=subprocess.PIPE, start_new_session=True
        )
        while process.poll() is None and not items(store):
            time.sleep(0.01)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
        if process.returncode not in (0, -signal.SIGINT):
            break
    assert process.returncode == 130
    assert b"goes on from there" in err
    assert b"Traceback" not in err
    kept = committed(store)
    assert kept
    subprocess.run([*SEARCH, "index", "-q", str(photos), "-s", str(store)], check=True)
    assert kept.items() <= committed(store).items()


def test_a_second_indexer_is_told_who_is_at_work(photos: Path, tmp_path: Path) -> None:
    store = tmp_path / "s"
    first = subprocess.Popen([*SEARCH, "index", "-q", str(photos), "-s", str(store)])
    while not (store / "writer.pid").exists():
        time.sleep(0.01)
        assert first.poll() is None
    time.sleep(0.1)
    second = subprocess.run([*SEARCH, "index", str(photos), "-s", str(store)], capture_output=True, check=False)
    assert first.wait() == 0
    assert second.returncode == 2
    assert f"({first.pid})".encode() in second.stderr
    assert len(committed(store)) > 50


def test_queries_are_answered_while_another_process_indexes(photos: Path, tmp_path: Path) -> None:
    import search

    store = tmp_path / "s"
    subprocess.run([*SEARCH, "index", "-q", str(photos / "astronaut"), "-s", str(store)], check=True)
    with search.open(store) as library:
        first = library.query("an astronaut", k=100)
        assert len(first) == CROPS
        writer = subprocess.Popen([*SEARCH, "index", "-q", str(photos), "-s", str(store)])
        sizes = [len(first)]
        while writer.poll() is None:
            results = library.query("an astronaut", k=1000)
            sizes.append(len(results))
            assert len({hit.id for hit in results}) == len(results)
        assert writer.returncode == 0
        assert sizes == sorted(sizes)  # what is there stays there
        last = library.query("an astronaut", k=1000)
        assert len(last) > 40
        assert len(last) >= sizes[-1]


# -- disks --------------------------------------------------------------------------------------------------


def limited(size: int) -> Callable[[], None]:
    """What a child runs before its command: no file of it may grow above `size` bytes, as on a full disk."""

    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def test_a_full_disk_is_said_and_the_next_run_goes_on(photos: Path, tmp_path: Path) -> None:
    store = tmp_path / "s"
    done = subprocess.run(
        [*SEARCH, "index", str(photos), "-s", str(store)],
        capture_output=True,
        check=False,
        preexec_fn=limited(200_000),
    )
    assert done.returncode == 4, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"same command again" in done.stderr or b"full" in done.stderr
    kept = committed(store)
    subprocess.run([*SEARCH, "index", "-q", str(photos), "-s", str(store)], check=True)
    assert kept.items() <= committed(store).items()


def test_a_read_only_store_answers_and_refuses_to_be_written(photos: Path, indexed: Path, tmp_path: Path) -> None:
    store = Path(shutil.copytree(indexed, tmp_path / "store.search"))
    for path in [store, *store.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    query = bound_by_permissions([*SEARCH, "query", "a cat", "-k", "1", "-s", str(store)])
    assert query.returncode == 0, query.stderr
    assert b"chelsea.png" in query.stdout
    for command in (["index", str(tmp_path)], ["forget", "--vanished"]):
        done = bound_by_permissions([*SEARCH, *command, "-s", str(store)])
        assert done.returncode == 4, done
        assert b"cannot be written" in done.stderr
        assert b"Traceback" not in done.stderr
    for path in [store, *store.rglob("*")]:
        path.chmod(0o755)


def test_unreadable_files_and_folders_are_recorded_and_tried_again(real_photos: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "closed").mkdir(parents=True)
    shutil.copy(real_photos / "rocket.jpg", photos / "open.jpg")
    shutil.copy(real_photos / "hubble_deep_field.jpg", photos / "locked.jpg")  # no copy: copies are one hit
    shutil.copy(real_photos / "chelsea.png", photos / "closed" / "cat.png")
    (photos / "open.jpg").chmod(0o644)
    (photos / "locked.jpg").chmod(0)
    (photos / "closed").chmod(0)
    store = tmp_path / "out"
    store.mkdir()
    store.chmod(0o777)
    done = bound_by_permissions([*SEARCH, "index", str(photos), "-s", str(store / "s")])
    if os.geteuid() != 0:
        (photos / "closed").chmod(0o755)
    assert done.returncode == 3, done
    assert b"locked.jpg" in done.stderr
    assert b"closed" in done.stderr
    (photos / "closed").chmod(0o755)
    (photos / "closed" / "cat.png").chmod(0o644)
    (photos / "locked.jpg").chmod(0o644)
    done = bound_by_permissions([*SEARCH, "index", str(photos), "-s", str(store / "s")])
    assert done.returncode == 0, done
    found = bound_by_permissions([*SEARCH, "query", "a cat", "-s", str(store / "s"), "--paths"])
    assert len(found.stdout.splitlines()) == 3
