"""Contents whose vectors of one encoder can become those of another: who has the one and not yet the other."""

from __future__ import annotations

from sqlalchemy import select

from indexer.catalog import stored
from indexer.catalog.schema import content, encoder, vector
from indexer.catalog.statements import has_vector
from indexer.catalog.transaction import Part
from indexer.encoders.base import EncoderId


class Carried(Part):
    """Row ids of encoders and contents; the vectors themselves are read and written as all are."""

    def row_of(self, identity: EncoderId) -> int | None:
        """The encoder of which vectors are here that compare with those of `identity`; None where there is none."""
        for number, text in self._read(select(encoder.c.id, encoder.c.identity).order_by(encoder.c.id)):
            if stored.encoder_id(text).matches(identity):
                return int(number)
        return None

    def lacking(self, base_row: int, encoder_row: int, after: int, limit: int) -> list[tuple[int, str]]:
        """(content id, its kind) of contents above `after` that have a vector of `base_row` and none of
        `encoder_row`, ascending."""
        own = vector.alias()
        statement = (
            select(content.c.id, content.c.kind)
            .join(own, own.c.content_id == content.c.id)
            .where(own.c.encoder_id == base_row, content.c.id > after, ~has_vector(content.c.id, encoder_row))
            .order_by(content.c.id)
            .limit(limit)
        )
        return [(int(number), str(kind)) for number, kind in self._read(statement)]
