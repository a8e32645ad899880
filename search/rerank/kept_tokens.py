"""Tokens that queries have asked for lately, in memory: what is found once is found again."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from indexer.types import Int8

#: Bytes of all that is kept: 15,000 photographs of the model that ships.
MOST_BYTES: Final = 48_000_000


class State(NamedTuple):
    """The id of a store, the generation of its catalog, and the encoder's row there: tokens of an item are the same as
    long as all three are."""

    store: str
    generation: int
    encoder_row: int


class KeptTokens:
    """Of one state. Safe to use from several threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._of: State | None = None
        self._kept: dict[int, Int8] = {}  # what was asked for last stands at the end
        self._lock = threading.Lock()

    def get(self, state: State, ids: Iterable[int]) -> dict[int, Int8]:
        """Those of items (t, w) int8, by id, that are kept of this state."""
        with self._lock:
            if self._of != state:
                return {}
            found = {number: self._kept.pop(number) for number in ids if number in self._kept}
            self._kept |= found
            return found

    def keep(self, state: State, tokens: Mapping[int, Int8]) -> None:
        """Keep those of items, read in this state. What was kept of another goes, and else what was not asked for the
        longest."""
        with self._lock:
            if self._of != state:
                self._of, self._bytes = state, 0
                self._kept.clear()
            for number, own in tokens.items():
                before = self._kept.pop(number, None)
                self._bytes += own.nbytes - (0 if before is None else before.nbytes)
                self._kept[number] = own
            while self._bytes > self._most_bytes:
                self._bytes -= self._kept.pop(next(iter(self._kept))).nbytes
