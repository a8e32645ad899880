"""Ids and vectors in the binary form of PostgreSQL, a million numbers at once."""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from indexer.types import Float32, Int64

#: Before and after the rows of `COPY ... (FORMAT BINARY)`: signature, no flags, no extension; no more fields.
COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
COPY_TRAILER: Final = b"\xff\xff"


def row_type(dimension: int) -> np.dtype[np.void]:
    """One row of `COPY`: two fields, each after its length; a vector tells its dimension and two unused bytes."""
    fields = [("fields", ">i2"), ("id_size", ">i4"), ("id", ">i8"), ("size", ">i4"), ("dimension", ">i2")]
    return np.dtype([*fields, ("unused", ">i2"), ("vector", ">f4", (dimension,))])


def to_rows(ids: Int64, vectors: Float32) -> bytes:
    """`ids` (b,) int64 and `vectors` (b, d) float32."""
    dimension = vectors.shape[1]
    rows = np.zeros(len(ids), row_type(dimension))
    rows["fields"], rows["id_size"], rows["size"], rows["dimension"] = 2, 8, 4 + 4 * dimension, dimension
    rows["id"], rows["vector"] = ids, vectors
    return rows.tobytes()


def from_rows(data: bytes, dimension: int) -> tuple[Int64, Float32]:
    """Ids (b,) int64 and vectors (b, d) float32 of whole rows. Raises ValueError where they have another form."""
    rows = np.frombuffer(data, row_type(dimension))
    if not bool(((rows["fields"] == 2) & (rows["id_size"] == 8) & (rows["size"] == 4 + 4 * dimension)).all()):
        raise ValueError(f"its rows are no ids with vectors of {dimension} dimensions")
    return rows["id"].astype(np.int64), rows["vector"].astype(np.float32)


def to_array(values: Int64 | Float32, element: int) -> bytes:
    """An array of `bigint` from (n,) int64, or of `vector` from (n, d) float32; `element`: the type's number."""
    head = struct.pack(">iiI", 1, 0, element) + struct.pack(">ii", len(values), 1)
    if values.ndim == 1:
        ids = np.zeros(len(values), [("size", ">i4"), ("value", ">i8")])
        ids["size"], ids["value"] = 8, values
        return head + ids.tobytes()
    dimension = values.shape[1]
    fields = [("size", ">i4"), ("dimension", ">i2"), ("unused", ">i2"), ("value", ">f4", (dimension,))]
    vectors = np.zeros(len(values), fields)
    vectors["size"], vectors["dimension"], vectors["value"] = 4 + 4 * dimension, dimension, values
    return head + vectors.tobytes()
