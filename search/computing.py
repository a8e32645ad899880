"""On which cores a query computes: its own thread, and those that nobody else is asking for.

NumPy's BLAS would share each product of matrices among all cores. Two queries at once, or a busy machine, then wait for
each other's shares: 100 candidates took 330 ms instead of 40 to rerank on two cores with other work
(`tests/benchmarks/bench_threads.py`). So products are computed by the thread that asks, and a query that is alone gives
whole parts of its work to other threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

from indexer import forking
from indexer.settings import thread_count
from search.blas import BlasThreads

P = TypeVar("P")
R = TypeVar("R")


class _Cores:
    """What this process is computing queries with. `active`: queries that are being answered."""

    def __init__(self) -> None:
        self.active = 0
        self._lock = forking.lock()
        self._blas: BlasThreads | None = None
        self._before: int | None = None
        self._pool: ThreadPoolExecutor | None = None
        forking.register(self)

    def enter(self) -> None:
        with self._lock:
            self.active += 1
            if self.active == 1:
                if self._blas is None:
                    self._blas = BlasThreads()
                self._before = self._blas.get()
                self._blas.set(1)

    def leave(self) -> None:
        with self._lock:
            self.active -= 1
            if not self.active and self._blas is not None:
                self._blas.set(self._before)

    def pool(self, helpers: int) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(helpers, "query")
            return self._pool

    def before_fork(self) -> None:
        """Nothing: a thread of the pool that computes goes on."""

    def after_fork(self) -> None:
        """The threads did not come along, and nor did the queries of other threads."""
        self._pool = None
        if self.active and self._blas is not None:
            self.active = 0
            self._blas.set(self._before)


_cores = _Cores()


@contextmanager
def own_thread() -> Iterator[None]:
    """Inside, products of matrices are computed by the threads that ask for them. Also a decorator: `@own_thread()`.

    The number of BLAS's threads is one of the process; it is set back when nobody is inside any more.
    """
    _cores.enter()
    try:
        yield
    finally:
        _cores.leave()


def map_parts(function: Callable[[P], R], parts: Sequence[P], done: Callable[[], None] = lambda: None) -> list[R]:
    """`function` of each part, in their order; at the same time on other cores, where this is the only query.

    Which thread computes a part changes none of its bits. `done` is called after each, by the thread that asks. What it
    and `function` raise ends all: no part is computed any more when this raises.
    """
    helpers = thread_count() - 1
    found: list[R] = []
    if len(parts) < 2 or helpers < 1 or _cores.active > 1:
        for part in parts:
            found.append(function(part))
            done()
        return found
    pool = _cores.pool(helpers)
    others = [pool.submit(function, part) for part in parts[1:]]
    own: list[R] = []  # of the last parts, the last one first: the others begin with the first
    try:
        found.append(function(parts[0]))
        done()
        while len(own) < len(others) and others[-1 - len(own)].cancel():  # what no thread has begun
            own.append(function(parts[-1 - len(own)]))
            done()
        for future in others[: len(others) - len(own)]:
            found.append(future.result())
            done()
    except BaseException:
        wait([future for future in others if not future.cancel()])
        raise
    return found + own[::-1]
