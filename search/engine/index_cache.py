"""The vector indexes of a store, opened once and again when a writer has replaced them."""

from __future__ import annotations

from indexer import forking
from indexer.catalog.items import Items
from indexer.encoders.base import EncoderId
from indexer.errors import StoreBusyError, StoreDamagedError, StoreUnwritableError
from indexer.progress import Silent
from indexer.store import Store
from indexer.types import Kind
from indexer.vectors.backend import OpenIndex
from indexer.vectors.refresh import build_indexes, index_key
from search.engine.active_encoder import ActiveEncoder

#: A missing or damaged index of up to so many items is built anew by the query that misses it (about a second);
#: for more, the query compares with the catalog's vectors, and the next `search index` builds.
REBUILD_LIMIT = 50_000


class IndexCache:
    """Safe to use from several threads. `once`: each index will be asked once."""

    def __init__(self, store: Store, *, once: bool = False) -> None:
        self.store = store
        self.encoder = ActiveEncoder(store)
        self._once = once
        self._lock = forking.lock()
        self._held: dict[Kind, tuple[object, OpenIndex | None]] = {}

    def open(self, kind: Kind, identity: EncoderId) -> OpenIndex | None:
        """The index of a kind under an encoder, or None where there is none to be had: the catalog answers then."""
        with self._lock:
            version = (self.store.vectors.version(kind), identity)
            held = self._held.get(kind)
            if held is None or held[0] != version:
                opened = self._load(kind, identity)
                held = ((self.store.vectors.version(kind), identity), opened)
                self._held[kind] = held
            return held[1]

    def _load(self, kind: Kind, identity: EncoderId) -> OpenIndex | None:
        with self.store.catalog.snapshot() as snapshot:
            active = self.encoder.of(snapshot)
            if active is None or not active[1].matches(identity):
                return None
            key = index_key(snapshot, active[1])
            total = Items(snapshot).total(kind)
        if total == 0:
            return None
        for attempt in ("as it is", "rebuilt"):
            try:
                opened = self.store.vectors.open(kind, key, once=self._once)
            except StoreDamagedError:
                opened = None
            if opened is not None:
                return opened
            if attempt == "rebuilt" or total > REBUILD_LIMIT or not self._rebuild(kind):
                return None
        return None

    def _rebuild(self, kind: Kind) -> bool:
        """Build it, if nobody else writes and the store may be written."""
        if not self.store.catalog.writable:
            return False
        try:
            with self.store.writing():
                build_indexes(self.store.catalog, self.store.vectors, None, Silent(), kinds=(kind,))
        except (StoreBusyError, StoreUnwritableError):
            return False
        return True
