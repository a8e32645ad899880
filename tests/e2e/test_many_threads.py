"""Hundreds of threads on one library: they wait for their turn, and every answer is right."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

import search
from indexer.catalog.sqlite import CONNECTIONS
from indexer.encoders.base import Encoded
from indexer.store import Store
from indexer.types import Texts
from tests.fixtures.colour_encoder import ColourEncoder

THREADS = 500
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


class GatheringEncoder(ColourEncoder):
    """Once `gathers`: lets nobody go before twice as many encode at once as there are connections, and one more."""

    gathers = False

    def __init__(self) -> None:
        super().__init__()
        self.now, self.enough = 0, threading.Event()
        self._lock = threading.Lock()

    def encode_texts(self, texts: Texts, *, tokens: bool = False) -> Encoded:
        if self.gathers:
            with self._lock:
                self.now += 1
                if self.now > 2 * CONNECTIONS:
                    self.enough.set()
            self.enough.wait(60)  # the test fails by the event
            with self._lock:
                self.now -= 1
        return super().encode_texts(texts, tokens=tokens)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (16, 16), colour).save(folder / f"{name}.png")
    return folder


def test_five_hundred_threads_all_get_the_right_answer(tmp_path: Path, photos: Path) -> None:
    encoder = GatheringEncoder()
    names = list(COLOURS)
    together = threading.Barrier(THREADS)
    with search.open(tmp_path / "store", encoder=encoder) as library:
        library.index(photos)
        encoder.gathers = True

        def ask(number: int) -> tuple[str, str]:
            together.wait(60)
            if number % 10 == 0:
                wanted = names[number // 10 % len(names)]
                return wanted, Path(library.query(photos / f"{wanted}.png", k=1)[0].path).stem
            wanted = names[number % len(names)]
            return wanted, Path(library.query(wanted, k=1, rerank=0)[0].path).stem

        with ThreadPoolExecutor(THREADS) as pool:
            answers = list(pool.map(ask, range(THREADS)))
    assert [found for _, found in answers] == [wanted for wanted, _ in answers]
    # More were encoding at once than there are connections: none was held meanwhile.
    assert encoder.enough.is_set()


def test_more_transactions_than_connections_wait_for_their_turn(tmp_path: Path, photos: Path) -> None:
    with search.open(tmp_path / "store", encoder=ColourEncoder()) as library:
        library.index(photos)
    store = Store.open(tmp_path / "store")
    held, most, lock, all_held = 0, 0, threading.Lock(), threading.Event()

    def hold() -> int:
        nonlocal held, most
        with store.catalog.snapshot() as snapshot:
            with lock:
                held += 1
                most = max(most, held)
                if held == CONNECTIONS:
                    all_held.set()
            all_held.wait(60)  # the test fails by the count
            time.sleep(0.02)  # for one too many to come
            found = snapshot.generation
            with lock:
                held -= 1
        return found

    with ThreadPoolExecutor(10 * CONNECTIONS) as pool:
        found = [future.result() for future in [pool.submit(hold) for _ in range(10 * CONNECTIONS)]]
    store.close()
    assert len(set(found)) == 1
    assert most == CONNECTIONS


def test_a_thread_that_would_wait_for_itself_is_told(tmp_path: Path, photos: Path) -> None:
    with search.open(tmp_path / "store", encoder=ColourEncoder()) as library:
        library.index(photos)
    store = Store.open(tmp_path / "store")
    with store.catalog.snapshot(), pytest.raises(RuntimeError, match="one transaction"), store.catalog.snapshot():
        pass
    with store.catalog.snapshot() as snapshot:  # the first one was let go of
        assert snapshot.generation > 0
    store.close()
