"""Files that are read and decoded in threads, some ahead of whoever takes them, in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from indexer.errors import SearchError
from indexer.pipeline.values import Failed
from indexer.types import Candidate

T = TypeVar("T")


def read_ahead(
    candidates: Iterable[Candidate], read: Callable[[Candidate], T], *, workers: int, ahead: int
) -> Iterator[T | Failed]:
    """What `read` makes of each candidate, in their order, with up to `ahead` of them under way in `workers` threads.

    What it raises is that file's failure. Raises SearchError for what is not a file's fault: a store that does not
    answer.
    """
    waiting: deque[tuple[Candidate, Future[T]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
    try:
        for candidate in candidates:
            waiting.append((candidate, pool.submit(read, candidate)))
            if len(waiting) >= ahead:
                yield settled(waiting[0][0], waiting.popleft()[1].result)
        while waiting:
            yield settled(waiting[0][0], waiting.popleft()[1].result)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def settled(candidate: Candidate, read: Callable[[], T]) -> T | Failed:
    """What `read` returns, or why this file failed. Raises SearchError for what is not the file's fault."""
    try:
        return read()
    except MemoryError:
        return Failed(candidate, "it needs more memory than there is", passing=True)
    except SearchError:
        raise
    except Exception as error:
        return Failed.unexpected(candidate, error)
