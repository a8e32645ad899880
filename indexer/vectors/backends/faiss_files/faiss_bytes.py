"""The pieces that FAISS' files are made of (`faiss/impl/index_write.cpp`), little-endian, read without FAISS.

header: 4 letters, int32 d, int64 n, 2 x int64 unused, u8 trained, int32 metric (0: inner product)
"""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from indexer.types import Float32, Int64

_HEADER: Final = struct.Struct("<4siqqqBi")
_COUNT: Final = struct.Struct("<Q")
_INNER_PRODUCT: Final = 0

Bytes = npt.NDArray[np.uint8]


class Reader:
    """Reads on from `place`. Raises struct.error where the file ends before, ValueError for what is not expected.

    `kind`: what the file should be, for the sentence that says that it is not.
    """

    def __init__(self, memory: Bytes, kind: str) -> None:
        self._kind = kind
        self._memory = memory
        self.place = 0

    def header(self, name: bytes) -> tuple[int, int]:
        """Number of vectors, and of their dimensions."""
        found, dimension, count, _, _, _, metric = self.fields(_HEADER)
        if (found, metric) != (name, _INNER_PRODUCT) or dimension < 1 or count < 0:
            raise ValueError(f"it is no {self._kind}")
        return int(count), int(dimension)

    def fields(self, form: struct.Struct) -> tuple[Any, ...]:
        found = form.unpack_from(self._memory.data, self.place)
        self.place += form.size
        return found

    def count(self) -> int:
        return int(self.fields(_COUNT)[0])

    def byte(self) -> int:
        return self._take(1)[0]

    def word(self) -> bytes:
        return self._take(4)

    def floats(self, count: int) -> Float32:
        return np.frombuffer(self._take(4 * count), "<f4")

    def numbers(self, count: int) -> Int64:
        return np.frombuffer(self._take(8 * count), "<i8")

    def expect(self, wanted: object, found: object) -> None:
        if wanted != found:
            raise ValueError("its sizes contradict each other")

    def _take(self, count: int) -> bytes:
        """A copy: nothing stands at a multiple of its size, where numpy would go number by number."""
        if self.place + count > self._memory.size:
            raise struct.error("the file ends before")
        taken = self._memory[self.place : self.place + count].tobytes()
        self.place += count
        return taken
