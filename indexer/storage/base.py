"""What every place is that photographs are read from: the file system itself has functions of its own, the others (a
store of objects, a tar, a table of names) follow `Storage`.

Their paths are strings as the catalog keeps them: a URL, or the path of a container with that of a member behind it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple, Protocol

from indexer.types import Candidate, Failure, in_64_bits

#: A regular file: its path as the file system spells it, its size in bytes, and in nanoseconds when its content and its
#: status changed last, as its storage tells them.
Found = tuple[bytes, int, int, int]

#: Whether an entry is left out: its folder's path, its name, the folder's path relative to the root with its slash, and
#: whether it is a folder.
LeftOut = Callable[[str, str, str, bool], bool]


class Seen(NamedTuple):
    """What is at a path. Of a file: its size in bytes, when its content changed last, in nanoseconds since the epoch,
    and in the place of when its status did, whatever else tells one content from another, as a number."""

    is_folder: bool
    size: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0

    def candidate(self, path: str) -> Candidate:
        """The file at `path`, as it was seen."""
        return Candidate(path, *map(in_64_bits, self[1:]))


class Walk(NamedTuple):
    """What is asked of a walk. `top`: where it begins; `prefix`: that, relative to the root, with its slash.

    `report_error` is called for what could not be looked at, before what comes behind it; `note` for what a person is
    to know besides, one sentence.
    """

    top: str
    prefix: str
    leaves_out: LeftOut
    report_error: Callable[[Failure], None]
    note: Callable[[str], None]


class Storage(Protocol):
    """A place that files are read from. Safe to use from several threads.

    Each raises OSError where nobody may say: `strerror` is the reason, in words of a sentence.
    """

    def look(self, path: str) -> Seen | None:
        """What is at a path; None where nothing is."""
        ...

    def names(self, folder: str) -> frozenset[str]:
        """The names of what lies in a folder, folders too; none where there is no such folder."""
        ...

    def walk(self, asked: Walk) -> Iterator[Found]:
        """Every file below `asked.top`, or the top itself, ascending by the bytes of its path (`files.scan.walk`)."""
        ...

    def read(self, candidate: Candidate) -> bytes:
        """The whole content of a file; of one that is another by now (`is_same`), whatever came, or ChangedError."""
        ...

    def beginning(self, path: str, size: int) -> bytes:
        """The first `size` bytes of a file, or fewer where it has no more."""
        ...


class ChangedError(OSError):
    """It is not, or is no longer, what was seen."""


def nothing_at(path: str) -> FileNotFoundError:
    """The error for a file that is not there."""
    return FileNotFoundError(errno.ENOENT, "it is not there", path)


def mark(*parts: object) -> int:
    """A number of 26 bits for what is told of a content, the same on every machine."""
    return int.from_bytes(blake2b(repr(parts).encode(), digest_size=4).digest(), "big") >> 6


class Flat:
    """Which files of a list of whole paths are to be found: a folder that is left out takes with it what is below."""

    def __init__(self, asked: Walk) -> None:
        self._asked = asked
        self._top = asked.top if asked.top.endswith("/") else f"{asked.top}/"
        self._skips = lru_cache(maxsize=1024)(self._folder_is_left_out)

    def keeps(self, inner: str) -> bool:
        """Whether the file at the path `inner`, relative to the top, is to be found."""
        folder, name = os.path.split(inner)
        if folder and self._skips(folder):
            return False
        return not self._leaves_out(folder, name, is_folder=False)

    def _folder_is_left_out(self, folder: str) -> bool:
        above, name = os.path.split(folder)
        return bool(above and self._skips(above)) or self._leaves_out(above, name, is_folder=True)

    def _leaves_out(self, folder: str, name: str, *, is_folder: bool) -> bool:
        if not folder:
            return self._asked.leaves_out(self._asked.top, name, self._asked.prefix, is_folder)
        return self._asked.leaves_out(f"{self._top}{folder}", name, f"{self._asked.prefix}{folder}/", is_folder)
