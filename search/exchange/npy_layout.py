"""vectors.npy (n, d) float32, and items.jsonl with one JSON object a line: line i tells of row i. Needs no extra.

With tokens also tokens.npy (m, width) int8: those of the first line, of the second and so on; `tokens` of a line says
how many of these rows are its own.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from search.exchange.batches import Batch, Row
from search.exchange.npy_file import INT8, NpyFile, sync

VECTORS, TABLE, TOKENS = "vectors.npy", "items.jsonl", "tokens.npy"


class NpyLayout:
    """Follows `Layout`."""

    takes_texts = True

    def __init__(self, folder: Path, dimension: int, token_width: int | None) -> None:
        self._vectors = NpyFile(folder / VECTORS, dimension)
        self._tokens = None if token_width is None else NpyFile(folder / TOKENS, token_width, INT8)
        self._table = (folder / TABLE).open("x", encoding="ascii", newline="\n")

    def write(self, batch: Batch) -> None:
        """See `Layout`."""
        self._vectors.write(batch.vectors)
        for at, row in enumerate(batch.rows):
            own = {} if batch.tokens is None else {"tokens": len(batch.tokens[at])}
            self._table.write(json.dumps(row_json(row) | own) + "\n")
        if self._tokens is not None and batch.tokens:
            self._tokens.write(np.concatenate(batch.tokens))

    def finish(self) -> None:
        """See `Layout`."""
        for each in self._matrices():
            each.finish()
        sync(self._table)
        self._table.close()

    def close(self) -> None:
        """See `Layout`."""
        for each in self._matrices():
            each.close()
        self._table.close()

    def _matrices(self) -> list[NpyFile]:
        return [self._vectors] if self._tokens is None else [self._vectors, self._tokens]


def row_json(row: Row) -> dict[str, Any]:
    """A row as JSON; what is not known is left out."""
    values = asdict(row) | {"date": None if row.date is None else row.date.isoformat()}
    return {name: value for name, value in values.items() if value is not None and value != ()}
