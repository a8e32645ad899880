"""Several runs at once over one catalog in PostgreSQL, in processes of their own: kills of runs, and of the server."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

import search
from indexer.catalog.meta import SETTLED, Meta
from indexer.store import Store
from indexer.store_address import store_folder
from tests.crash.observed import Committed, committed
from tests.fixtures.catalog_state import State, state
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.one_of_several import begin
from tests.fixtures.postgres_server import PASSWORD, PostgresServer, running

COUNT = 160
KILLS = int(os.environ.get("CRASH_KILLS", "20"))
#: Of everything that may hang.
TIMEOUT = 300

pytestmark = pytest.mark.slow

Answers = list[list[tuple[str, float]]]
QUERIES = ("red", "green thing", "a blue sea", "number 17", "name:012", "red -blue", "type:png size:>1")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("several") / "photos"
    for number in range(COUNT):
        path = folder / f"part{number % 4}" / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 255 - number, (number % 7) * 30)).save(path)
    (folder / "part2" / "copy.png").write_bytes((folder / "part0" / "000.png").read_bytes())
    (folder / "part3" / "damaged.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    rows = [
        {"image": f"part{number % 4}/{number:03}.png", "caption": f"number {number}"} for number in range(0, 160, 5)
    ]
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@dataclass
class Alone:
    """What one machine makes of them: in its catalog, and answered from it."""

    state: State
    answers: Answers


@pytest.fixture(scope="module")
def alone(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Alone:
    folder = tmp_path_factory.mktemp("alone") / "store"
    with search.open(folder, encoder=ColourTokenEncoder(batch_size=4)) as library:
        library.index(photos)
    store = Store.open(folder)
    found = state(store.catalog)
    store.close()
    return Alone(found, answers(folder))


def answers(folder: Path) -> Answers:
    """Paths with their scores; what is equally good stands in the order of its ids, which depend on who came first."""
    with search.open(folder, encoder=ColourTokenEncoder(batch_size=4)) as library:
        found = [library.query(line, k=COUNT * 2, to="any").to_json()["hits"] for line in QUERIES]
    return [sorted((f"{hit['path']} {hit.get('text')}", round(hit["score"], 5)) for hit in hits) for hits in found]


@dataclass
class Shared:
    """A catalog in PostgreSQL, and the machines that come to it."""

    address: str
    folder: Path

    def begin(self, *folders: Path, machine: str = "one") -> subprocess.Popen[str]:
        return begin(self.address, *folders, machine=self.folder / machine)

    def reader(self) -> Path:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_DATA_HOME", str(self.folder / "reader"))
            return store_folder(self.address)

    def committed(self) -> Committed:
        """Nothing where no run has made the tables yet."""
        try:
            return committed(self.reader())
        except search.StoreMissingError:
            return {}

    def check(self, alone: Alone) -> None:
        """All is there once, and answers are those of one machine."""
        store = Store.open(self.reader())
        try:
            found = state(store.catalog)
            with store.catalog.snapshot() as snapshot:
                assert Meta(snapshot).get(SETTLED) == str(snapshot.generation)
        finally:
            store.close()
        assert found == alone.state
        assert answers(self.reader()) == alone.answers


@pytest.fixture
def shared(postgres_server: PostgresServer, tmp_path: Path) -> Shared:
    return Shared(postgres_server.new_database().render_as_string(), tmp_path)


def ended(*runs: subprocess.Popen[str]) -> list[tuple[int, str, str]]:
    """Exit code and what was said, of each."""
    found = []
    for run in runs:
        out, err = run.communicate(timeout=TIMEOUT)
        found.append((run.returncode, out, err))
    return found


def wait_until_at_work(shared: Shared, items: int = 1) -> Committed:
    until = time.monotonic() + TIMEOUT
    while len(found := shared.committed()) < items:
        assert time.monotonic() < until
        time.sleep(0.02)
    return found


def test_three_runs_over_overlapping_folders(shared: Shared, photos: Path, alone: Alone) -> None:
    """Two on one machine."""
    first = shared.begin(photos)
    wait_until_at_work(shared)
    found = ended(shared.begin(photos / "part1"), shared.begin(photos, machine="two"), first)
    assert [code for code, _, _ in found] == [0, 0, 0], found
    read = [sum(map(int, out.split()[:2])) for _, out, _ in found]
    assert sum(read) == COUNT + 1
    shared.check(alone)


def test_a_run_goes_on_beside_one_that_was_killed(shared: Shared, photos: Path, alone: Alone) -> None:
    runs = [shared.begin(photos, machine=name) for name in ("one", "two")]
    kept = wait_until_at_work(shared)
    runs[0].kill()
    kept |= shared.committed()
    [_, (code, _, said)] = ended(*runs)
    assert code == 0, said
    assert kept.items() <= shared.committed().items()
    shared.check(alone)


def test_a_run_whose_server_cuts_connections_ends_with_a_sentence_and_is_gone_on_with(
    shared: Shared, photos: Path, alone: Alone, postgres_server: PostgresServer
) -> None:
    run = shared.begin(photos)
    kept = wait_until_at_work(shared)
    name = shared.address.rpartition("/")[2]
    postgres_server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    [(code, _, said)] = ended(run)
    assert (code, said.count("\n")) == (4, 1), said
    assert re.search(r"ended the connection.*run the same command again, it goes on from the last committed", said)
    [(code, _, said)] = ended(shared.begin(photos))
    assert code == 0, said
    assert kept.items() <= shared.committed().items()
    shared.check(alone)


def test_the_command_itself_beside_another(shared: Shared, photos: Path) -> None:
    """With the encoder that ships; both say what they did."""
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "search", "index", photos / "part0", "--store", shared.address, "--quiet"],
            env=os.environ | {"XDG_DATA_HOME": str(shared.folder / name)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    assert [code for code, _, _ in ended(*runs)] == [0, 0]
    assert len(shared.committed()) == COUNT // 4


# -- kills, at random moments ---------------------------------------------------------------------------------


def moments(kills: int) -> Iterator[tuple[int, random.Random]]:
    """The number of each kill with a generator of its own, whose seed is printed."""
    seed = int(os.environ.get("CRASH_SEED", random.randrange(10**6)))
    print(f"CRASH_SEED={seed}")
    for number in range(kills):
        yield number, random.Random(f"{seed} {number}")


def kill_at_random(chance: random.Random, shared: Shared, runs: Sequence[subprocess.Popen[str]]) -> Committed:
    """Wait for a moment in the midst of the work. Returns what was committed just before it."""
    items = chance.randrange(COUNT)
    found: Committed = {}
    while len(found := shared.committed()) < items and any(run.poll() is None for run in runs):
        time.sleep(chance.random() / 20)
    time.sleep(chance.random() / 5)
    return found


@pytest.mark.scale
def test_one_of_two_runs_is_killed(postgres_server: PostgresServer, photos: Path, alone: Alone, tmp_path: Path) -> None:
    midst = 0
    for number, chance in moments(KILLS):
        shared = Shared(postgres_server.new_database().render_as_string(), tmp_path / str(number))
        runs = [shared.begin(photos, machine=name) for name in ("one", "two")]
        kept = kill_at_random(chance, shared, runs)
        victim = chance.randrange(2)
        runs[victim].kill()
        found = ended(*runs)
        midst += found[victim][0] == -signal.SIGKILL
        print(f"kill {number}: run {victim} after {len(kept)} items, ended {[code for code, _, _ in found]}")
        assert found[1 - victim][0] == 0, found
        assert kept.items() <= shared.committed().items()
        if not is_settled(shared):  # the other had ended before, and left what was owed to the one that was killed
            assert ended(shared.begin(photos))[0][0] == 0
        shared.check(alone)
    assert midst >= KILLS // 2


def is_settled(shared: Shared) -> bool:
    store = Store.open(shared.reader())
    try:
        with store.catalog.snapshot() as snapshot:
            return Meta(snapshot).get(SETTLED) == str(snapshot.generation)
    finally:
        store.close()


@pytest.mark.scale
def test_the_server_is_killed(photos: Path, alone: Alone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By turns all its processes at once, and an immediate stop; two runs are at work."""
    pytest.importorskip("pg0")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with running() as server:
        midst = 0
        for number, chance in moments(KILLS):
            shared = Shared(server.new_database().render_as_string(), tmp_path / str(number))
            runs = [shared.begin(photos, machine=name) for name in ("one", "two")]
            kept = kill_at_random(chance, shared, runs)
            if number % 2:
                server.stop("immediate")
            else:
                server.crash()
            found = ended(*runs)
            server.start()
            print(f"kill {number}: after {len(kept)} items, ended {[code for code, _, _ in found]}")
            for code, _, said in found:
                assert code == 0 or (code, said.count("\n")) == (4, 1), said
            midst += any(code for code, _, _ in found)
            assert kept.items() <= shared.committed().items()
            again = ended(*(shared.begin(photos, machine=name) for name in ("one", "two")))
            assert [code for code, _, _ in again] == [0, 0], again
            assert kept.items() <= shared.committed().items()
            shared.check(alone)
    assert midst >= KILLS // 2
