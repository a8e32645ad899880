"""Which photographs have copies, read once for each state of a store."""

from __future__ import annotations

from collections.abc import Sequence

from indexer.catalog.contents import Contents
from indexer.catalog.transaction import Transaction


class KnownCopies:
    """Of one store. Safe to use from several threads."""

    def __init__(self) -> None:
        self._held: tuple[int, Sequence[int]] = (-1, ())

    def of(self, snapshot: Transaction) -> Sequence[int]:
        """The contents that more than one file holds; those that no search finds may be among them."""
        generation, found = self._held
        if generation != snapshot.generation:
            found = Contents(snapshot).copied()
            self._held = snapshot.generation, found
        return found
