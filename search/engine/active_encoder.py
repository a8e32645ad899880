"""The encoder that a store was made with, read once for each state of its catalog."""

from __future__ import annotations

from indexer.catalog.encoders import Encoders
from indexer.catalog.transaction import Transaction
from indexer.encoders.base import EncoderId
from indexer.store import Store


class ActiveEncoder:
    """Asked by each call, by each index that is opened and by each answer. Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: tuple[int, tuple[int, EncoderId] | None] = (-1, None)  # by the generation

    def now(self) -> EncoderId | None:
        """Its identity; None before anything was encoded. Raises StoreDamagedError."""
        with self._store.catalog.snapshot() as snapshot:
            active = self.of(snapshot)
        return None if active is None else active[1]

    def of(self, snapshot: Transaction) -> tuple[int, EncoderId] | None:
        """As `Encoders.active`: another encoder comes with another generation."""
        generation, active = self._seen
        if generation != snapshot.generation:
            active = Encoders(snapshot).active()
            self._seen = snapshot.generation, active
        return active

    def required(self, snapshot: Transaction) -> tuple[int, EncoderId]:
        """The same. Raises StoreMissingError before anything was encoded."""
        return self.of(snapshot) or Encoders(snapshot).required()
