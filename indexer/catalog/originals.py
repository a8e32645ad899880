"""Where the photograph of an item lies and which content it has: for what shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from indexer.catalog.files import Files
from indexer.catalog.possible import is_possible
from indexer.catalog.schema import HIDDEN, content, file, item
from indexer.catalog.statements import VISIBLE, chunks
from indexer.catalog.transaction import Part


@dataclass(frozen=True, slots=True)
class Original:
    """`digest`: SHA-256 of the photograph that was indexed; `paths`: where it lies, that of the item first, then those
    of its copies."""

    digest: bytes
    paths: tuple[str, ...]


class Originals(Part):
    """Photographs as files."""

    def of_item(self, number: int) -> Original | None:
        """The photograph that an item is, or of a text the one that it is about; None where there is none, or the item
        cannot be found."""
        known = select(item.c.kind, item.c.about, file.c.path).join(file, file.c.id == item.c.file_id)
        row = self._read(known.where(item.c.id == number, VISIBLE, is_possible(item), is_possible(file))).first()
        if row is None or (row.kind == "text" and row.about is None):
            return None
        path = row.about if row.kind == "text" else row.path
        held = select(content.c.id, content.c.digest).join(file, file.c.content_id == content.c.id)
        there = (file.c.path == path, file.c.state == "present", is_possible(content), is_possible(file))
        found = self._read(held.where(*there)).first()
        if found is None:
            return None
        others = Files(self._transaction).paths_of([found.id]).get(found.id, [])
        return Original(bytes(found.digest), tuple(dict.fromkeys([path, *others])))

    def held(self, digests: Sequence[bytes]) -> set[bytes]:
        """Those of `digests` of which a photograph is recorded that is not gone, left out or forgotten; its drive may
        be out of reach."""
        found: set[bytes] = set()
        for chunk in chunks(digests):
            statement = select(content.c.digest).join(file, file.c.content_id == content.c.id)
            there = (content.c.digest.in_(chunk), content.c.kind == "image", file.c.state.not_in(HIDDEN))
            found.update(self._read(statement.where(*there)).scalars())
        return found

    def all(self, after: int, limit: int) -> list[tuple[int, Original]]:
        """The next photographs by the id of their content, each with the files that hold it and are there."""
        held = select(content.c.id, content.c.digest).where(
            content.c.id > after, content.c.kind == "image", is_possible(content)
        )
        rows = self._read(held.order_by(content.c.id).limit(limit)).all()
        paths = Files(self._transaction).paths_of([row.id for row in rows])
        return [(row.id, Original(bytes(row.digest), tuple(paths.get(row.id, ())))) for row in rows]
