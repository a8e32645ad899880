"""Several runs at once over one catalog in PostgreSQL: together they do what one does alone, each file once."""

from __future__ import annotations

import json
import os
import threading
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
from indexer.settings import IndexSettings
from indexer.side_by_side import side_by_side
from indexer.store import Store, writer
from indexer.store_address import make_store_folder
from indexer.types import Report
from tests.fixtures.catalog_state import duplicates, state
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.postgres_server import PostgresServer
from tests.indexer.pipeline.test_engine import Sent

COUNT = 60


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
        folder = make_store_folder(self.folder / name, self.address)
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
