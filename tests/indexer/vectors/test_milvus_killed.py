"""A Milvus server killed at random moments, while queries and builds run: nothing that was built is lost or twice.

In `make test-scale` two kills; MILVUS_KILLS=20 for more, MILVUS_SEED=7 for others.
"""

from __future__ import annotations

import os
import random
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import search
from indexer.catalog.encoders import Encoders
from indexer.catalog.vectors import Vectors
from indexer.errors import StoreBusyError, StoreDamagedError, StoreError
from indexer.pipeline.ingest import Ingest
from indexer.progress import Silent
from indexer.store import Store
from indexer.types import Candidate, Report
from indexer.vectors.backends.milvus.backend import Milvus
from indexer.vectors.base import SearchParameters
from indexer.vectors.refresh import build_indexes
from tests.fixtures.given_encoder import GivenEncoder, given_images
from tests.fixtures.milvus_server import MilvusProcess, is_installed, milvus_process

pytestmark = pytest.mark.scale

KILLS = int(os.environ.get("MILVUS_KILLS", "2"))
SEED = int(os.environ.get("MILVUS_SEED", secrets.randbelow(10_000)))
COUNT, DIMENSION = 3_000, 64
WORDS = [f"words {number}" for number in range(12)]
WIDE = SearchParameters(effort=20.0)


@pytest.fixture(scope="module")
def server() -> Iterator[MilvusProcess]:
    if not is_installed():
        pytest.skip("no milvus or no pymilvus: pip install -e '.[test-scale]'")
    with milvus_process() as process:
        yield process


@pytest.fixture
def folder(server: MilvusProcess, tmp_path: Path) -> Path:
    """A store of 3,000 photographs whose index is a graph in that server."""
    folder, encoder = tmp_path / "s", GivenEncoder(DIMENSION)
    folder.mkdir()
    (folder / "store.toml").write_text(f'[vectors]\nurl = "{server.url}"\nname = "killed"\n')
    store = Store.create(folder)
    candidates = (Candidate(f"/photos/{number:05}.jpg", 1_000 + number, 10**18) for number in range(COUNT))
    with store.writing():
        with store.catalog.batch() as batch:
            row = Encoders(batch).add(encoder.identity)
            Encoders(batch).activate(row)
        with Ingest(store.catalog, encoder, row, Report(), tokens=False) as ingest:
            ingest.add(list(given_images(candidates)))
        build_indexes(store.catalog, store.vectors, "hnsw", Silent())
    store.close()
    return folder


class Judge:
    """The exact scores of all photographs, by words and id; and what was seen of the answers."""

    def __init__(self, folder: Path) -> None:
        store = Store.open(folder)
        with store.catalog.snapshot() as snapshot:
            pages = list(Vectors(snapshot).pages("image", 1, DIMENSION))
        store.close()
        self.ids = np.concatenate([ids for ids, _ in pages])
        vectors = np.concatenate([rows for _, rows in pages]).astype(np.float64)
        encoder = GivenEncoder(DIMENSION)
        embeddings = {words: encoder.encode_texts([words]).vectors[0].astype(np.float64) for words in WORDS}
        ids = self.ids.tolist()
        ids = self.ids.tolist()
        self._scores = {words: dict(zip(ids, vectors @ embeddings[words], strict=True)) for words in WORDS}
        self._best = {words: sorted(found, key=found.__getitem__)[-10:] for words, found in self._scores.items()}
        self.recalls: list[float] = []
        self.said: list[str] = []

    def ask(self, library: search.Library, words: str) -> None:
        """A right answer, or one sentence."""
        try:
            hits = library.query(words, k=10, rerank=0, by_words=False, parameters=WIDE).hits
        except StoreDamagedError:
            raise
        except StoreError as error:
            self.said.append(str(error))
            return
        assert len(hits) == 10
        for hit in hits:
            assert hit.score == pytest.approx(self._scores[words][hit.id], abs=1e-5)
        self.recalls.append(len({hit.id for hit in hits} & set(self._best[words])) / 10)


def build_again_and_again(folder: Path, stop: threading.Event, said: list[str]) -> None:
    while not stop.is_set():
        store = Store.open(folder)
        try:
            with store.writing():
                build_indexes(store.catalog, store.vectors, None, Silent(), force=True)
        except StoreBusyError:  # a query that misses its index builds it
            pass
        except StoreError as error:
            said.append(str(error))
            time.sleep(0.2)
        finally:
            store.close()


def settle(work: object, seconds: float = 120.0) -> None:
    """Ask until the server, just started, does not only listen but has its collections again."""
    end = time.monotonic() + seconds
    while True:
        try:
            work()  # type: ignore[operator]
            return
        except StoreError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


def test_nothing_that_was_built_is_lost_or_there_twice(server: MilvusProcess, folder: Path) -> None:
    drawn = random.Random(SEED)
    print(f"MILVUS_SEED={SEED}")
    judge = Judge(folder)
    built: list[str] = []
    failed: list[BaseException] = []
    for _ in range(KILLS):
        stop = threading.Event()
        with search.open(folder, encoder=GivenEncoder(DIMENSION)) as library:

            def ask(library: search.Library = library, stop: threading.Event = stop) -> None:
                number = 0
                while not stop.is_set():
                    try:
                        judge.ask(library, WORDS[number % len(WORDS)])
                    except BaseException as error:
                        failed.append(error)
                        return
                    number += 1

            threads = [threading.Thread(target=ask)]
            threads += [threading.Thread(target=build_again_and_again, args=(folder, stop, built))]
            for thread in threads:
                thread.start()
            time.sleep(drawn.uniform(0.0, 4.0))
            server.kill()
            with pytest.raises(StoreError, match=r"cannot be reached|was lost"):
                library.query(WORDS[0], rerank=0)
            server.start()
            stop.set()
            for thread in threads:
                thread.join()
            assert not failed, failed[0]

            store = Store.open(folder)
            backend = store.vectors
            assert isinstance(backend, Milvus)

            def bring_up(store: Store = store) -> None:
                with store.writing():
                    build_indexes(store.catalog, store.vectors, None, Silent())

            settle(bring_up)
            assert backend.verify("image") == []
            opened = backend.open("image", backend._held("image").key)  # type: ignore[union-attr]
            assert opened is not None
            assert np.array_equal(opened.index.ids, judge.ids)
            with backend._server.use() as client:
                held = [name for name in client.list_collections() if name.startswith("search_killed_image_")]
            state = str(backend.version("image"))
            assert sorted(held) == [state.removesuffix("_state"), state], "the next run deletes what killed ones left"
            store.close()
            before = len(judge.recalls)
            for words in WORDS:
                judge.ask(library, words)
            assert len(judge.recalls) == before + len(WORDS)
            assert np.mean(judge.recalls[before:]) >= 0.95
    assert np.mean(judge.recalls) >= 0.95
    for sentence in [*judge.said, *built]:
        assert sentence.count("; ") >= 1, sentence
        assert "\n" not in sentence
    print(f"{KILLS} kills: {len(judge.recalls)} answers, {len(judge.said) + len(built)} sentences")
