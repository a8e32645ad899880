"""Texts about images, from captions files and from photographs themselves."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from sqlalchemy import ColumnElement, exists, select

from indexer.catalog.schema import file, item
from indexer.catalog.sqlite import off_index
from indexer.catalog.statements import has_tokens, has_vector, id_chunks
from indexer.catalog.transaction import Part


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
        """Paths of the captions files of which a text is about no image, in order."""
        lacking = exists().where(item.c.file_id == file.c.id, item.c.about.is_(None))
        which = (file.c.role == "captions", file.c.state == "present", lacking)
        return list(self._read(select(file.c.path).where(*which).order_by(file.c.path)).scalars())

    def of_contents(self, content_ids: Sequence[int]) -> list[str]:
        """The texts with these contents, in their order; one that is gone is left out."""
        texts: dict[int, str] = {}
        for chunk in id_chunks(content_ids):
            of_chunk = (item.c.content_id.in_(chunk), off_index(item.c.kind) == "text")
            texts.update(
                (number, text) for number, text in self._read(select(item.c.content_id, item.c.text).where(*of_chunk))
            )
        return [texts[number] for number in content_ids if number in texts]
