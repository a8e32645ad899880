"""Libraries of one store that stay open between commands, and are opened anew when they would answer otherwise."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexer.catalog.encoders import Encoders
from indexer.encoders.base import EncoderId
from indexer.files.fingerprint import fingerprint
from indexer.settings import CATALOG_NAME
from indexer.store import Store
from search.library import Library
from search.resident.library_context import folder_of

#: Libraries that are held: each has its own encoder in memory. More than one only where commands name an encoder, a
#: device, or the store by several paths.
HELD = 3


class NotOursError(Exception):
    """The command is about another store; its own process has to run it."""


class WarmLibraries:
    """The libraries of one store. For one thread at a time.

    A library notices by itself what is written into its store: items, indexes, calibration, rerankers. What it cannot
    notice is looked at here, before each use: another store at the same place, another encoder, a newer schema.
    """

    def __init__(self, folder: Path) -> None:
        self._real = os.path.realpath(folder)
        self._held: dict[tuple[str, str | None, str | None], tuple[object, Library]] = {}
        self._seen: tuple[object, object] | None = None

    @contextmanager
    def open(self, store: Path | None, encoder: str | None = None, device: str | None = None) -> Iterator[Library]:
        """As `search.open`; the library stays open. Raises NotOursError, and what opening a store raises."""
        folder = folder_of(store)
        if os.path.realpath(folder) != self._real:
            raise NotOursError(folder)
        key = (os.fspath(folder), encoder, device)
        held = self._held.pop(key, None)
        state: object = None
        try:
            state = self._state(folder, encoder)
        finally:
            if held is not None and held[0] != state:
                held[1].close()
                held = None
        library = held[1] if held is not None else Library(folder, encoder=encoder, device=device)
        self._held[key] = (state, library)  # now the last one
        while len(self._held) > HELD:
            self._held.pop(next(iter(self._held)))[1].close()
        yield library

    def close(self) -> None:
        """Close them all."""
        for _, library in self._held.values():
            library.close()
        self._held.clear()

    def _state(self, folder: Path, encoder: str | None) -> object:
        """Differs when a library has to be opened anew. Raises what opening the store raises."""
        catalog = folder / CATALOG_NAME
        before = (fingerprint(catalog), fingerprint(catalog.with_name(CATALOG_NAME + "-wal")))
        if self._seen is None or self._seen[0] != before or before[0] is None:
            self._seen = None
            store = Store.open(folder)
            try:
                with store.catalog.snapshot() as snapshot:
                    active = Encoders(snapshot).active()
            finally:
                store.close()
            self._seen = before, None if active is None else active[1]
        stored = self._seen[1]
        name = encoder if encoder is not None else stored.name if isinstance(stored, EncoderId) else ""
        # A folder that we cannot write is read as one that never changes; others may be able to.
        fixed = None if os.access(folder, os.W_OK) else before
        return None if before[0] is None else before[0][:2], stored, fixed, _model_files(name)


def _model_files(name: str) -> object:
    """The state of a model of one's own that an encoder's name ends with (`…@PATH`, `local-dir:PATH`), if it does."""
    path = Path(os.path.expanduser(name.partition("@")[2] or name.partition("local-dir:")[2] or os.devnull))
    if path.is_dir():
        return tuple((entry.name, fingerprint(entry)) for entry in sorted(path.iterdir()))
    return fingerprint(path) if path.is_file() else None
