"""Texts about images, from captions files and from photographs themselves."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, literal_column, or_, select

from indexer.catalog.expressions import off_index
from indexer.catalog.items import Items
from indexer.catalog.schema import VANISHED, file, item
from indexer.catalog.statements import has_tokens, has_vector, id_chunks
from indexer.catalog.transaction import Part

_away = file.alias("away")


class Texts(Part):
    """Texts by content."""

    def to_encode(self, encoder_row: int, *, tokens: bool) -> array[int]:
        """Content ids of texts without a vector under the encoder; `tokens`: or without tokens. Ascending.

        All at once, eight bytes each: a walk over all texts that is taken up again for every page would grow with the
        square of their number.
        """
        complete: ColumnElement[bool] = has_vector(item.c.content_id, encoder_row)
        if tokens:
            complete &= has_tokens(item.c.content_id, encoder_row)
        statement = select(item.c.content_id).distinct().where(item.c.kind == "text", ~complete)
        return array("q", sorted(self._read(statement).scalars()))

    def tables_without_images(self) -> list[str]:
        """Paths of the captions files of which a text is about no image, or about one that is gone, in order."""
        unknown = or_(item.c.about.is_(None), item.c.about.in_(_gone()))
        lacking = exists().where(item.c.file_id == file.c.id, unknown)
        which = (file.c.role == "captions", file.c.state == "present", lacking)
        return list(self._read(select(file.c.path).where(*which).order_by(file.c.path)).scalars())

    def telling_of_gone(self, since: int) -> list[str]:
        """Paths of the captions files that tell of images that are gone, in order: in a text that changed after the
        generation `since` (one about an image that goes does), or beside it."""
        changed = item.c.id.in_(
            select(item.c.id).where(item.c.about.in_(_gone()), off_index(item.c.generation) > since)
        )
        texts = select(item.c.file_id).where(changed)
        which = (file.c.role == "captions", file.c.state == "present")
        told = or_(file.c.id.in_(texts), file.c.about.in_(_gone()))
        return list(self._read(select(file.c.path).where(*which, told).order_by(file.c.path)).scalars())

    def uncover_those_of_gone(self) -> None:
        """Let the indexes learn of the texts about images that are gone, which an earlier version hid."""
        about = select(file.c.id).where(file.c.path.in_(_gone()), exists().where(item.c.about == file.c.path))
        Items(self._transaction).touch(self._read(about).scalars().all(), about=True)

    def of_contents(self, content_ids: Sequence[int]) -> list[str]:
        """The texts with these contents, in their order; one that is gone is left out."""
        texts: dict[int, str] = {}
        for chunk in id_chunks(content_ids):
            of_chunk = (item.c.content_id.in_(chunk), off_index(item.c.kind) == "text")
            texts.update(
                (number, text) for number, text in self._read(select(item.c.content_id, item.c.text).where(*of_chunk))
            )
        return [texts[number] for number in content_ids if number in texts]


def _gone() -> Select[Any]:
    """The paths of photographs that are marked as gone. Of an alias: it stands within statements about other files."""
    return select(_away.c.path).where(_away.c.state != literal_column("'present'"), _away.c.state == VANISHED)
