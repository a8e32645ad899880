"""The vector indexes of a store, opened once and again when a writer has replaced them."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from indexer.catalog.encoders import Encoders
from indexer.catalog.items import Items
from indexer.encoders.base import EncoderId
from indexer.errors import StoreBusyError, StoreDamagedError, StoreUnwritableError
from indexer.progress import Silent
from indexer.store import Store
from indexer.types import Kind
from indexer.vectors.base import Tuned, VectorIndex
from indexer.vectors.refresh import build_indexes, index_key

#: A missing or damaged index of up to so many items is built anew by the query that misses it (about a second);
#: for more, the query compares with the catalog's vectors, and the next `search index` builds.
REBUILD_LIMIT = 50_000

#: Candidates for each hit that is wanted, from an index of which nothing was measured.
OVERSAMPLE = 10


@dataclass(frozen=True, slots=True)
class OpenIndex:
    """An index and the generation of the catalog that it holds. `tuned`: None where that was not measured."""

    index: VectorIndex
    generation: int
    tuned: Tuned | None

    def candidates(self, k: int, depth: int) -> int:
        """How many it has to propose for `k` hits, of which and of others `depth` are wanted."""
        return max(depth, OVERSAMPLE * k if self.tuned is None else self.tuned.candidates(k))


class IndexCache:
    """Safe to use from several threads. `once`: each index will be asked once."""

    def __init__(self, store: Store, *, once: bool = False) -> None:
        self.store = store
        self._once = once
        self._lock = threading.Lock()
        self._held: dict[Kind, tuple[object, OpenIndex | None]] = {}

    def open(self, kind: Kind, identity: EncoderId) -> OpenIndex | None:
        """The index of a kind under an encoder, or None where there is none to be had: the catalog answers then."""
        with self._lock:
            state = (self._manifest_state(kind), identity)
            held = self._held.get(kind)
            if held is None or held[0] != state:
                opened = self._load(kind, identity)
                held = ((self._manifest_state(kind), identity), opened)
                self._held[kind] = held
            return held[1]

    def _manifest_state(self, kind: Kind) -> tuple[int, int, int] | None:
        try:
            status = (self.store.vectors_folder / f"{kind}.json").stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino, status.st_size

    def _load(self, kind: Kind, identity: EncoderId) -> OpenIndex | None:
        from indexer.vectors.backends.faiss_files import manifest

        with self.store.catalog.snapshot() as snapshot:
            active = Encoders(snapshot).active()
            if active is None or not active[1].matches(identity):
                return None
            key = index_key(snapshot, active[1])
            total = Items(snapshot).total(kind)
        if total == 0:
            return None
        for attempt in ("as it is", "rebuilt"):
            try:
                loaded = manifest.load(self.store.vectors_folder, kind, encoder=key, once=self._once)
            except StoreDamagedError:
                loaded = None
            if loaded is not None:
                index, stamp = loaded
                return OpenIndex(index, stamp.generation, stamp.tuned)
            if attempt == "rebuilt" or total > REBUILD_LIMIT or not self._rebuild(kind):
                return None
        return None

    def _rebuild(self, kind: Kind) -> bool:
        """Build it, if nobody else writes and the store may be written."""
        if not self.store.catalog.writable:
            return False
        try:
            with self.store.writing():
                build_indexes(self.store, None, Silent(), kinds=(kind,))
        except (StoreBusyError, StoreUnwritableError):
            return False
        return True
