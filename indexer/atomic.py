"""A file, or a folder, is there whole or as it was: written aside, brought to the disk, then moved into place.

What stands aside is called `.<name>.<eight hex digits>.tmp`, in the same folder, and is locked (`flock`) for as long as
its process lives. One that was killed leaves it there, without a lock: the next one that writes the same name takes it
away, and `clean` all in a folder of ours. Where a file system has no locks, age decides.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from indexer.private import opener

#: Characters of a file's name that the one beside it has, too: all names that a file system takes leave room for more.
_KEPT: Final = 60
_ASIDE: Final = re.compile(r"\.(.+)\.[0-9a-f]{8}\.tmp", re.DOTALL)
#: Seconds after its last change at which nobody is still at work on what cannot be locked: models take minutes.
_ABANDONED: Final = 24 * 3_600


def aside_of(path: Path) -> Path:
    """A new name beside `path`, for what is to take its place."""
    return path.with_name(f".{path.name[:_KEPT]}.{secrets.token_hex(4)}.tmp")


def write_atomically(path: Path, *parts: bytes | memoryview, lasting: bool = True) -> None:
    """Make `path` hold `parts`, one after the other, for good: it outlasts a power cut. `lasting` False: of a cache,
    which does not wait for the disk; after a power cut the file may be there without its bytes. Raises OSError."""
    with written_atomically(path, lasting=lasting) as stream:
        for part in parts:
            stream.write(part)


@contextmanager
def written_atomically(path: Path, *, lasting: bool = True) -> Iterator[BinaryIO]:
    """As `write_atomically`, of what is written to the stream; where that raises, `path` stays as it was."""
    clean(path.parent, path.name)
    aside = aside_of(path)
    try:
        with open(_locked_file(aside), "wb") as stream:
            yield stream
            stream.flush()
            if lasting:
                os.fsync(stream.fileno())
            if os.name == "posix":
                os.replace(aside, path)  # while it is locked
        if os.name != "posix":
            os.replace(aside, path)
    finally:
        with suppress(OSError):  # it was moved, or never came to be
            aside.unlink()
    if lasting:
        sync_folder(path.parent)


@contextmanager
def folder_aside(path: Path) -> Iterator[Path]:
    """A new folder beside `path`, for nobody else; deleted in the end, unless it was moved. Raises OSError."""
    aside = aside_of(path)
    aside.mkdir(mode=0o700)
    lock = os.open(aside, os.O_RDONLY) if os.name == "posix" else None
    try:
        if lock is not None:
            _lock(lock, wait=False)
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def clean(folder: Path, name: str | None = None, *, alone: bool = False) -> None:
    """Take away what killed processes left aside in `folder`: of the file `name`, or all that is called so, which is
    for folders of ours only. `alone`: nobody else writes there now. What resists is left for the next time."""
    with suppress(OSError):
        names = [entry for entry in os.listdir(folder) if entry.endswith(".tmp")]
        for entry in names:
            found = _ASIDE.fullmatch(entry)
            if found is not None and (name is None or found[1] == name[:_KEPT]):
                with suppress(OSError):
                    _take_away(folder / entry, alone=alone)


def sync_folder(folder: Path) -> None:
    """Make the moves in `folder` last through a power cut; only POSIX can. Raises OSError."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _locked_file(path: Path) -> int:
    """A new file, and nobody's but ours: one that was taken away before it was locked is made again. Raises OSError."""
    while True:
        handle = opener(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0))
        try:
            _lock(handle, wait=True)
            if os.name != "posix" or os.fstat(handle).st_nlink:
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _take_away(path: Path, *, alone: bool) -> None:
    """Delete a file or folder on which nobody is at work. Raises OSError."""
    handle = None
    if not alone and os.name == "posix":
        handle = os.open(path, os.O_RDONLY)
    try:
        locked = alone or (handle is not None and _lock(handle, wait=False))
        if not locked and time.time() - os.lstat(path).st_mtime < _ABANDONED:
            return
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except BlockingIOError:  # somebody is at work on it
        return
    finally:
        if handle is not None:
            os.close(handle)


def _lock(handle: int, *, wait: bool) -> bool:
    """Lock what is open; False where that cannot be done. Raises BlockingIOError when another has it."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True
