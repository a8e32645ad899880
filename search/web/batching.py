"""Queries of many clients, answered together: one pass of the encoder, one look into the index.

A query that comes while nothing is worked on begins at once. What comes while others are answered waits for them, and
is answered in one call with all that wait and take the same options. After a call that answered several, as many are
waited for, as long as they come one after the other (`PATIENCE`): their clients ask again, and the first of them is not
to go alone. So a single client waits for nobody, and many share the cost. (Dynamic batching, as model servers do it.)
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from search.calls.query_options import QueryOptions
from search.library import Library
from search.query.query import Query
from search.results import Results

#: Answered in one call: as many as `query_many` reads for at once.
MOST: Final = 64
#: Seconds that are waited for the next of as many as before, and for all of them.
PATIENCE: Final = 0.03
MOST_PATIENCE: Final = 0.1


@dataclass(slots=True, eq=False)
class _Waiting:
    """`alone`: it shares a call with no other: it goes on behind a cursor, or its options name items."""

    query: Query
    options: QueryOptions
    after: str | None
    answer: asyncio.Future[Results]

    @property
    def alone(self) -> bool:
        return self.after is not None or self.options.get("parameters") is not None

    def joins(self, other: _Waiting) -> bool:
        """Whether one call can answer both."""
        return self is other or not (self.alone or other.alone or self.options != other.options)


class Batcher:
    """For the event loop that runs it; `workers`: calls at once. `answered` is told of each call how many queries it
    answered, in how many seconds."""

    def __init__(
        self, library: Library, workers: int = 1, answered: Callable[[int, float], None] = lambda *_: None
    ) -> None:
        self._library = library
        self._told = answered
        self._pool = ThreadPoolExecutor(workers, "query")
        self._waiting: deque[_Waiting] = deque()
        self._free = workers
        self._running: set[asyncio.Task[None]] = set()
        self._before = 1  # queries of the last call
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0  # of the timer, in the loop's time

    async def answer(
        self, query: Query, options: QueryOptions, after: str | None = None, patience: float | None = None
    ) -> Results:
        """The answer to one query; `after`: the cursor of the page before; `patience`: seconds that it waits for
        others. Raises what `Library.query` raises, and TimeoutError for one that waited longer."""
        waiting = _Waiting(query, options, after, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._begin()
        try:
            if patience is not None and waiting in self._waiting:
                await asyncio.wait([waiting.answer], timeout=patience)
                if waiting in self._waiting:
                    waiting.answer.cancel()
                    raise TimeoutError
            return await waiting.answer
        finally:
            self._begin()  # the patience with its client begins when it is told

    async def close(self) -> None:
        """Answer what waits, and end the threads."""
        self._now()
        while self._running:
            await asyncio.gather(*self._running)
        self._pool.shutdown()

    def _begin(self) -> None:
        if len(self._waiting) >= self._before:
            self._now()
        elif self._free and self._waiting:
            loop = asyncio.get_running_loop()
            if self._timer is None:
                self._deadline = loop.time() + MOST_PATIENCE
            else:
                self._timer.cancel()
            self._timer = loop.call_at(min(loop.time() + PATIENCE, self._deadline), self._now)

    def _now(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._free and (some := self._next()):
            self._free -= 1
            self._before = len(some)
            task = asyncio.create_task(self._work(some))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def _next(self) -> list[_Waiting]:
        """The first that waits, and those that one call can answer with it, in their order; nobody waits for one who
        has gone."""
        while self._waiting and self._waiting[0].answer.done():
            self._waiting.popleft()
        if not self._waiting:
            return []
        first = self._waiting[0]
        taken: list[_Waiting] = []
        left: deque[_Waiting] = deque()
        for each in self._waiting:
            if each.answer.done():
                continue
            (taken if len(taken) < MOST and each.joins(first) else left).append(each)
        self._waiting = left
        return taken

    async def _work(self, some: list[_Waiting]) -> None:
        try:
            started = time.monotonic()
            found = await asyncio.get_running_loop().run_in_executor(self._pool, self._answers, some)
            self._told(len(some), time.monotonic() - started)
            for each, one in zip(some, found, strict=True):
                if not each.answer.done():
                    _give(each.answer, one)
        except Exception as error:
            for each in some:
                if not each.answer.done():
                    each.answer.set_exception(error)
        finally:
            self._free += 1
            self._begin()

    def _answers(self, some: list[_Waiting]) -> list[Results]:
        first = some[0]
        if len(some) == 1:  # to the last bit what the library says
            return [self._library.query(first.query, after=first.after, **first.options)]
        return self._library.query_many([each.query for each in some], **first.options)


def _give(answer: asyncio.Future[Results], found: Results) -> None:
    if found.error is not None:
        answer.set_exception(found.error)
    else:
        answer.set_result(found)
