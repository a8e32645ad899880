"""What belongs to one item: its copies, and the texts that files beside it say of it."""

from __future__ import annotations

from sqlalchemy import select

from indexer.catalog.expressions import off_index
from indexer.catalog.schema import file, item
from indexer.catalog.statements import VISIBLE
from indexer.catalog.transaction import Part


class Neighbours(Part):
    """Of one item; each statement goes by an index."""

    def copies(self, item_id: int, most: int) -> list[tuple[int, str]]:
        """Ids and paths of at most `most` other visible photographs of the same content, by id."""
        own = select(item.c.content_id).where(item.c.id == item_id).scalar_subquery()
        statement = (
            select(item.c.id, file.c.path)
            .join(file, file.c.id == item.c.file_id)
            .where(
                item.c.content_id == own, off_index(item.c.kind) == "image", off_index(item.c.id) != item_id, VISIBLE
            )
            .order_by(item.c.id)
            .limit(most)
        )
        return [(number, path) for number, path in self._read(statement)]

    def captions(self, path: str, most: int) -> list[str]:
        """At most `most` visible texts about the photograph at a path, each once, in the order in which they came."""
        statement = (
            select(item.c.text)
            .join(file, file.c.id == item.c.file_id)
            .where(item.c.about == path, off_index(item.c.kind) == "text", VISIBLE)
            .order_by(item.c.id)
            .limit(most)
        )
        return list(dict.fromkeys(text for text in self._read(statement).scalars() if text))
