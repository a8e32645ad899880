"""Queries of many clients, answered together: one pass of the encoder, one look into the index.

A query that comes while nothing is worked on begins at once. What comes while others are answered waits for them, and
is answered in one call with all that wait and take the same options. So a single client waits for nobody, and many
share the cost. (Dynamic batching, as servers of models do it.)
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from search.calls.answering import QueryOptions
from search.library import Library
from search.query.query import Query
from search.results import Results

#: Answered in one call: as many as `query_many` reads for at once.
MOST: Final = 64


@dataclass(slots=True)
class _Waiting:
    query: Query
    options: QueryOptions
    answer: asyncio.Future[Results]


class Batcher:
    """For the event loop that runs it; `workers`: calls at once."""

    def __init__(self, library: Library, workers: int = 1) -> None:
        self._library = library
        self._pool = ThreadPoolExecutor(workers, "query")
        self._waiting: deque[_Waiting] = deque()
        self._free = workers
        self._running: set[asyncio.Task[None]] = set()

    async def answer(self, query: Query, options: QueryOptions) -> Results:
        """The answer to one query. Raises what `Library.query` raises."""
        waiting = _Waiting(query, options, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._begin()
        return await waiting.answer

    async def close(self) -> None:
        """Answer what waits, and end the threads."""
        while self._running:
            await asyncio.gather(*self._running)
        self._pool.shutdown()

    def _begin(self) -> None:
        while self._free and self._waiting:
            self._free -= 1
            task = asyncio.create_task(self._work(self._next()))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def _next(self) -> list[_Waiting]:
        """Those that wait with the options of the first, in their order; nobody waits for one who has gone."""
        options = self._waiting[0].options
        taken = [each for each in self._waiting if each.options == options][:MOST]
        for each in taken:
            self._waiting.remove(each)
        return [each for each in taken if not each.answer.cancelled()]

    async def _work(self, some: list[_Waiting]) -> None:
        try:
            if some:
                found = await asyncio.get_running_loop().run_in_executor(self._pool, self._answers, some)
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
        options = some[0].options
        if len(some) == 1:  # to the last bit what the library says
            return [self._library.query(some[0].query, **options)]
        return self._library.query_many([each.query for each in some], **options)


def _give(answer: asyncio.Future[Results], found: Results) -> None:
    if found.error is not None:
        answer.set_exception(found.error)
    else:
        answer.set_result(found)
