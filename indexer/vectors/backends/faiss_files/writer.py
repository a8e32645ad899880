"""An index on its way to disk: written aside, synced, measured, and only then made the index of its kind."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from indexer.atomic import aside_of, folder_aside, sync_folder, write_atomically
from indexer.atomic import clean as clean_asides
from indexer.errors import StoreUnwritableError
from indexer.private import make_folder, opener
from indexer.vectors.backend import BuildPlan
from indexer.vectors.backends.faiss_files.blocks import block_sums, to_text
from indexer.vectors.backends.faiss_files.manifest import Manifest, manifest_path, no_folder
from indexer.vectors.backends.faiss_files.mapped_file import Mapped
from indexer.vectors.base import IndexState, IndexType, Tuned


class Sink(Protocol):
    """What takes the bytes of a file."""

    def write(self, block: bytes, /) -> object: ...


class Writable(Protocol):
    """What can be written: an index in memory, or one that was built on disk."""

    index_type: IndexType

    @property
    def dimension(self) -> int: ...

    @property
    def lists(self) -> tuple[int, int] | None:
        """Where the lists of an inverted file begin and end in what was written; None for others, or not known."""
        ...

    def __len__(self) -> int: ...

    def write(self, file: Sink) -> None: ...


class PendingFile:
    """A written file that no manifest names yet; `pending_file` makes it, and deletes it unless it was published."""

    def __init__(self, folder: Path, kind: str, source: Writable, plan: BuildPlan) -> None:
        self._folder, self._kind, self._source, self._plan = folder, kind, source, plan
        suffix = "npy" if source.index_type == "flat" else "faiss"
        self.name = f"{kind}-{plan.generation}-{secrets.token_hex(4)}.{suffix}"
        self.aside = aside_of(folder / self.name)
        self._checksum = ""

    def write(self) -> None:
        """Raises OSError."""
        self._checksum = _write_index(self.aside, self._source)

    def mapped(self) -> Mapped:
        """The bytes as readers will have them. Raises OSError."""
        return Mapped(self.aside)

    def publish(self, tuned: Tuned | None) -> IndexState:
        """Make it the index of its kind, in place of any before it. Raises OSError.

        `tuned`: how it is to be searched; None: as the file says.
        """
        with self.mapped() as memory:
            size, sums = memory.size, to_text(block_sums(memory))
        source, plan = self._source, self._plan
        state = IndexState(source.index_type, plan.asked, len(source), size, 0, tuned, plan.generation)
        manifest = Manifest(plan.key, source.dimension, self.name, self._checksum, sums, source.lists, state)
        os.replace(self.aside, self._folder / self.name)
        sync_folder(self._folder)  # the file is there for good before anything names it
        write_atomically(manifest_path(self._folder, self._kind), manifest.to_bytes())
        clean(self._folder, self._kind, keep=self.name)
        return state


@contextmanager
def pending_file(folder: Path, kind: str, source: Writable, plan: BuildPlan) -> Iterator[PendingFile]:
    """`source`, written aside. One writer at a time (the store's lock).

    Raises StoreUnwritableError, also for an OSError from inside, and then whatever was there before still is.
    """
    made = PendingFile(folder, kind, source, plan)
    with saying_why(folder, kind):
        make_folder(folder)
        try:
            made.write()
            yield made
        finally:
            with suppress(OSError):
                made.aside.unlink()


@contextmanager
def build_folder(folder: Path, kind: str) -> Iterator[Path]:
    """A folder for what a build of `kind` keeps on disk, deleted in the end. Raises StoreUnwritableError."""
    with saying_why(folder, kind):
        make_folder(folder)
        with folder_aside(folder / f"{kind}-building") as made:
            yield made


def clean(folder: Path, kind: str, keep: str | None) -> None:
    """Delete earlier indexes of `kind`, and what killed writers left; what resists is left for the next time."""
    name = re.escape(kind)
    ours = re.compile(rf"{name}-\d+-[0-9a-f]+\.(faiss|npy)|\.{name}-[0-9a-f-]+\.(faiss|npy)\.tmp")
    folders = re.compile(rf"\.{name}-\w+\.building")  # of earlier versions, as the second of the above
    with suppress(OSError):
        for path in list(folder.iterdir()):
            if path.name != keep and ours.fullmatch(path.name):
                with suppress(OSError):
                    path.unlink()
            elif folders.fullmatch(path.name):
                shutil.rmtree(path, ignore_errors=True)
    clean_asides(folder)


@contextmanager
def saying_why(folder: Path, kind: str) -> Iterator[None]:
    """What the system refuses inside becomes one sentence. Raises StoreUnwritableError."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileExistsError | NotADirectoryError) and folder.is_file():
            raise StoreUnwritableError(f"{no_folder(folder)}, then run the same command again.") from error
        raise StoreUnwritableError(
            f"The {kind} index cannot be written in {folder} ({error.strerror or error}); "
            "free some space or mend the permissions, then run `index()` again."
        ) from error


class _Digested:
    """A file that keeps the SHA-256 of what is written, and the error that stopped it."""

    def __init__(self, file: Sink) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.failure: OSError | None = None

    def write(self, block: bytes, /) -> None:
        self.digest.update(block)
        try:
            self._file.write(block)
        except OSError as error:  # it would be lost on its way through FAISS
            self.failure = error
            raise


def _write_index(path: Path, index: Writable) -> str:
    """Write and sync; returns the SHA-256. Raises OSError."""
    with open(path, "xb", opener=opener) as file:
        digested = _Digested(file)
        try:
            index.write(digested)
        except RuntimeError as error:
            raise digested.failure or OSError(str(error)) from error
        file.flush()
        os.fsync(file.fileno())
    return digested.digest.hexdigest()
