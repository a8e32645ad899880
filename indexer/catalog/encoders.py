"""Encoders in the catalog: whose vectors are here, and which one answers queries."""

from __future__ import annotations

from sqlalchemy import delete, select, update

from indexer.catalog import stored
from indexer.catalog.expressions import upsert
from indexer.catalog.meta import ENCODER, FORMER, Meta
from indexer.catalog.schema import encoder, item
from indexer.catalog.tokens import SHAPE
from indexer.catalog.transaction import Part
from indexer.encoders.base import EncoderId
from indexer.errors import StoreDamagedError, StoreMissingError


class Encoders(Part):
    """Encoders by their row ids."""

    def required(self) -> tuple[int, EncoderId]:
        """As `active`. Raises StoreMissingError before anything was encoded."""
        active = self.active()
        if active is None:
            raise StoreMissingError("This index is empty; fill it with `index(FOLDER)`.")
        return active

    def active(self) -> tuple[int, EncoderId] | None:
        """Row id and identity of the encoder that answers queries; None before anything was encoded.

        Raises StoreDamagedError for a record that does not read.
        """
        key = Meta(self._transaction).get(ENCODER)
        if key is None:
            return None
        found = self._at(key)
        if found is None:
            raise StoreDamagedError("The catalog names an encoder that it does not hold; run `repair()`.")
        return found

    def former(self) -> tuple[int, EncoderId] | None:
        """Row id and identity of the encoder that answered before the active one, whose vectors are kept; None where
        there was none, or they were let go."""
        key = Meta(self._transaction).get(FORMER)
        return None if key is None else self._at(key)

    def _at(self, key: str) -> tuple[int, EncoderId] | None:
        row = stored.whole_number(key)
        found = None if row is None else self._read(select(encoder.c.identity).where(encoder.c.id == row)).first()
        return None if row is None or found is None else (row, stored.encoder_id(found.identity))

    def add(self, identity: EncoderId) -> int:
        """Row id of an encoder, recorded when it is new."""
        text = identity.to_json()
        self._write(upsert(encoder, ["identity"]), {"identity": text})
        return int(self._read(select(encoder.c.id).where(encoder.c.identity == text)).scalar_one())

    def activate(self, encoder_row: int) -> None:
        """Let this encoder answer queries. The vectors and tokens of the one that did are kept, so that it can answer
        again; those of every other one go."""
        meta = Meta(self._transaction)
        answered = stored.whole_number(meta.get(ENCODER))
        if answered is not None and answered != encoder_row:
            meta.set(FORMER, str(answered))
        kept = {encoder_row, stored.whole_number(meta.get(FORMER))} - {None}
        meta.set(ENCODER, str(encoder_row))
        for row in self._read(select(encoder.c.id).where(encoder.c.id.not_in(kept))).scalars().all():
            self.delete(row)
        self._write(update(item).values(generation=self._transaction.generation))

    def delete(self, encoder_row: int) -> None:
        """Delete an encoder that does not answer, with its vectors and tokens."""
        self._write(delete(encoder).where(encoder.c.id == encoder_row))  # vectors and tokens go with it
        meta = Meta(self._transaction)
        meta.delete(f"{SHAPE}{encoder_row}")
        if meta.get(FORMER) == str(encoder_row):
            meta.delete(FORMER)
