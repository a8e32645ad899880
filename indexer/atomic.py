"""A file is there whole or as it was: written aside, brought to the disk, then moved into place."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from indexer.private import opener

#: Characters of a file's name that the one beside it has, too: all names that a file system takes leave room for more.
_KEPT = 60


def write_atomically(path: Path, *parts: bytes | memoryview) -> None:
    """Make `path` hold `parts`, one after the other, for good: it outlasts a power cut. Raises OSError."""
    aside = path.with_name(f".{path.name[:_KEPT]}.{secrets.token_hex(4)}.tmp")
    try:
        write_through(aside, *parts)
        os.replace(aside, path)
    finally:
        with suppress(OSError):  # it was moved, or never came to be
            aside.unlink()
    sync_folder(path.parent)


def write_through(path: Path, *parts: bytes | memoryview) -> None:
    """Write a new file down to the disk. Raises OSError, FileExistsError when it is there."""
    with open(path, "xb", opener=opener) as stream:
        for part in parts:
            stream.write(part)
        stream.flush()
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Make the moves in `folder` last through a power cut; only POSIX can. Raises OSError."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
