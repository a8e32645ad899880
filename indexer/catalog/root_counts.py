"""How many items lie below each root."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select

from indexer.catalog.expressions import off_index
from indexer.catalog.schema import file, item, root
from indexer.catalog.statements import VISIBLE, bounds
from indexer.catalog.transaction import Part
from indexer.types import Kind


@dataclass(frozen=True, slots=True)
class RootCount:
    """A root by its number and path, with the visible images and texts below it; what lies in a root inside of it
    counts for both. `photographs`: the images without copies of one another. `scanned_at`, `mount`: as `Root` has
    them."""

    id: int
    path: str
    images: int
    photographs: int
    texts: int
    scanned_at: str | None
    mount: str | None


class RootCounts(Part):
    """Roots with what they hold."""

    def all(self) -> list[RootCount]:
        """By path."""
        rows = self._read(select(root).order_by(root.c.path)).all()
        return [
            RootCount(
                row.id,
                row.path,
                *self._count(row.path, "image"),
                self._count(row.path, "text")[0],
                row.scanned_at,
                row.mount,
            )
            for row in rows
        ]

    def images_below(self, path: str) -> int:
        """How many visible images lie at or below a path, a root or not."""
        return self._count(path, "image")[0]

    def _count(self, path: str, kind: Kind) -> tuple[int, int]:
        """Items, and contents."""
        low, high = bounds(path)
        below: ColumnElement[bool] = or_(file.c.path == path, (file.c.path > low) & (file.c.path < high))
        counts = (func.count(), func.count(item.c.content_id.distinct()))
        statement = select(*counts).select_from(item).join(file, file.c.id == item.c.file_id)
        items, contents = self._read(statement.where(below, off_index(item.c.kind) == kind, VISIBLE)).one()
        return items, contents
