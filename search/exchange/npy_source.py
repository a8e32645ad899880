"""An export for numpy, read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from indexer.types import Float32
from search.exchange.batches import AT_ONCE
from search.exchange.manifest import Manifest
from search.exchange.npy_layout import TABLE, TOKENS, VECTORS
from search.exchange.source import SourceRow, TokenRows, damaged, matrix
from search.exchange.source_rows import row_of

#: Bytes of a line: a photograph with all the captions that a store keeps of it has fewer.
_LONGEST: Final = 16_000_000


class NpySource:
    """Follows `Source`."""

    name = "export for numpy"
    encoder = None

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._table = folder / TABLE
        self._vectors = matrix(folder / VECTORS, manifest.encoder.dimension)
        self._path = folder
        self.identity = manifest.encoder
        self.roots = manifest.roots
        self.tokens = manifest.tokens
        if len(self._vectors) != manifest.images + manifest.texts:
            raise damaged(folder, f"it lacks some of its {manifest.images + manifest.texts:,} vectors")

    def batches(self) -> Iterator[tuple[list[SourceRow], Float32]]:
        """See `Source`."""
        done = 0
        tokens = None if self.tokens is None else TokenRows(self._path / TOKENS, self.tokens)
        try:
            with self._table.open("rb") as stream:
                while lines := [line for _ in range(AT_ONCE) if (line := stream.readline(_LONGEST))]:
                    said = [json.loads(line) for line in lines]
                    rows = [row_of(each) for each in said]
                    if tokens is not None:
                        both = zip(rows, said, strict=True)
                        rows = [replace(row, tokens=tokens.take(each["tokens"])) for row, each in both]
                    vectors = np.array(self._vectors[done : done + len(rows)], np.float32)
                    if len(vectors) < len(rows):
                        raise ValueError
                    done += len(rows)
                    yield rows, vectors
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise damaged(self._table, f"line {done + 1} or one behind it does not read") from error
        if done < len(self._vectors):
            raise damaged(self._table, f"it ends after {done:,} of {len(self._vectors):,} lines")
        if tokens is not None:
            tokens.finish()
