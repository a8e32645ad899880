"""Which state the store is in, read once for all requests that ask at the same time."""

from __future__ import annotations

import asyncio

from search.calls.details import StoreState
from search.library import Library


class States:
    """For the event loop that runs it. Who asks while the state is read is told by the next reading, which begins after
    he asked: no answer is older than its question."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._at_work: asyncio.Task[StoreState] | None = None
        self._next: asyncio.Task[StoreState] | None = None

    async def now(self) -> StoreState:
        """Raises StoreMissingError, StoreError."""
        if self._next is None:
            self._next = asyncio.create_task(self._read(self._at_work))
        return await asyncio.shield(self._next)  # one that gives up takes it from nobody

    async def _read(self, before: asyncio.Task[StoreState] | None) -> StoreState:
        if before is not None:
            await asyncio.wait([before])
        self._at_work, self._next = self._next, None
        return await asyncio.to_thread(self._library.state)
