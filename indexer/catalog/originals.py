"""Where the photograph of an item lies and which content it has: for what shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import and_, bindparam, select

from indexer.catalog.files import Files
from indexer.catalog.possible import is_possible
from indexer.catalog.schema import HIDDEN, content, file, item
from indexer.catalog.statements import VISIBLE, chunks
from indexer.catalog.transaction import Part

#: Made once: a page asks for hundreds of photographs at once, and to put a statement together takes longer than to
#: answer it.
_WITH_CONTENT: Final = and_(is_possible(content), is_possible(file))
_ITEM: Final = (
    select(item.c.kind, item.c.about, file.c.path, item.c.content_id, content.c.digest)
    .join(file, file.c.id == item.c.file_id)
    .join(content, content.c.id == item.c.content_id)
    .where(item.c.id == bindparam("number"), VISIBLE, is_possible(item), _WITH_CONTENT)
)
_AT: Final = (
    select(file.c.path, file.c.content_id, content.c.digest)
    .join(content, content.c.id == file.c.content_id)
    .where(file.c.path == bindparam("path"), file.c.state == "present", _WITH_CONTENT)
)
_HOLDING: Final = (
    select(file.c.path, file.c.size)
    .where(file.c.content_id == bindparam("content_id"), file.c.state == "present", is_possible(file))
    .order_by(file.c.id)
)


@dataclass(frozen=True, slots=True)
class Original:
    """`digest`: SHA-256 of the photograph that was indexed; `paths`: where it lies, that of the item first, then those
    of its copies; `size`: its bytes, where that is known."""

    digest: bytes
    paths: tuple[str, ...]
    size: int | None = None


class Originals(Part):
    """Photographs as files."""

    def of_item(self, number: int) -> Original | None:
        """The photograph that an item is, or of a text the one that it is about; None where there is none, or the item
        cannot be found."""
        found = self._read(_ITEM, {"number": number}).first()
        if found is None:
            return None
        if found.kind == "image":
            return self._with_copies(found.path, found.content_id, found.digest)
        told = None if found.about is None else self._read(_AT, {"path": found.about}).first()
        return None if told is None else self._with_copies(told.path, told.content_id, told.digest)

    def _with_copies(self, path: str, content_id: int, digest: bytes) -> Original:
        others = self._read(_HOLDING, {"content_id": content_id}).all()
        size = others[0].size if others else None
        return Original(bytes(digest), tuple(dict.fromkeys([path, *(each.path for each in others)])), size)

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
