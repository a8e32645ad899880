"""A flat index read without FAISS: importing that takes longer than comparing a query with 50,000 vectors.

The file is FAISS' own, an `IndexIDMap` around an `IndexFlatIP`, the headers as in `faiss_bytes.py`:

    "IxMp" header   "IxFI" header   u64 n d, float32 vectors (n, d)   u64 n, int64 ids (n,)
"""

from __future__ import annotations

import struct

from indexer.vectors.backends.faiss_files.faiss_bytes import Bytes, Reader
from indexer.vectors.backends.faiss_files.id_table import REMOVED
from indexer.vectors.exact import ExactIndex


def read_flat(memory: Bytes) -> ExactIndex:
    """The index in `memory` (size,) uint8. Vectors that were removed are left out.

    Raises ValueError when the bytes are not such a file.
    """
    reader = Reader(memory, "flat index with ids")
    try:
        count, dimension = reader.header(b"IxMp")
        reader.expect((count, dimension), reader.header(b"IxFI"))
        reader.expect(count * dimension, reader.count())
        vectors = reader.floats(count * dimension).reshape(count, dimension)  # (n, d) float32, unit norm
        reader.expect(count, reader.count())
        ids = reader.numbers(count)  # (n,)
        reader.expect(memory.size, reader.place)
    except struct.error as error:
        raise ValueError("it is too short") from error
    there = ids != REMOVED
    if not there.all():
        vectors, ids = vectors[there], ids[there]
    index = ExactIndex(dimension)
    index.add(ids, vectors)
    return index
