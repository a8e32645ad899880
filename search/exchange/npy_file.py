"""A matrix in numpy's own format, written row by row: its length is known when it is whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from indexer.types import Float32, Int8

#: Types of numbers as headers of numpy name them: float32 in little-endian, and int8.
FLOAT32: Final = "<f4"
INT8: Final = "|i1"


class NpyFile:
    """Rows (n, d) of numbers of the type `kind`, C order. Raises OSError."""

    def __init__(self, path: Path, dimension: int, kind: str = FLOAT32) -> None:
        self._stream = path.open("xb")
        self._dimension = dimension
        self._kind = kind
        self._rows = 0
        self._head = self._write_head()

    def write(self, vectors: Float32 | Int8) -> None:
        """More rows, (b, d)."""
        self._stream.write(np.ascontiguousarray(vectors, self._kind).data)
        self._rows += len(vectors)

    def finish(self) -> None:
        """It is whole, and on the disk."""
        end = self._stream.tell()
        self._stream.seek(0)
        if self._write_head() != self._head:  # numpy leaves room for any number of rows
            raise RuntimeError("A header of numpy grew with the number of its rows.")
        self._stream.seek(end)
        sync(self._stream)
        self._stream.close()

    def close(self) -> None:
        """Let go of it, whole or not."""
        self._stream.close()

    def _write_head(self) -> int:
        """Bytes of the header for so many rows."""
        said = {"descr": self._kind, "fortran_order": False, "shape": (self._rows, self._dimension)}
        np.lib.format.write_array_header_1_0(self._stream, said)
        return self._stream.tell()


def sync(stream: IO[Any]) -> None:
    """Bring what was written to the disk. Raises OSError."""
    stream.flush()
    os.fsync(stream.fileno())
