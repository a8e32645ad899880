"""A flat index in a file: one `.npy` of records that numpy maps. FAISS is needed neither to make nor to read it.

record: "id" int64, "vector" (d,) float32, unit norm; ascending by id
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.vectors.base import Batches, IndexType
from indexer.vectors.exact import ExactIndex, checked_rows

if TYPE_CHECKING:
    from indexer.vectors.backends.faiss_files.writer import Sink


def record(dimension: int) -> np.dtype[np.void]:
    """What stands in the file for one vector."""
    return np.dtype([("id", "<i8"), ("vector", "<f4", (dimension,))])


class FlatRows:
    """The records of a flat index in memory, to be written."""

    index_type: IndexType = "flat"
    lists: tuple[int, int] | None = None

    def __init__(self, dimension: int, batches: Batches) -> None:
        """Raises ValueError on rows that `checked_rows` refuses."""
        self.dimension = dimension
        parts = [np.empty(0, record(dimension))]
        for ids, vectors in batches():
            ids, vectors = checked_rows(ids, vectors, dimension)
            part = np.empty(len(ids), record(dimension))
            part["id"], part["vector"] = ids, vectors
            parts.append(part)
        self._rows = np.concatenate(parts)  # (n,)
        ids = self._rows["id"]
        if not bool((ids[1:] > ids[:-1]).all()):
            self._rows = self._rows[np.argsort(ids, kind="stable")]
            if bool((self._rows["id"][1:] == self._rows["id"][:-1]).any()):
                raise ValueError("ids must not repeat")

    def __len__(self) -> int:
        return len(self._rows)

    def write(self, file: Sink) -> None:
        """Write the file's bytes. Raises what `file` raises."""
        np.save(file, self._rows, allow_pickle=False)


def read_flat(path: Path) -> ExactIndex:
    """The index in a file, whose vectors stay there, mapped. Raises ValueError for any other file, OSError."""
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # of a wrong header, whatever the parser inside raises
        raise ValueError("it is no flat index") from error
    names = getattr(rows, "dtype", np.dtype(float)).names
    if names != ("id", "vector") or rows.ndim != 1 or rows.dtype != record(*rows.dtype["vector"].shape[:1]):
        raise ValueError("it is no flat index")
    plain = rows.view(np.ndarray)
    return ExactIndex(np.ascontiguousarray(plain["id"]), plain["vector"])
