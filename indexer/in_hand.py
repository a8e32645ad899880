"""What the threads of a run have in hand, in a small file that outlasts a kill: so that the next run knows which files
it may have died of."""

from __future__ import annotations

import mmap
import os
import struct
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from indexer.reach import beginning
from indexer.types import Candidate

#: Its name in the folder of a store; of further runs on one machine, with a number behind it. It goes when a run ends,
#: however that ends, but for a kill.
IN_HAND = "in-hand"

#: A place a thread: length of the path, size and time of the file, its path. Of a longer path nothing is kept.
_HEAD = struct.Struct("<Hqq")
_PLACE = 4096


class InHand:
    """Writing down costs no call of the system: the file is mapped into memory. Safe to use from several threads.

    Where it cannot be made (a full disk, a file system without maps), nothing is written down.
    """

    def __init__(self, folder: Path, workers: int, name: str = IN_HAND) -> None:
        self._path = folder / name
        self._free = deque(range(workers))
        self._map: mmap.mmap | None = None
        forget_in_hand(folder, name)  # never through a link that lies in its place
        with suppress(OSError, ValueError), open(self._path, "x+b", opener=_private) as file:
            file.write(bytes(workers * _PLACE))  # room that is there: a map of a hole ends the process on a full disk
            file.flush()
            self._map = mmap.mmap(file.fileno(), workers * _PLACE)

    def close(self) -> None:
        """Nothing is in hand any more."""
        if self._map is not None:
            self._map.close()
        forget_in_hand(self._path.parent, self._path.name)

    @contextmanager
    def hold(self, candidate: Candidate) -> Iterator[None]:
        """Within the block it is written down that this file is being read."""
        path = os.fsencode(candidate.path)
        if self._map is None or len(path) > _PLACE - _HEAD.size:
            yield
            return
        place = self._free.popleft()
        start = place * _PLACE
        try:
            self._map[start + _HEAD.size : start + _HEAD.size + len(path)] = path
            self._map[start : start + _HEAD.size] = _HEAD.pack(len(path), candidate.size, candidate.mtime_ns)
            yield
        finally:
            self._map[start : start + 2] = b"\0\0"
            self._free.append(place)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def forget_in_hand(folder: Path, name: str = IN_HAND) -> None:
    """Take away what a run left that was killed."""
    with suppress(OSError):
        (folder / name).unlink()


def left_in_hand(folder: Path, name: str = IN_HAND) -> list[Candidate]:
    """What a run that was killed had in hand; nothing where none was, or what is there cannot be read."""
    try:
        data = beginning(folder / name, 1024 * _PLACE)
    except OSError:
        return []
    found = []
    for start in range(0, len(data) - _PLACE + 1, _PLACE):
        length, size, mtime_ns = _HEAD.unpack_from(data, start)
        if 0 < length <= _PLACE - _HEAD.size:
            path = data[start + _HEAD.size : start + _HEAD.size + length]
            found.append(Candidate(os.fsdecode(path), size, mtime_ns))
    return found
