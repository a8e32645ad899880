"""The folder of an unfinished training: its checkpoints, and what was encoded for it. One training at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from indexer.errors import StoreUnwritableError
from indexer.private import make_folder
from indexer.store import size_of, write_lock

#: In a store: what is trained, and the folder of that training.
_FOLDERS: Final = {"encoder": "adapted.work", "reranker": "reranker.work"}


@dataclass(frozen=True, slots=True)
class UnfinishedTraining:
    """A training that was interrupted, or is running. `trained`: "encoder" or "reranker", as the command has it;
    `bytes`: of the files to go on from."""

    trained: str
    bytes: int


@contextmanager
def working(work: Path) -> Iterator[None]:
    """The folder, ours alone; gone afterwards when nothing is in it to go on from.

    Raises StoreUnwritableError, and StoreBusyError while another process trains there.
    """
    try:
        make_folder(work)
    except OSError as error:
        raise StoreUnwritableError(
            f"{work} cannot be made ({error.strerror}); make its place writable or name another one with `out`."
        ) from error
    with write_lock(work):
        try:
            yield
        finally:  # while it is ours: what another process trains in is left alone
            if not _has_work(work):
                shutil.rmtree(work, ignore_errors=True)


def unfinished(store: Path) -> tuple[UnfinishedTraining, ...]:
    """The trainings in the folder `store` that can be gone on with."""
    return tuple(UnfinishedTraining(trained, size_of(work)) for trained, work in _works(store))


def let_go(store: Path) -> int:
    """Delete them; how many there were. Raises StoreBusyError while another process trains, and then those before it
    are gone; StoreUnwritableError."""
    works = list(_works(store))
    for _, work in works:
        with working(work):
            shutil.rmtree(work, ignore_errors=True)
        if _has_work(work):
            raise StoreUnwritableError(f"{work} cannot be deleted; make it writable, then run the same command again.")
    return len(works)


def _works(store: Path) -> Iterator[tuple[str, Path]]:
    for trained, name in _FOLDERS.items():
        work = store / name
        if not work.is_symlink() and _has_work(work):  # in a received store, a way out of it
            yield trained, work


def _has_work(work: Path) -> bool:
    return any(work.rglob("*.pt")) or any(work.rglob("*.npz"))
