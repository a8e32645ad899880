"""Several runs at once over one catalog in PostgreSQL: together they do what one does alone, each file once."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import URL

from indexer.catalog import postgres_writers
from indexer.catalog.meta import SETTLED, Meta
from indexer.errors import StoreBusyError
from indexer.in_hand import left_in_hand
from indexer.pipeline import ingest, shared_work
from indexer.pipeline import run as pipeline
from indexer.pipeline.engine import Engine
from indexer.progress import Silent
from indexer.settings import ADDRESS_NAME, IndexSettings
from indexer.side_by_side import side_by_side
from indexer.store import Store, writer
from indexer.types import Report
from tests.fixtures.catalog_state import State, state
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.postgres_server import PostgresServer
from tests.indexer.pipeline.test_engine import Sent

COUNT = 60
#: With a copy of one, a damaged one, and captions.
FILES = COUNT + 3


class Killed(BaseException):
    """Ends a run as a kill does: it neither writes what it has encoded, nor says that it ends."""


@dataclass
class At(Silent):
    """Progress that calls something once so many files are committed, in the thread of the run."""

    count: int
    then: Callable[[], object]
    phases: list[str] = field(default_factory=list)

    def phase(self, name: str) -> None:
        self.phases.append(name)

    def advance(self, files: int) -> None:
        self.count -= files
        if self.count <= 0 and self.then is not nothing:
            then, self.then = self.then, nothing
            then()


def nothing() -> None:
    """What is called where all is as it should be."""


@pytest.fixture(autouse=True)
def _small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_work, "WINDOW", 8)
    monkeypatch.setattr(shared_work, "PAUSE", 0.01)
    monkeypatch.setattr(postgres_writers, "PAUSE", 0.01)
    monkeypatch.setattr(postgres_writers, "SOON", 0.0)
    monkeypatch.setattr(postgres_writers, "PATIENCE", 0.0)
    monkeypatch.setattr(ingest, "SECONDS_A_COMMIT", 0.0)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for number in range(COUNT):
        path = folder / f"part{number % 3}" / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number * 4, 255 - number * 4, (number % 5) * 40)).save(path)
    (folder / "part2" / "copy.png").write_bytes((folder / "part0" / "000.png").read_bytes())
    (folder / "part1" / "damaged.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    rows = [{"image": f"part{number % 3}/{number:03}.png", "caption": f"number {number}"} for number in range(COUNT)]
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@dataclass
class Machines:
    """Machines with folders of their own, over one catalog."""

    address: URL
    folder: Path

    @contextmanager
    def store(self, name: str) -> Iterator[Store]:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        (folder / ADDRESS_NAME).write_text(str(self.address))
        store = Store.create(folder)
        try:
            yield store
        finally:
            store.close()

    def run(
        self, name: str, *roots: Path, progress: At | None = None, engine: Engine | None = None, alone: bool = False
    ) -> Report:
        with self.store(name) as store, side_by_side(store, alone=alone) as beside:
            given = [os.fspath(root) for root in roots]
            encoder = ColourTokenEncoder(batch_size=4)
            return pipeline.run(
                store,
                encoder,
                given,
                IndexSettings(workers=1, queued_batches=1),
                progress=progress,
                engine=engine,
                beside=beside,
            )

    def beside(self, name: str, *roots: Path) -> tuple[threading.Thread, list[Report]]:
        """The same in a thread of its own."""
        reports: list[Report] = []
        thread = threading.Thread(target=lambda: reports.append(self.run(name, *roots)))
        thread.start()
        return thread, reports

    def state(self) -> State:
        with self.store("reader") as store:
            return state(store.catalog)


@pytest.fixture
def machines(tmp_path: Path, postgres_server: PostgresServer) -> Machines:
    return Machines(postgres_server.new_database(), tmp_path)


@pytest.fixture
def alone(photos: Path, tmp_path: Path) -> State:
    """What one machine makes of them, in a file."""
    store = Store.create(tmp_path / "alone")
    with store.writing():
        pipeline.run(store, ColourTokenEncoder(batch_size=4), [str(photos)])
    found = state(store.catalog)
    store.close()
    return found


def read(*reports: Report) -> int:
    """Files that they read, all together."""
    return sum(
        each.encoded + each.reused + each.caption_files + len(each.failures) + each.known_failures for each in reports
    )


def elsewhere(report: Report) -> int:
    """Files of which it says that others read them."""
    found = [line.partition(" files were read by other runs")[0] for line in report.warnings if "by other runs" in line]
    return int(found[0]) if found else 0


def test_one_run_alone_is_as_in_a_file(machines: Machines, photos: Path, alone: State) -> None:
    report = machines.run("one", photos)
    assert machines.state() == alone
    assert (read(report), elsewhere(report)) == (FILES, 0)
    assert machines.run("one").unchanged == FILES - 1


def test_two_share_one_folder(machines: Machines, photos: Path, alone: State) -> None:
    """The second begins when the first has written some, and takes its share."""
    others: list[tuple[threading.Thread, list[Report]]] = []
    started = At(8, lambda: others.append(machines.beside("two", photos)))
    one = machines.run("one", photos, progress=started)
    [(thread, reports)] = others
    thread.join()
    [two] = reports
    assert machines.state() == alone
    assert read(one, two) == FILES
    assert elsewhere(one) == read(two)


def test_the_first_waits_for_the_second_and_settles(machines: Machines, photos: Path, alone: State) -> None:
    """All of the second's run lies in the middle of the first's: it takes all but what the first has in hand, for which
    it would wait: for that it is given half of the folders."""
    reports: list[Report] = []
    started = At(8, lambda: reports.append(machines.run("two", photos / "part2")))
    one = machines.run("one", photos, progress=started)
    [two] = reports
    assert machines.state() == alone
    assert any("Other runs are still at work" in line for line in two.warnings)
    assert not any("Other runs are still at work" in line for line in one.warnings)
    assert read(one, two) == FILES
    with machines.store("reader") as store, store.catalog.snapshot() as snapshot:
        assert Meta(snapshot).get(SETTLED) == str(snapshot.generation)


def test_captions_that_came_before_their_photographs_are_read_again_by_the_last(
    machines: Machines, photos: Path, alone: State
) -> None:
    """The second reads a table of which no photograph is there yet, and leaves; those come with the first."""
    reports: list[Report] = []
    started = At(1, lambda: reports.append(machines.run("two", photos / "captions.jsonl")))
    machines.run("one", photos / "part0", progress=started)
    assert any("Other runs are still at work" in line for line in reports[0].warnings)
    machines.run("one", photos)
    assert machines.state()["item"] == alone["item"]


def test_what_a_killed_run_had_in_hand_another_takes_over(machines: Machines, photos: Path, alone: State) -> None:
    def die() -> None:
        raise Killed

    def killed() -> None:
        with pytest.raises(Killed), pytest.MonkeyPatch.context() as patch:
            patch.setattr(ingest.Ingest, "__exit__", lambda *_: None)  # which would write what is left
            machines.run("two", photos, progress=At(1, die))

    one = machines.run("one", photos, progress=At(8, killed))
    assert machines.state() == alone
    assert read(one) > FILES - 16


def test_the_next_run_goes_on_where_killed_ones_were(machines: Machines, photos: Path, alone: State) -> None:
    def die() -> None:
        raise Killed

    for name in ("one", "two"):
        with pytest.raises(Killed), pytest.MonkeyPatch.context() as patch:
            patch.setattr(ingest.Ingest, "__exit__", lambda *_: None)
            machines.run(name, photos, progress=At(12, die))
    assert sum(machines.state()["claim"].values()) > 0
    machines.run("three", photos)
    assert machines.state() == alone


def test_who_was_taken_for_gone_writes_nothing_twice(
    machines: Machines, photos: Path, alone: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its claims are over as soon as they are made: another reads the same files meanwhile."""
    monkeypatch.setattr(postgres_writers, "LEASE", -1)
    reports: list[Report] = []
    started = At(1, lambda: reports.append(machines.run("two", photos)))
    one = machines.run("one", photos, progress=started)
    assert machines.state() == alone
    assert read(one, *reports) > FILES


def test_a_file_that_goes_while_another_had_it_in_hand(machines: Machines, photos: Path) -> None:
    def killed() -> None:
        def die() -> None:
            for path in photos.rglob("0[3-5]?.png"):
                path.unlink()
            raise Killed

        with pytest.raises(Killed), pytest.MonkeyPatch.context() as patch:
            patch.setattr(ingest.Ingest, "__exit__", lambda *_: None)
            machines.run("two", photos, progress=At(1, die))

    machines.run("one", photos, progress=At(1, killed))
    machines.run("one")
    store = Store.create(photos.parent / "after")
    with store.writing():
        pipeline.run(store, ColourTokenEncoder(batch_size=4), [str(photos)])
    after = state(store.catalog)
    store.close()
    found = machines.state()
    there = Counter({row: count for row, count in found["file"].items() if row[4] not in ("vanished", "failed")})
    assert there == Counter({row: count for row, count in after["file"].items() if row[4] != "failed"})


def test_an_engine_s_run_beside_another(machines: Machines, photos: Path, alone: State) -> None:
    engine = Sent(ColourTokenEncoder(batch_size=4))
    reports: list[Report] = []
    started = At(8, lambda: reports.append(machines.run("two", photos / "part2", engine=engine)))
    one = machines.run("one", photos, progress=started, engine=Sent(ColourTokenEncoder(batch_size=4)))
    assert machines.state() == alone
    assert engine.paths
    assert read(one, *reports) == FILES


def test_two_runs_of_one_machine_have_files_of_their_own(machines: Machines, photos: Path, alone: State) -> None:
    seen: list[object] = []

    def second() -> None:
        folder = machines.folder / "one"
        seen.append(writer(folder))
        seen.append([one.path for one in left_in_hand(folder)])
        machines.run("one", photos / "part2", progress=At(1, lambda: seen.append((folder / "in-hand-1").exists())))
        seen.append((folder / "in-hand-1").exists())

    machines.run("one", photos, progress=At(8, second))
    assert seen == [f"another process ({os.getpid()})", seen[1], True, False]
    assert machines.state() == alone
    assert writer(machines.folder / "one") is None


def test_what_reads_everything_anew_is_alone(machines: Machines, photos: Path) -> None:
    def other() -> None:
        with pytest.raises(StoreBusyError, match="is writing to postgresql"):
            machines.run("two", photos, alone=True)

    machines.run("one", photos, progress=At(8, other))
    with machines.store("one") as store, store.writing(), pytest.raises(StoreBusyError):
        machines.run("two", photos)


def test_a_file_of_sqlite_has_one_writer(photos: Path, tmp_path: Path) -> None:
    store, second = Store.create(tmp_path / "file"), Store.create(tmp_path / "file")
    with side_by_side(store, alone=False) as beside:
        assert beside is None
        with pytest.raises(StoreBusyError, match="is writing to"), side_by_side(second, alone=False):
            pytest.fail("two at once")
    store.close()
    second.close()
