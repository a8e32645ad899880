"""An index on its way to disk: written aside, synced, measured, and only then made the index of its kind."""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from indexer.errors import StoreUnwritableError
from indexer.vectors.backends.faiss_files import manifest as files
from indexer.vectors.backends.faiss_files.faiss_index import FaissIndex
from indexer.vectors.base import IndexType, Tuned


class Writable(Protocol):
    """What can be written: an index in memory, or one that was built on disk."""

    index_type: IndexType

    @property
    def dimension(self) -> int: ...

    def __len__(self) -> int: ...

    def write(self, sink: Callable[[bytes], object]) -> None: ...


class Draft:
    """A written file that no manifest names yet; `draft` makes it, and deletes it unless it was committed."""

    def __init__(self, folder: Path, kind: str, source: Writable, generation: int) -> None:
        self._folder, self._kind, self._source, self._generation = folder, kind, source, generation
        self.name = f"{kind}-{generation}-{secrets.token_hex(4)}.faiss"
        self.aside = folder / f".{self.name}.tmp"
        self.manifest_aside = folder / f".{kind}-{secrets.token_hex(4)}.json.tmp"
        self._checksum = ""

    def write(self) -> None:
        """Raises OSError."""
        self._checksum = _write_index(self.aside, self._source)

    @contextmanager
    def opened(self) -> Iterator[FaissIndex]:
        """The index as readers will have it, mapped; not to be used outside. Raises OSError."""
        with files.Mapped(self.aside) as memory:
            yield FaissIndex.read(self._source.index_type, memory)

    def commit(self, encoder: str, tuned: Tuned | None = None, asked: IndexType | None = None) -> files.IndexStamp:
        """Make it the index of its kind, in place of any before it. Raises OSError.

        `tuned`: how it is to be searched; None: as FAISS' file says. `asked`: the type that was wanted, where another
        had to be built.
        """
        with files.Mapped(self.aside) as memory:
            size, sampled = memory.size, files.sampled(memory)
        source = self._source
        stamp = files.IndexStamp(
            self._generation, encoder, source.index_type, asked or source.index_type, source.dimension, len(source),
            self.name, size, self._checksum, sampled, tuned,
        )  # fmt: skip
        os.replace(self.aside, self._folder / self.name)
        _sync_folder(self._folder)  # the file is there for good before anything names it
        _write_bytes(self.manifest_aside, files.manifest_bytes(stamp))
        os.replace(self.manifest_aside, files.manifest_path(self._folder, self._kind))
        _sync_folder(self._folder)
        files.clean(self._folder, self._kind, keep=self.name)
        return stamp


@contextmanager
def draft(folder: Path, kind: str, source: Writable, *, generation: int) -> Iterator[Draft]:
    """`source`, written aside. One writer at a time (the store's lock).

    Raises StoreUnwritableError, also for an OSError from inside, and then whatever was there before still is.
    """
    made = Draft(folder, kind, source, generation)
    with saying_why(folder, kind):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            made.write()
            yield made
        finally:
            for path in (made.aside, made.manifest_aside):
                with suppress(OSError):
                    path.unlink()


def save(folder: Path, kind: str, index: FaissIndex, *, generation: int, encoder: str) -> files.IndexStamp:
    """Make `index` the index of `kind` as it is, not measured. Raises StoreUnwritableError."""
    with draft(folder, kind, index, generation=generation) as made:
        return made.commit(encoder)


@contextmanager
def building(folder: Path, kind: str) -> Iterator[Path]:
    """A folder for what a build of `kind` keeps on disk, deleted in the end. Raises StoreUnwritableError."""
    with saying_why(folder, kind):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=f".{kind}-", suffix=".building") as name:
            yield Path(name)


@contextmanager
def saying_why(folder: Path, kind: str) -> Iterator[None]:
    """What the system refuses inside becomes one sentence. Raises StoreUnwritableError."""
    try:
        yield
    except OSError as error:
        raise StoreUnwritableError(
            f"The {kind} index cannot be written in {folder} ({error.strerror or error}); "
            "free some space or mend the permissions, then run `search index` again."
        ) from error


def _write_index(path: Path, index: Writable) -> str:
    """Write and sync; returns the SHA-256. Raises OSError."""
    digest = hashlib.sha256()
    failures: list[OSError] = []
    with path.open("xb") as file:

        def sink(block: bytes) -> None:
            digest.update(block)
            try:
                file.write(block)
            except OSError as error:  # it would be lost on its way through FAISS
                failures.append(error)
                raise

        try:
            index.write(sink)
        except RuntimeError as error:
            raise (failures[0] if failures else OSError(str(error))) from error
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _write_bytes(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make the moves in `folder` last through a power cut; only POSIX can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
