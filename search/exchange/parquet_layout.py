"""items-0000.parquet and so on: the columns of an item and its vector, a list of d numbers of float32. The metadata of
each file's schema say `encoder`, the identity of what made the vectors, as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pyarrow

from indexer.encoders.base import EncoderId
from search.exchange.batches import Batch
from search.exchange.layout import PART_ROWS
from search.exchange.parquet_file import ParquetFile, columns, fields

VECTOR: Final = "vector"


class ParquetLayout:
    """Follows `Layout`."""

    takes_texts = True

    def __init__(self, folder: Path, identity: EncoderId) -> None:
        self._folder = folder
        self._dimension = identity.dimension
        self._vector = pyarrow.list_(pyarrow.float32(), identity.dimension)
        said = {"encoder": identity.to_json()}
        self._schema = pyarrow.schema([*fields(), pyarrow.field(VECTOR, self._vector)], metadata=said)
        self._part: ParquetFile | None = None
        self._parts = self._rows = 0

    def write(self, batch: Batch) -> None:
        """See `Layout`."""
        if self._part is None:
            self._part = ParquetFile(self._folder / f"items-{self._parts:04}.parquet", self._schema)
            self._parts, self._rows = self._parts + 1, 0
        flat = pyarrow.array(batch.vectors.reshape(-1))
        vectors = pyarrow.FixedSizeListArray.from_arrays(flat, self._dimension)
        self._part.write([*columns(batch.rows), vectors])
        self._rows += len(batch.rows)
        if self._rows >= PART_ROWS:
            self.finish()

    def finish(self) -> None:
        """See `Layout`."""
        if self._part is not None:
            self._part.finish()
            self._part = None

    def close(self) -> None:
        """See `Layout`."""
        if self._part is not None:
            self._part.close()
