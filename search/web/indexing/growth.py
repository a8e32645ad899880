"""Whether the store grows: one watcher for all who listen, and none while nobody does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from indexer.errors import SearchError
from search.web.indexing.collections import Size
from search.web.problems import ProblemError


class Growth:
    """For one event loop. `size`: reads the store, in a thread; `every`: seconds between two looks."""

    def __init__(self, size: Callable[[], Size], most: int, every: float = 1.0) -> None:
        self._read = size
        self._most = most
        self._every = every
        self._listeners = 0
        self._watcher: asyncio.Task[None] | None = None
        #: How large the store was at the last look; None where it could not be read.
        self.size: Size | None = None

    def check_room(self) -> None:
        """Raises ProblemError where too many listen."""
        if self._listeners >= self._most:
            raise ProblemError(
                503,
                "too-many-listeners",
                f"{self._most} follow the indexing already; try again, or ask /indexing now and then.",
                {"Retry-After": "10"},
            )

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Meanwhile `size` is kept up to date."""
        self._listeners += 1
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            self._listeners -= 1
            if not self._listeners and self._watcher is not None:
                self._watcher.cancel()
                self._watcher = None

    async def _watch(self) -> None:
        while True:
            with suppress(SearchError):  # a store that is missing or being replaced; who asks it is told
                self.size = await asyncio.to_thread(self._read)
            await asyncio.sleep(self._every)
