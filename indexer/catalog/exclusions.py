"""Exclusions: files and folders below roots that are to stay out."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, delete, or_, select

from indexer.catalog.expressions import upsert
from indexer.catalog.schema import exclusion
from indexer.catalog.statements import bounds
from indexer.catalog.transaction import Part


class Exclusions(Part):
    """Exclusions by path."""

    def all(self) -> list[str]:
        """The paths, in order."""
        return list(self._read(select(exclusion.c.path).order_by(exclusion.c.path)).scalars())

    def add(self, path: str) -> None:
        """Leave a path out from now on; those below it are covered by it."""
        self.delete_below(path)
        self._write(upsert(exclusion, ["path"], []), {"path": path})

    def lift(self, paths: Sequence[str]) -> None:
        """Let these paths in again."""
        for path in paths:
            self._write(delete(exclusion).where(exclusion.c.path == path))

    def delete_below(self, path: str) -> None:
        """Delete the exclusion of `path`, and those below it."""
        low, high = bounds(path)
        below = and_(exclusion.c.path > low, exclusion.c.path < high)
        self._write(delete(exclusion).where(or_(exclusion.c.path == path, below)))
