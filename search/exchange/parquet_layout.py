"""items-0000.parquet and so on: the columns of an item and its vector, a list of d numbers of float32. The metadata of
each file's schema say `encoder`, the identity of what made the vectors, as JSON.

With tokens also `tokens`: t x width numbers of int8 one after the other, as bytes; null where an item has none.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow

from indexer.encoders.base import EncoderId
from search.exchange.batches import Batch
from search.exchange.layout import PART_ROWS
from search.exchange.parquet_file import TOKENS, VECTOR, ParquetFile, columns, fields


class ParquetLayout:
    """Follows `Layout`."""

    takes_texts = True

    def __init__(self, folder: Path, identity: EncoderId, *, tokens: bool) -> None:
        self._folder = folder
        self._dimension = identity.dimension
        self._vector = pyarrow.list_(pyarrow.float32(), identity.dimension)
        said = {"encoder": identity.to_json()}
        own = [pyarrow.field(VECTOR, self._vector)]
        own += [pyarrow.field(TOKENS, pyarrow.binary())] if tokens else []
        self._schema = pyarrow.schema([*fields(), *own], metadata=said)
        self._part: ParquetFile | None = None
        self._parts = self._rows = 0

    def write(self, batch: Batch) -> None:
        """See `Layout`."""
        if self._part is None:
            self._part = ParquetFile(self._folder / f"items-{self._parts:04}.parquet", self._schema)
            self._parts, self._rows = self._parts + 1, 0
        flat = pyarrow.array(batch.vectors.reshape(-1))
        vectors = pyarrow.FixedSizeListArray.from_arrays(flat, self._dimension)
        tokens = [] if batch.tokens is None else [[own.tobytes() if len(own) else None for own in batch.tokens]]
        self._part.write([*columns(batch.rows), vectors, *tokens])
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
