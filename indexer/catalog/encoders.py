"""Encoders in the catalog: whose vectors are here, and which one answers queries."""

from __future__ import annotations

from sqlalchemy import delete, select, update

from indexer.catalog import stored
from indexer.catalog.meta import ENCODER, Meta
from indexer.catalog.schema import encoder, item
from indexer.catalog.sqlite import upsert
from indexer.catalog.tokens import Tokens
from indexer.catalog.transaction import Part
from indexer.catalog.vectors import Vectors
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
        row = stored.whole_number(key)
        found = None if row is None else self._read(select(encoder.c.identity).where(encoder.c.id == row)).first()
        if row is None or found is None:
            raise StoreDamagedError("The catalog names an encoder that it does not hold; run `repair()`.")
        return row, stored.encoder_id(found.identity)

    def add(self, identity: EncoderId) -> int:
        """Row id of an encoder, recorded when it is new."""
        text = identity.to_json()
        self._write(upsert(encoder, ["identity"]), {"identity": text})
        return int(self._read(select(encoder.c.id).where(encoder.c.identity == text)).scalar_one())

    def activate(self, encoder_row: int) -> None:
        """Let this encoder answer queries, and drop the vectors and tokens of every other one."""
        Meta(self._transaction).set(ENCODER, str(encoder_row))
        Vectors(self._transaction).delete_others(encoder_row)
        Tokens(self._transaction).delete_others(encoder_row)
        self._write(delete(encoder).where(encoder.c.id != encoder_row))
        self._write(update(item).values(generation=self._transaction.generation))
