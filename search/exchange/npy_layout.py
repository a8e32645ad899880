"""vectors.npy (n, d) float32, and items.jsonl with one JSON object a line: line i tells of row i. Needs no extra."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from search.exchange.batches import Batch, Row
from search.exchange.npy_file import NpyFile, sync

VECTORS, TABLE = "vectors.npy", "items.jsonl"


class NpyLayout:
    """Follows `Layout`."""

    takes_texts = True

    def __init__(self, folder: Path, dimension: int) -> None:
        self._vectors = NpyFile(folder / VECTORS, dimension)
        self._table = (folder / TABLE).open("x", encoding="ascii", newline="\n")

    def write(self, batch: Batch) -> None:
        """See `Layout`."""
        self._vectors.write(batch.vectors)
        for row in batch.rows:
            self._table.write(json.dumps(row_json(row)) + "\n")

    def finish(self) -> None:
        """See `Layout`."""
        self._vectors.finish()
        sync(self._table)
        self._table.close()

    def close(self) -> None:
        """See `Layout`."""
        self._vectors.close()
        self._table.close()


def row_json(row: Row) -> dict[str, Any]:
    """A row as JSON; what is not known is left out."""
    values = asdict(row) | {"date": None if row.date is None else row.date.isoformat()}
    return {name: value for name, value in values.items() if value is not None and value != ()}
