"""The files that a run has in hand, in its transactions, where several write at once (`writers.py`)."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete

from indexer.catalog.schema import claim
from indexer.catalog.statements import chunks
from indexer.catalog.transaction import Part


class Claims(Part):
    """Those of one run."""

    def give_up(self, writer: int, paths: Collection[str]) -> None:
        """Claims of this run: the files are written."""
        for chunk in chunks(sorted(paths)):
            self._write(delete(claim).where(claim.c.path.in_(chunk), claim.c.writer == writer))
