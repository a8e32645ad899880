"""An inverted file with 8-bit codes read without FAISS: importing that takes ten times as long as one search.

The file is FAISS' own (`faiss/impl/index_write.cpp`), an `IndexIDMap` around an `IndexIVFScalarQuantizer` whose cells
are an `IndexFlatIP`, little-endian:

    header: 4 letters, int32 d, int64 n, 2 x int64 unused, u8 trained, int32 metric (0: inner product)

    "IxMp" header
    "IwSq" header   u64 cells, u64 probes
        "IxFI" header   u64 cells x d, float32 centroids (cells, d)
        u8 0, u64 0                                                             no direct map
        int32 0 (8 bits, a range a dimension), int32, float32, u64 d, u64 d     the quantiser
        u64 2 x d, float32 least (d,), float32 range (d,)
        u64 d, u8 1                                                             bytes a code; codes are of residuals
        "ilar", u64 cells, u64 d, then "full", u64 cells, u64 sizes (cells,)
                                    or "sprs", u64 2 x m, u64 (cell, size) (m, 2): the others are empty
        a cell: u8 codes (size, d), int64 positions (size,)
    u64 n, int64 ids (n,)

A code stands for the centroid of its cell + least + range x (code + 0.5) / 255.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from indexer.page_sums import Bytes
from indexer.types import Float32, Int64
from indexer.vectors.backends.faiss_files.blocks import Check
from indexer.vectors.exact import row_scores

_HEADER: Final = struct.Struct("<4siqqqBi")
_COUNT: Final = struct.Struct("<Q")
_INNER_PRODUCT: Final = 0
_QUANTISER: Final = struct.Struct("<iifQQ")
_LEVELS: Final = 255


@dataclass(frozen=True, slots=True)
class Lists:
    """An inverted file. Cell c holds `sizes[c]` vectors, whose codes begin at byte `starts[c]` of `memory`.

    `centroids` (cells, d) float32; `least`, `spread` (d,) float32; `sizes`, `starts` (cells,); `ids` (n,) int64 by
    position.
    """

    memory: Bytes
    probes: int
    centroids: Float32
    least: Float32
    spread: Float32
    sizes: Int64
    starts: Int64
    ids: Int64

    @property
    def range(self) -> tuple[int, int]:
        """The bytes at which its lists begin and end."""
        start = int(self.starts.min(initial=self.memory.size))
        return start, start + len(self.ids) * (self.centroids.shape[1] + 8)

    def search(self, query: Float32, probes: int, check: Check | None = None) -> tuple[Float32, Int64]:
        """Scores (m,) and positions (m,) of all that the `probes` cells nearest to `query` (d,) hold, in no order.

        `check` compares the bytes of each cell before they are used. Raises StoreDamagedError.
        """
        near = row_scores(self.centroids, query)  # (cells,)
        chosen = np.argpartition(-near, min(probes, len(near)) - 1)[:probes]
        weights = query * self.spread / np.float32(_LEVELS)
        constant = float(query @ (self.least + self.spread * np.float32(0.5 / _LEVELS)))
        scores, positions = [np.empty(0, np.float32)], [np.empty(0, np.int64)]
        for cell in chosen[self.sizes[chosen] > 0].tolist():
            start, size, width = int(self.starts[cell]), int(self.sizes[cell]), len(query)
            if check is not None:
                check(start, start + size * (width + 8))
            codes = self.memory[start : start + size * width].reshape(size, width)  # (s, d)
            scores.append(row_scores(codes.astype(np.float32), weights) + np.float32(near[cell] + constant))
            end = start + size * (width + 8)
            positions.append(np.frombuffer(self.memory[end - 8 * size : end].tobytes(), "<i8"))
        return np.concatenate(scores), np.concatenate(positions)


def read_lists(memory: Bytes) -> Lists:
    """The inverted file in `memory` (size,) uint8, whose codes stay there. Raises ValueError for any other file."""
    reader = _Reader(memory)
    try:
        total, dimension = reader.header(b"IxMp")
        reader.expect((total, dimension), reader.header(b"IwSq"))
        cells, probes = reader.count(), reader.count()
        reader.expect((cells, dimension), reader.header(b"IxFI"))
        reader.expect(cells * dimension, reader.count())
        centroids = reader.floats(cells * dimension).reshape(cells, dimension)
        reader.expect((0, 0), (reader.byte(), reader.count()))
        kind, _, _, width, bytes_a_code = reader.fields(_QUANTISER)
        reader.expect((0, dimension, dimension), (kind, width, bytes_a_code))
        reader.expect(2 * dimension, reader.count())
        least, spread = reader.floats(dimension), reader.floats(dimension)
        reader.expect((dimension, 1), (reader.count(), reader.byte()))
        reader.expect((b"ilar", cells, dimension), (reader.word(), reader.count(), reader.count()))
        sizes = _sizes(reader, cells)
        if sizes.min(initial=0) < 0 or sizes.max(initial=0) > total or int(sizes.sum()) != total:
            raise ValueError("its lists hold another number of vectors")
        ends = reader.place + np.cumsum(sizes) * (dimension + 8)
        reader.place += total * (dimension + 8)
        reader.expect(total, reader.count())
        ids = reader.numbers(total)
        reader.expect(memory.size, reader.place)
    except struct.error as error:
        raise ValueError("it is too short") from error
    return Lists(memory, probes, centroids, least, spread, sizes, ends - sizes * (dimension + 8), ids)


def _sizes(reader: _Reader, cells: int) -> Int64:
    """Vectors in each cell, (cells,)."""
    form = reader.word()
    if form == b"full":
        reader.expect(cells, reader.count())
        return reader.numbers(cells)
    pairs = reader.count()
    if form != b"sprs" or pairs % 2:
        raise ValueError("it keeps its lists in another way")
    listed = reader.numbers(pairs).reshape(-1, 2)  # (m, 2)
    if len(listed) and not 0 <= listed[:, 0].min() <= listed[:, 0].max() < cells:
        raise ValueError("it names lists that it has not")
    sizes = np.zeros(cells, np.int64)
    sizes[listed[:, 0]] = listed[:, 1]
    return sizes


class _Reader:
    """Reads on from `place`. Raises struct.error where the file ends before, ValueError for what is not expected."""

    def __init__(self, memory: Bytes) -> None:
        self._memory = memory
        self.place = 0

    def header(self, name: bytes) -> tuple[int, int]:
        """Number of vectors, and of their dimensions."""
        found, dimension, count, _, _, _, metric = self.fields(_HEADER)
        if (found, metric) != (name, _INNER_PRODUCT) or dimension < 1 or count < 0:
            raise ValueError("it is no inverted file of 8-bit codes with ids")
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
