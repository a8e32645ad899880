"""Roots: the folders that were indexed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import and_, delete, or_, select, update

from indexer.catalog.schema import root
from indexer.catalog.sqlite import upsert
from indexer.catalog.statements import bounds
from indexer.catalog.transaction import Part


@dataclass(frozen=True, slots=True)
class Root:
    """An indexed folder; `scanned_at` UTC, ISO 8601, None before the first complete scan."""

    path: str
    ignores: tuple[str, ...]
    scanned_at: str | None


class Roots(Part):
    """Roots by path."""

    def all(self) -> list[Root]:
        """The indexed folders, by path."""
        rows = self._read(select(root).order_by(root.c.path))
        return [Root(row.path, tuple(json.loads(row.ignores)), row.scanned_at) for row in rows]

    def add(self, path: str, ignores: Sequence[str] | None) -> None:
        """Record a root; `ignores` None keeps the patterns that it has."""
        statement = upsert(root, ["path"], [] if ignores is None else ["ignores"])
        self._write(statement, {"path": path, "ignores": json.dumps(list(ignores or ()))})

    def finish(self, path: str) -> None:
        """Note that a scan of this root was complete."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._write(update(root).where(root.c.path == path).values(scanned_at=now))

    def delete_below(self, path: str) -> None:
        """Delete the root at `path`, and those below it."""
        low, high = bounds(path)
        self._write(delete(root).where(or_(root.c.path == path, and_(root.c.path > low, root.c.path < high))))
