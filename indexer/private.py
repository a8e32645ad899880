"""Who may read what is written into a store: whoever may read its catalog.

A new catalog, and a new folder for it, are their owner's alone whatever the umask says: captions and paths tell much of
a person. What is written beside it later has the catalog's own bits, so that a store that its owner shares
(`chmod -R a+rX STORE`) stays shared; nothing that is there is ever changed. (SQLite does the same with its log.)

Elsewhere (pages, copies, what a person names with an option) the umask decides. On Windows the folder's rights do.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from indexer.settings import CATALOG_NAME

#: A file lies at most so many folders below its store: `reranker/training/pass-0001.pt`.
_DEPTH: Final = 3


def mode_beside_catalog(path: Path) -> int | None:
    """The bits of a file at `path`, those of the catalog of the store that it lies in; None where that is none."""
    if os.name != "posix":
        return None
    for folder in path.parents[:_DEPTH]:
        with suppress(OSError):
            return stat.S_IMODE(os.stat(folder / CATALOG_NAME).st_mode) & 0o666 | 0o600
    return None


def is_shared(store: Path) -> bool:
    """Whether other users of this machine can read the catalog of a store, as far as its own bits say."""
    if os.name != "posix":
        return False
    try:
        folder, catalog = store.stat().st_mode, (store / CATALOG_NAME).stat().st_mode
    except OSError:
        return False
    return any(folder & 0o1 << shift and catalog & 0o4 << shift for shift in (0, 3))


def opener(path: str | os.PathLike[str], flags: int) -> int:
    """For `open(..., opener=opener)` of a new file. Raises OSError."""
    mode = mode_beside_catalog(Path(path))
    if mode is None:
        return os.open(path, flags, 0o666)
    descriptor = os.open(path, flags, 0o600)
    if mode != 0o600:
        with suppress(OSError):  # of a file system that keeps no bits, or a file of another user
            os.fchmod(descriptor, mode)
    return descriptor


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, where they are not there. Raises OSError."""
    if mode_beside_catalog(folder) is None or folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        return
    make_folder(folder.parent)
    make_in_store(folder)


def make_in_store(folder: Path) -> None:
    """Make a folder in one that is there. A store that was moved away meanwhile is not begun anew at its old place,
    where it could not be put back. Raises OSError, FileNotFoundError for that."""
    mode = mode_beside_catalog(folder)
    try:
        folder.mkdir(0o777 if mode is None else 0o700)
    except FileExistsError:  # of before, or another one was quicker
        return
    if mode is not None:
        with suppress(OSError):
            folder.chmod(0o700 | mode | (mode & 0o444) >> 2)


def make_catalog(path: Path) -> None:
    """Make the folder of a catalog, and its empty file, where they are not there. Raises OSError for the folder; a file
    that cannot be made is left to the database, which says why."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(OSError):
        mode = mode_beside_catalog(path) or 0o600  # of a copy, that of the catalog beside it
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            if mode != 0o600:
                os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
