"""Roots: the folders that were indexed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import and_, delete, or_, select, update

from indexer.catalog import stored
from indexer.catalog.expressions import upsert
from indexer.catalog.schema import root
from indexer.catalog.statements import bounds
from indexer.catalog.transaction import Part


@dataclass(frozen=True, slots=True)
class Root:
    """An indexed folder; `scanned_at` UTC, ISO 8601, None before the first complete scan.

    `mount`: the mount point under which it lay then; None where no scan has noted it.
    """

    path: str
    ignores: tuple[str, ...]
    scanned_at: str | None
    mount: str | None = None


class Roots(Part):
    """Roots by path."""

    def all(self) -> list[Root]:
        """The indexed folders, by path."""
        rows = self._read(select(root).order_by(root.c.path))
        return [
            Root(row.path, stored.texts(row.ignores, f"the patterns of {row.path}"), row.scanned_at, row.mount)
            for row in rows
        ]

    def add(self, path: str, ignores: Sequence[str] | None) -> None:
        """Record a root; `ignores` None keeps the patterns that it has."""
        statement = upsert(root, ["path"], [] if ignores is None else ["ignores"])
        self._write(statement, {"path": path, "ignores": json.dumps(list(ignores or ()))})

    def finish(self, path: str, mount: str) -> None:
        """Note that a scan of this root was complete, and under which mount point it lay."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._write(update(root).where(root.c.path == path).values(scanned_at=now, mount=mount))

    def delete(self, paths: Sequence[str]) -> None:
        """Delete these roots; what is known of their files stays."""
        for path in paths:
            self._write(delete(root).where(root.c.path == path))

    def delete_below(self, path: str) -> None:
        """Delete the root at `path`, and those below it."""
        low, high = bounds(path)
        self._write(delete(root).where(or_(root.c.path == path, and_(root.c.path > low, root.c.path < high))))
