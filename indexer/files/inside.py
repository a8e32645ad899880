"""A photograph's file, opened only where it lies in an indexed folder after every link on the way is followed.

A path is looked at, and then opened: in between, a folder or the file may become a link to somewhere else. So what was
opened is asked for its own path (Linux, macOS), or is compared with what the path leads to afterwards.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from io import FileIO

from indexer.errors import UnreadableFileError
from indexer.files.scope import is_below
from indexer.storage.places import is_elsewhere, normal

#: Without O_NONBLOCK, a pipe that took the file's place would keep us waiting.
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)


class OutsideError(UnreadableFileError):
    """The file lies outside of the indexed folders once links are followed."""


def open_inside(path: str, roots: Sequence[str]) -> FileIO:
    """The regular file at `path` of the file system, open to read, without a buffer. `roots`: the indexed folders.

    Raises OutsideError, and UnreadableFileError where there is nothing to read.
    """
    try:
        real = os.path.realpath(path, strict=True)
        if not _lies_in(real, roots):
            raise outside()
        file = FileIO(os.open(real, _FLAGS), "rb")
    except (FileNotFoundError, NotADirectoryError):
        raise UnreadableFileError("it is not where it was, or its drive is not connected") from None
    except (OSError, ValueError) as error:
        raise UnreadableFileError(
            f"it cannot be read ({(getattr(error, 'strerror', None) or 'a strange path').lower()})"
        ) from None
    try:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise UnreadableFileError("it is no longer a regular file")
        if not _is_inside(file.fileno(), path, roots):
            raise outside()
    except BaseException:
        file.close()
        raise
    return file


def leads_out(path: str, roots: Sequence[str]) -> bool:
    """Whether something is at `path` and, links followed, outside of the roots. What lies elsewhere has no links."""
    if is_elsewhere(path):
        return not lies_elsewhere_inside(path, roots)
    try:
        return not _lies_in(os.path.realpath(path, strict=True), roots)
    except (OSError, ValueError):
        return False


def lies_elsewhere_inside(path: str, roots: Sequence[str]) -> bool:
    """Whether a path that is none of the file system lies in one of the roots, by its letters."""
    return normal(path) == path and any(path == root or is_below(path, root) for root in roots)


def _is_inside(descriptor: int, path: str, roots: Sequence[str]) -> bool:
    """Whether what is open lies in a root, whatever the path leads to by now."""
    own = _own_path(descriptor)
    if own is not None:
        return _lies_in(own, roots)
    try:
        real = os.path.realpath(path, strict=True)
        return _lies_in(real, roots) and os.path.samestat(os.lstat(real), os.fstat(descriptor))
    except OSError:
        return False


def _own_path(descriptor: int) -> str | None:
    """Where the system says that what is open lies; None where it does not say. What was deleted lies nowhere."""
    if sys.platform == "darwin":
        import fcntl

        return os.fsdecode(fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")  # Linux
    except OSError:
        return None


def _lies_in(real: str, roots: Sequence[str]) -> bool:
    for root in roots:
        folder = os.path.realpath(root)
        if real == folder or real.startswith(os.path.join(folder, "")):
            return True
    return False


def outside() -> OutsideError:
    """The error for a file that is not to be shown."""
    return OutsideError("a link leads to it, and it lies outside of the indexed folders; index its own folder")
