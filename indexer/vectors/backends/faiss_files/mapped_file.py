"""A file mapped for reading, and a checksum of it that does not read all of it."""

from __future__ import annotations

import hashlib
import mmap
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

EDGE: Final = 1024 * 1024
BLOCK: Final = 64 * 1024
BLOCKS: Final = 16

Bytes = npt.NDArray[np.uint8]


class Mapped:
    """A file as (size,) uint8, mapped for reading; the array keeps the mapping alive. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._map: mmap.mmap | None = None
        self.memory: Bytes = np.empty(0, dtype=np.uint8)
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size:  # an empty file cannot be mapped
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                self.memory = np.frombuffer(self._map, dtype=np.uint8)

    def __enter__(self) -> Bytes:
        return self.memory

    def __exit__(self, *_: object) -> None:
        """Let go at once: Windows moves no file that is mapped."""
        self.memory = np.empty(0, dtype=np.uint8)
        if self._map is not None:
            with suppress(BufferError):  # somebody kept the array
                self._map.close()


def sampled(memory: Bytes) -> str:
    """SHA-256 of the first and last megabyte and of 16 blocks spread between them: about 3 MB in all."""
    digest = hashlib.sha256()
    digest.update(memory[:EDGE].data)
    step = max(1, memory.size // (BLOCKS + 1))
    for start in range(step, memory.size, step):
        digest.update(memory[start : start + BLOCK].data)
    digest.update(memory[max(0, memory.size - EDGE) :].data)
    return digest.hexdigest()
