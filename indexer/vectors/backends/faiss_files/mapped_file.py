"""A file mapped for reading."""

from __future__ import annotations

import mmap
import os
from contextlib import suppress
from pathlib import Path

import numpy as np

from indexer.page_sums import Bytes
from indexer.reach import regular


class Mapped:
    """A file as (size,) uint8, mapped for reading; the array keeps the mapping alive. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._map: mmap.mmap | None = None
        self.memory: Bytes = np.empty(0, dtype=np.uint8)
        with regular(path) as file:
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
