"""An inverted file that is built on disk: the memory of a build does not depend on the collection's size.

    rows, a batch at a time --cell and code of each--> one file a group of neighbouring cells (the spill)
    spill --list by list, in pieces--> FAISS' own file

FAISS fills its lists in memory and writes them when all are full. Here every row goes to a temporary file as soon
as it is encoded, and the lists are put together while they are written. The bytes are the same as FAISS would have
written (a test compares them). Ids wait in a file too. What is held: the trained core without its lists, one batch,
and one group of cells at a time.

The layout is that of `faiss/impl/index_write.cpp` (FAISS 1.15): the header and the quantisers, which FAISS writes
itself here for an index without vectors; then "ilar", the number of lists, bytes a code, "full", the sizes of the
lists; then of each list its codes and its positions (int64); then the number of ids and the ids (`IndexIDMap`).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO, Any, Final

import faiss as _faiss
import numpy as np
import numpy.typing as npt

from indexer.settings import thread_count
from indexer.types import Float32, Int64
from indexer.vectors.backends.faiss_files import gpu
from indexer.vectors.backends.faiss_files.ivf_training import threads
from indexer.vectors.backends.faiss_files.writer import Sink
from indexer.vectors.base import IndexType
from indexer.vectors.exact import checked_rows

faiss: Any = _faiss

#: Bytes of one group of cells when the spill is put in order; a group is sorted in memory by its cells alone.
GROUP_BYTES: Final = 32 * 1024 * 1024
#: So many files are open at once at most; a larger collection has larger groups, of which a piece is held at a time.
GROUPS_MOST: Final = 128
#: Rows that are gathered from the spill at once.
PIECE: Final = 8_192


class IvfBuilder:
    """An inverted file under construction; it is written once."""

    def __init__(self, index_type: IndexType, core: Any, count: int, folder: Path) -> None:
        """`core`: a trained, empty inverted file of FAISS; about `count` rows will come. The spill goes to `folder`."""
        self.index_type: IndexType = index_type
        self._core = core
        self._record = np.dtype([("cell", "<i4"), ("position", "<i8"), ("code", "u1", (core.code_size,))])
        groups = -(-count * self._record.itemsize // GROUP_BYTES)
        self._groups = max(1, min(groups, GROUPS_MOST, core.nlist))
        self._sizes = np.zeros(core.nlist, np.int64)  # (lists,) rows of each
        self._count = 0
        self._last_id = -1
        self._ascending = True
        self._assigner = gpu.Assigner(core)
        self.lists: tuple[int, int] | None = None  # known when it is written
        self._folder = folder
        self._spill = [self._open(f"group-{number}") for number in range(self._groups)]
        self._ids = self._open("ids")

    def __len__(self) -> int:
        return self._count

    @property
    def dimension(self) -> int:
        return int(self._core.d)

    def add(self, ids: Int64, vectors: Float32) -> None:
        """`ids` (b,) and `vectors` (b, d); `write` notices repeats between two calls. Raises ValueError, OSError."""
        ids, vectors = checked_rows(ids, vectors, self.dimension)
        if not len(ids):
            return
        with threads(thread_count()):
            cells = np.ascontiguousarray(self._assigner.assign(vectors), np.int64)  # (b,)
            codes = np.empty((len(ids), self._core.code_size), np.uint8)  # (b, code size)
            self._core.encode_vectors(len(ids), faiss.swig_ptr(vectors), faiss.swig_ptr(cells), faiss.swig_ptr(codes))
        records = np.empty(len(ids), self._record)
        records["cell"], records["code"] = cells, codes
        records["position"] = np.arange(self._count, self._count + len(ids))
        group = cells * self._groups // self._core.nlist  # (b,)
        for number in np.unique(group):
            self._spill[number].write(records[group == number].tobytes())
        self._ids.write(ids.tobytes())
        self._sizes += np.bincount(cells, minlength=self._core.nlist)
        self._ascending &= bool(ids[0] > self._last_id) and bool((ids[1:] > ids[:-1]).all())
        self._last_id = int(ids[-1])
        self._count += len(ids)

    def close(self) -> None:
        """Close its files; who gave the folder deletes them."""
        for file in (*self._spill, self._ids):
            file.close()

    def write(self, file: Sink) -> None:
        """Write the file's bytes, some megabytes at a time. Raises what `file` raises, OSError, ValueError."""
        ids = _mapped(self._ids, np.dtype("<i8"))
        if not self._ascending and len(np.unique(ids)) < len(ids):
            raise ValueError("ids must not repeat")
        head = self._head() + b"full" + struct.pack("<Q", len(self._sizes)) + self._sizes.astype("<u8").tobytes()
        file.write(head)
        self.lists = (len(head), len(head) + self._count * (self._core.code_size + 8))
        cell = 0
        for number, spill in enumerate(self._spill):
            end = -(-(number + 1) * self._core.nlist // self._groups)
            self._write_lists(_mapped(spill, self._record), cell, end, file)
            cell = end
        file.write(struct.pack("<Q", self._count))
        for start in range(0, len(ids), 1 << 17):
            file.write(ids[start : start + (1 << 17)].tobytes())

    def _head(self) -> bytes:
        """All that comes before the kind of the lists, as FAISS writes it."""
        whole = faiss.IndexIDMap(faiss.IndexFlatIP(self.dimension))
        whole.index = self._core
        self._core.ntotal = whole.ntotal = self._count
        try:
            written = faiss.serialize_index(whole).tobytes()
        finally:
            self._core.ntotal = 0
        lists = b"ilar" + struct.pack("<QQ", self._core.nlist, self._core.code_size)
        empty = lists + b"sprs" + struct.pack("<QQ", 0, 0)  # no list, no id
        if not written.endswith(empty):
            raise OSError(f"FAISS {faiss.__version__} writes inverted files in another format")
        return bytes(written[: -len(empty)] + lists)

    def _write_lists(self, records: npt.NDArray[np.void], first: int, end: int, file: Sink) -> None:
        """The lists of the cells from `first` to before `end`, from their group's `records` (m,)."""
        order = np.argsort(records["cell"], kind="stable")  # (m,): by cell, then in the order of arrival
        start = 0
        for size in self._sizes[first:end].tolist():
            rows = order[start : start + size]
            for name in ("code", "position"):
                for piece in range(0, size, PIECE):
                    file.write(records[rows[piece : piece + PIECE]][name].tobytes())
            start += size

    def _open(self, name: str) -> IO[bytes]:
        return (self._folder / name).open("w+b")


def _mapped(file: IO[bytes], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """What was written to `file`, (m,), mapped."""
    file.flush()
    if not file.tell():
        return np.empty(0, dtype)
    return np.memmap(file, dtype, mode="r")
