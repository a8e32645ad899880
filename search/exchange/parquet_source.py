"""An export as Parquet, read back a row group at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from indexer.encoders.base import TokenShape
from indexer.types import Float32, Int8
from search.exchange.batches import AT_ONCE
from search.exchange.manifest import Manifest
from search.exchange.parquet_file import TOKENS, VECTOR, check_installed
from search.exchange.source import SourceRow, damaged, most_tokens
from search.exchange.source_rows import row_of

_NAMES: Final = ["kind", "path", "path_bytes", "source", "digest", "text"]
#: Bytes of a row group, not compressed: ours have 70 MB of vectors of 4,096 numbers.
LARGEST: Final = 2_000_000_000


class ParquetSource:
    """Follows `Source`."""

    name = "export as Parquet"
    encoder = None

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        check_installed("parquet")
        self._folder = folder
        self._files = [folder / name for name in manifest.files if name.endswith(".parquet")]
        self._total = manifest.images + manifest.texts
        self.identity = manifest.encoder
        self.roots = manifest.roots
        self.tokens = manifest.tokens

    def batches(self) -> Iterator[tuple[list[SourceRow], Float32]]:
        """See `Source`."""
        done = 0
        for path in self._files:
            for rows, vectors in self._of(path):
                done += len(rows)
                yield rows, vectors
        if done != self._total:
            raise damaged(self._folder, f"it has {done:,} of {self._total:,} rows")

    def _of(self, path: Path) -> Iterator[tuple[list[SourceRow], Float32]]:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile

        try:
            with ParquetFile(path) as file:
                check_groups(file, path)
                names = _NAMES if self.tokens is None else [*_NAMES, TOKENS]
                for batch in file.iter_batches(AT_ONCE, columns=[*names, VECTOR]):
                    flat = np.asarray(batch.column(VECTOR).flatten(), np.float32)
                    vectors = flat.reshape(batch.num_rows, self.identity.dimension)
                    yield [self._row(row) for row in batch.select(names).to_pylist()], vectors
        except (OSError, ValueError, KeyError, TypeError, ArrowException) as error:
            raise damaged(path, "it is no table of an export, or not whole") from error

    def _row(self, said: dict[str, Any]) -> SourceRow:
        row = row_of(said)
        return row if self.tokens is None else replace(row, tokens=_tokens(said[TOKENS], self.tokens))


def _tokens(data: bytes | None, shape: TokenShape) -> Int8 | None:
    """Raises ValueError for what can be none of this shape."""
    if data is None:
        return None
    found = np.frombuffer(data, np.int8).reshape(-1, shape.width)
    if not 0 < len(found) <= most_tokens(shape):
        raise ValueError("no tokens of an export")
    return found


def check_groups(file: Any, path: Path) -> None:
    """Raises UsageError for a table of which a row group would not fit into memory."""
    about = file.metadata
    if any(about.row_group(at).total_byte_size > LARGEST for at in range(about.num_row_groups)):
        raise damaged(path, "a row group of it is larger than 2 GB")
