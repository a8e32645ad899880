"""Whether a library that stays open would answer otherwise than one that is opened now."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from indexer.catalog.encoders import Encoders
from indexer.encoders.base import EncoderId
from indexer.files.fingerprint import fingerprint
from indexer.reach import holds
from indexer.settings import ADDRESS_NAME, CATALOG_NAME
from indexer.store import Store
from search.library import Library


class StoreWatch:
    """A library notices by itself what is written into its store: items, indexes, calibration, rerankers. What it
    cannot notice is looked at here: another store at the same place, another encoder, other files of a model of one's
    own, a newer schema, and any change of a store that this process cannot write. Safe to use from several threads."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._seen: tuple[object, EncoderId | None] | None = None
        self._state: object = None

    def look(self) -> None:
        """Make the library open everything anew where that would change its answers. Raises what opening the store
        raises."""
        with self._lock:
            before, self._state = self._state, None
            try:
                self._state = self._now()
            finally:
                if before is not None and before != self._state:
                    self._library.reopen()

    def _now(self) -> tuple[object, ...]:
        """Differs when a library has to be opened anew."""
        folder = self._library.folder
        catalog = folder / CATALOG_NAME
        files = (fingerprint(catalog), fingerprint(catalog.with_name(CATALOG_NAME + "-wal")))
        if self._seen is None or self._seen[0] != files or files[0] is None:
            self._seen = None
            store = Store.open(folder)
            try:
                with store.catalog.snapshot() as snapshot:
                    active = Encoders(snapshot).active()
            finally:
                store.close()
            self._seen = files, None if active is None else active[1]
        stored = self._seen[1]
        if files[0] is None and holds(folder, ADDRESS_NAME):  # on a server: asked each time
            return stored, _model_files(stored)
        # A folder that we cannot write is read as one that never changes; others may be able to.
        fixed = None if os.access(folder, os.W_OK) else files
        return None if files[0] is None else files[0][:2], stored, fixed, _model_files(stored)


def _model_files(encoder: EncoderId | None) -> object:
    """The state of a model of one's own that an encoder's name ends with (`…@PATH`, `local-dir:PATH`), if it does."""
    name = "" if encoder is None else encoder.name
    path = Path(os.path.expanduser(name.partition("@")[2] or name.partition("local-dir:")[2] or os.devnull))
    if path.is_dir():
        return tuple((entry.name, fingerprint(entry)) for entry in sorted(path.iterdir()))
    return fingerprint(path) if path.is_file() else None
