"""The catalog: SQLite in WAL mode, the truth about a store. Opened here, read by snapshots, written by batches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexer.catalog.batch import Batch
from indexer.catalog.database import connect, transaction, translated
from indexer.catalog.migrations import SCHEMA_VERSION, migrate, stand_ins, version
from indexer.catalog.snapshot import FileRow, Snapshot
from indexer.errors import StoreDamagedError, StoreMissingError, StoreUnwritableError

#: Rows of one page of `files_below`: large enough to cost nothing, small enough that no read stays open for long.
PAGE = 5_000


class Catalog:
    """One store's catalog. Safe to use from several threads; any number of processes may read while one writes."""

    def __init__(self, path: Path, *, writable: bool, mapped: bool = False) -> None:
        """Open the database file; use `Catalog.open` or `Catalog.create`."""
        self.path = path
        self.writable = writable
        self._engine = connect(path, writable=writable, mapped=mapped)

    @classmethod
    def create(cls, path: Path) -> Catalog:
        """Open a catalog for writing, making it or bringing its schema up to date when needed.

        Raises StoreTooNewError, StoreDamagedError or StoreUnwritableError.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnwritableError(
                f"The store {path.parent} cannot be made ({error.strerror}); name another place with --store."
            ) from error
        if path.exists() and path.stat().st_size and not os.access(path, os.W_OK):
            raise StoreUnwritableError(
                f"{path.parent} cannot be written (read-only or not permitted); make it writable or name another "
                "--store."
            )
        catalog = cls(path, writable=True)
        with transaction(catalog._engine, path, writing=True) as connection:
            migrate(connection, str(path))
        return catalog

    @classmethod
    def open(cls, path: Path) -> Catalog:
        """Open an existing catalog to read it; an older schema is brought up to date when the store is writable.

        One that cannot be written is read as it is: what a later schema added is missing in it.

        Raises StoreMissingError, StoreTooNewError, StoreDamagedError or StoreUnwritableError.
        """
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            raise StoreMissingError(
                f"There is no index at {path.parent}; make one with `search index FOLDER`"
                " (--store or SEARCH_STORE names another place)."
            ) from None
        except OSError as error:
            raise StoreUnwritableError(f"{path} cannot be opened ({error.strerror}); check its permissions.") from error
        if size == 0:
            raise StoreDamagedError(
                f"{path} is empty; `search doctor --repair` starts it anew, then `search index` fills it."
            )
        writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
        catalog = cls(path, writable=writable, mapped=True)
        with transaction(catalog._engine, path, writing=False) as connection:
            found = version(connection, str(path))
        if found < SCHEMA_VERSION and not writable:
            if not found:
                raise StoreDamagedError(f"{path} holds nothing; `search index FOLDER` fills it.")
            catalog.close()
            catalog._engine = connect(path, writable=False, mapped=True, prepare=stand_ins(found))
        elif found < SCHEMA_VERSION:
            with transaction(catalog._engine, path, writing=True) as connection:
                migrate(connection, str(path))
        return catalog

    def close(self) -> None:
        """Close every connection; SQLite folds its log into the database when the last one goes."""
        with translated(self.path):
            self._engine.dispose()

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """One consistent state to read, while others may write."""
        with transaction(self._engine, self.path, writing=False) as connection:
            yield Snapshot(connection)

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """One transaction to write: all of it is kept, or nothing."""
        if not self.writable:
            raise StoreUnwritableError(
                f"{self.path.parent} cannot be written (read-only or not permitted); make it writable or name "
                "another --store."
            )
        with transaction(self._engine, self.path, writing=True) as connection:
            yield Batch(connection)

    def files_below(self, folder: str, encoder_row: int | None, *, tokens: bool = False) -> Iterator[FileRow]:
        """Files at or below `folder`, ascending by the bytes of their paths; `tokens`: encoded means with tokens.

        Each page is a snapshot of its own, so that a long scan holds no read open (it would keep the log growing).
        """
        after: str | None = None
        while True:
            with self.snapshot() as snapshot:
                rows = snapshot.files_page(folder, encoder_row, after, PAGE, tokens=tokens)
            yield from rows
            if len(rows) < PAGE:
                return
            after = rows[-1].path
