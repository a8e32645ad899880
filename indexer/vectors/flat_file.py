"""A flat index read without FAISS: importing that takes longer than comparing a query with 50,000 vectors.

The file is FAISS' own (`faiss/impl/index_write.cpp`), an `IndexIDMap` around an `IndexFlatIP`, little-endian:

    "IxMp" header   "IxFI" header   u64 n d, float32 vectors (n, d)   u64 n, int64 ids (n,)
    header: int32 d, int64 n, 2 x int64 unused, u8 trained, int32 metric (0: inner product)
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np
import numpy.typing as npt

from indexer.vectors.exact import ExactIndex

_HEADER: Final = struct.Struct("<4siqqqBi")
_COUNT: Final = struct.Struct("<Q")
_INNER_PRODUCT: Final = 0
_REMOVED: Final = -1


def read_flat(memory: npt.NDArray[np.uint8]) -> ExactIndex:
    """The index in `memory` (size,) uint8. Vectors that were removed are left out.

    Raises ValueError when the bytes are not such a file.
    """
    data = memory.data
    try:
        inner = _HEADER.size
        fourcc, _, outer_count, _, _, _, _ = _HEADER.unpack_from(data, 0)
        flat, dimension, count, _, _, _, metric = _HEADER.unpack_from(data, inner)
        if (fourcc, flat, metric) != (b"IxMp", b"IxFI", _INNER_PRODUCT) or outer_count != count or dimension < 1:
            raise ValueError("it is no flat index with ids")
        start = 2 * inner
        [numbers] = _COUNT.unpack_from(data, start)
        start += _COUNT.size
        end = start + 4 * numbers
        [held] = _COUNT.unpack_from(data, end)
        if numbers != count * dimension or held != count or end + _COUNT.size + 8 * held != memory.size:
            raise ValueError("its sizes contradict each other")
    except struct.error as error:
        raise ValueError("it is too short") from error
    # Copies, because neither stands at a multiple of its size, where numpy would go number by number.
    vectors = memory[start:end].copy().view("<f4").reshape(count, dimension)  # (n, d) float32, unit norm
    ids = memory[end + _COUNT.size :].copy().view("<i8")  # (n,)
    there = ids != _REMOVED
    if not there.all():
        vectors, ids = vectors[there], ids[there]
    index = ExactIndex(dimension)
    index.add(ids, vectors)
    return index
