"""A store: the folder that holds a catalog, its vector indexes, and the lock of its one writer.

photos.search/
    catalog.sqlite      the truth; in its place catalog.url, where that lies on a server (`store_address.py`)
    vectors/            a cache: the vector indexes, where the backend keeps them in files
    thumbnails/         a cache: small pictures, by content
    map/                a cache: the map of the collection
    encoder.json        names the catalog's encoder, so that a query can load it meanwhile
    writer.lock         held while a process writes; writer.pid says which (writer-1.lock, ...: `side_by_side.py`)
    store.toml          a person's own, if there is one: the server that keeps the vector indexes
    in-hand             what a run is reading; there while one runs, and after one that was killed
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import URL

from indexer import swap
from indexer.atomic import clean
from indexer.catalog.catalog import Catalog, database_at
from indexer.catalog.meta import STORE, Meta
from indexer.catalog.sqlite import file_url
from indexer.catalog.transaction import Transaction
from indexer.encoder_hint import HINT_NAME
from indexer.errors import StoreBusyError, StoreDamagedError, StoreMissingError, StoreUnwritableError, UsageError
from indexer.in_hand import IN_HAND
from indexer.paths import absolute
from indexer.private import mode_beside_catalog, opener
from indexer.reach import beginning, check_store_place, holds, is_missing, reason, refuse_store, shown_store
from indexer.settings import CATALOG_NAME, THUMBNAILS
from indexer.store_address import address_in
from indexer.vectors.backend import VectorBackend
from indexer.vectors.backends.chosen import chosen_backend
from indexer.vectors.backends.store_toml import STORE_TOML

if TYPE_CHECKING:
    from indexer.fitted_files import FittedFiles

#: What the system says of a disk without room.
_FULL: Final = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG})
#: Looks at a swap that another process makes; it takes some milliseconds.
SETTLING = 50
#: The folder of the vector indexes, in that of the store.
VECTORS: Final = "vectors"


class Store:
    """One index on disk. Any number of processes read it while one writes."""

    def __init__(self, folder: Path, catalog: Catalog, address: URL | None = None) -> None:
        """Raises UsageError for a `store.toml` that is wrong."""
        self.folder = folder
        #: Where the catalog lies, if on a server.
        self.address = address
        self.catalog = catalog
        #: What was fitted, where it lies in the catalog.
        self.fitted: FittedFiles | None = None
        if address is not None:
            from indexer.fitted_files import FittedFiles

            self.fitted = FittedFiles(folder, catalog)
        try:
            self.vectors: VectorBackend = vectors_of(folder, lambda: id_of(catalog))
        except UsageError:
            catalog.close()
            raise

    @classmethod
    def open(cls, folder: Path) -> Store:
        """Open an existing store to read it. Raises StoreMissingError or StoreError."""
        folder = _checked(folder)
        address = address_in(folder)
        if address is not None:
            return cls(folder, Catalog.open(address), address)
        if is_missing(folder / CATALOG_NAME) and not is_missing(folder / HINT_NAME) and not swap.is_cut_short(folder):
            raise StoreMissingError(
                f"The catalog of {folder} is gone, though what lies beside it is there; bring {CATALOG_NAME} back from "
                "a copy, or make the index anew with `index(FOLDER)`."
            )
        _settle(folder)
        return cls(folder, Catalog.open(file_url(folder / CATALOG_NAME)))

    @classmethod
    def create(cls, folder: Path) -> Store:
        """Open a store to write it, making it when it is new.

        Raises StoreError, and UsageError for a place that is taken.
        """
        folder = _checked(folder)
        address = address_in(folder)
        if address is not None:
            return cls(folder, Catalog.create(address), address)
        _settle(folder)
        if not holds(folder, CATALOG_NAME):
            leftovers = {"writer.lock", "writer.pid", VECTORS, HINT_NAME, IN_HAND, THUMBNAILS, STORE_TOML}
            if _names(folder) - leftovers:
                raise UsageError(
                    f"{folder} holds other files and no index; name an empty or a new folder with `store`."
                )
        return cls(folder, Catalog.create(file_url(folder / CATALOG_NAME)))

    @staticmethod
    def is_there(folder: Path) -> bool:
        """Whether there is a store in which something was written; of one on a server, which is asked, whether its
        catalog is there. Raises StoreError, and UsageError for a place where none can be."""
        if not (check_store_place(folder) and swap.is_begun(folder)):
            return False
        address = address_in(folder)
        if address is None:
            return True
        try:
            database_at(address).find()
        except StoreMissingError:
            return False
        return True

    def __str__(self) -> str:
        return str(self.folder) if self.address is None else self.address.render_as_string()

    def size(self) -> int:
        """Bytes of its files, and of what a server keeps of it."""
        return size_of(self.folder) + (0 if self.address is None else self.catalog.live_bytes())

    def close(self) -> None:
        """Close the catalog's connections."""
        self.catalog.close()

    def follow(self, snapshot: Transaction) -> None:
        """Have in the folder what other machines have fitted, as far as `snapshot` knows. Raises StoreError."""
        if self.fitted is not None:
            self.fitted.follow(snapshot)

    def check_fittable(self) -> None:
        """Raise StoreUnwritableError where what is fitted could not be kept for all machines."""
        if self.fitted is not None:
            self.fitted.check_writable()

    def fitting(self) -> AbstractContextManager[None]:
        """Around what puts fitted files into the folder: afterwards all machines have them. Raises StoreError."""
        return nullcontext() if self.fitted is None else self.fitted.changing()

    def publish(self) -> None:
        """Let all machines have what was fitted here. Raises StoreError."""
        with self.fitting():
            pass

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the store's write lock. Raises StoreBusyError at once when another process has it."""
        with write_lock(self.folder), self.catalog.only_writer():
            yield


def vectors_of(folder: Path, store: Callable[[], str]) -> VectorBackend:
    """Where the store in `folder` has its vector indexes, whether or not its catalog can be opened. `store`: its id,
    which is asked for where they are on a server.

    Raises UsageError for a `store.toml` that is wrong.
    """
    return chosen_backend(folder, folder / VECTORS, store)


def id_of(catalog: Catalog) -> str:
    """The id of the store that has this catalog. Raises StoreDamagedError."""
    with catalog.snapshot() as snapshot:
        found = Meta(snapshot).get(STORE)
    if not found:
        raise StoreDamagedError("The catalog has lost the id of its store; `repair()` gives it another.")
    return found


@contextmanager
def write_lock(folder: Path, number: int = 0) -> Iterator[None]:
    """Hold the write lock of the store in `folder`; the operating system frees it when a process dies. `number`: of
    further runs beside the one that holds it, where a catalog takes several."""
    import filelock

    place, note = _lock_and_note(folder, number)
    mode = mode_beside_catalog(place)
    wait = 0.1  # `writer` holds it for an instant, to look
    lock = filelock.FileLock(place, wait) if mode is None else filelock.FileLock(place, wait, mode)
    try:
        lock.acquire(poll_interval=0.01)
    except filelock.Timeout:
        raise StoreBusyError(
            f"Another process{_writer(note)} is writing to {shown_store(folder)}; try again when it ends."
        ) from None
    except OSError as error:
        raise StoreUnwritableError(
            f"{folder} cannot be written ({error.strerror}); make it writable or name another `store`."
        ) from error
    try:
        try:
            note.unlink(missing_ok=True)  # never through a link that lies in its place
            with open(note, "x", encoding="ascii", opener=opener) as stream:
                stream.write(str(os.getpid()))
        except OSError as error:
            step = "free some space" if error.errno in _FULL else f"take away what lies at {note}"
            raise StoreUnwritableError(
                f"{folder} cannot be written ({error.strerror}); {step}, or name another `store`."
            ) from error
        if not number:
            with swapping(folder):
                swap.settle(folder)
            _take_away_leftovers(folder)
        yield
    finally:
        with suppress(OSError):  # a note of nobody is taken for nothing
            note.unlink(missing_ok=True)
        lock.release()


@contextmanager
def swapping(folder: Path) -> Iterator[None]:
    """What cannot be moved in `folder` is said: raises StoreUnwritableError."""
    try:
        yield
    except OSError as error:
        raise StoreUnwritableError(
            f"The repaired catalog of {folder} cannot be put in its place ({reason(error)}); make the folder writable, "
            "then run `repair()`."
        ) from error


def _settle(folder: Path) -> None:
    """Finish what a repair that was cut short has left. Raises StoreUnwritableError for one who may not, and
    StoreBusyError."""
    for _ in range(SETTLING):
        if not swap.is_cut_short(folder):
            return
        try:
            with write_lock(folder):
                return
        except StoreBusyError:  # of another process that finishes it
            time.sleep(0.02)
    raise StoreBusyError(f"Another process is repairing {folder}; try again when it ends.")


def size_of(folder: Path) -> int:
    """Bytes of the files below a folder; those that go meanwhile do not count."""
    total = 0
    for above, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.stat(os.path.join(above, name)).st_size
    return total


def _take_away_leftovers(folder: Path) -> None:
    """What killed processes left half-written: calibrations, probes, rerankers and the hint, which others may write
    now, by their locks; of vector indexes all, which only the holder of the store's lock writes."""
    for name in ("", "probes", "reranker", "reranker.work", VECTORS):
        inner = folder / name
        if not inner.is_symlink():  # in a received store, a way out of it
            clean(inner, alone=name == VECTORS)


def writer(folder: Path) -> str | None:
    """Who writes into the store in `folder` now, as words of a sentence; None: nobody. Changes nothing."""
    import filelock

    for number in count():
        path, note = _lock_and_note(folder, number)
        if is_missing(path):
            return None
        lock = filelock.FileLock(path, timeout=0)
        try:
            lock.acquire()
            lock.release()
        except filelock.Timeout:
            return f"another process{_writer(note)}"
        except OSError:  # a store that may only be read, by us
            return None
    return None


def _lock_and_note(folder: Path, number: int) -> tuple[Path, Path]:
    name = f"writer-{number}" if number else "writer"
    return folder / f"{name}.lock", folder / f"{name}.pid"


def _writer(note: Path) -> str:
    try:
        return f" ({int(beginning(note, 20))})"
    except (OSError, ValueError):
        return ""


def _checked(folder: Path) -> Path:
    folder = Path(absolute(folder))
    check_store_place(folder)
    return folder


def _names(folder: Path) -> set[str]:
    """What a folder holds; nothing where there is none."""
    try:
        return set(os.listdir(folder))
    except FileNotFoundError:
        return set()
    except OSError as error:
        refuse_store(folder, error)
