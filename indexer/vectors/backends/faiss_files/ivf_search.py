"""One search of an inverted file: its lists shared between the cores, wide filters applied to what was found.

FAISS scans the lists of one query on one thread, or starts OpenMP's, which wait for each other in a loop and so cost
milliseconds where other work holds the cores. Here each thread scans lists of its own and keeps the best of them.

Asking a filter about each vector before it is scored costs FAISS more than the score (its kernels take several vectors
at once): a filter that keeps a half doubles the time and more. So a filter that keeps much looks at the best of all
vectors instead; the first that pass are the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import faiss as _faiss
import numpy as np

from indexer.settings import thread_count
from indexer.types import Float32, Int64
from indexer.vectors.backends.faiss_files.ivf_training import threads
from indexer.vectors.backends.faiss_files.selector import Selector

faiss: Any = _faiss  # typed loosely: its stubs differ between versions, and from what its Python layer takes

#: Takes the numbers (q, lists) int64 of lists, -1 for none. Raises StoreDamagedError.
CheckLists = Callable[[Int64], None]

#: Fewer bytes are scanned (1 ms) before a thread has begun.
SHARED_FROM: Final = 8_000_000
#: A filter that keeps at least this share is applied to what was found, of which so many times more are fetched.
AFTERWARDS_FROM: Final = 0.2
AFTERWARDS_SPARE: Final = 1.5
#: The most that is fetched for it: beyond, keeping the best costs more than the filter.
AFTERWARDS_MOST: Final = 1_000


def search_lists(
    core: Any, queries: Float32, fetch: int, lists: int, selector: Selector, check: CheckLists | None = None
) -> tuple[Float32, Int64]:
    """The best `fetch` of what may be returned and lies in the `lists` nearest to each of `queries` (q, d), best first.

    `core`: an `IndexIVF`; `check` is told which lists are looked into, before they are. Scores and positions (q,
    fetch); the position is -1 where there are fewer. Which of equal scores are among them is open.
    """
    more = min(core.ntotal, math.ceil(AFTERWARDS_SPARE * fetch / selector.share))
    if selector.mask is not None and selector.share >= AFTERWARDS_FROM and more <= AFTERWARDS_MOST:
        scores, positions = _search(core, queries, more, lists, None, check)
        passes = selector.mask[positions] & (positions >= 0)
        if bool(((passes.sum(axis=1) >= fetch) | (positions[:, -1] < 0)).all()):
            return _first(scores, positions, passes, fetch)
    return _search(core, queries, fetch, lists, selector.bitmap(), check)


def _first(
    scores: Float32, positions: Int64, passes: np.ndarray[Any, np.dtype[np.bool_]], fetch: int
) -> tuple[Float32, Int64]:
    """The first `fetch` of each row (q, m) where `passes`."""
    order = np.argsort(~passes, axis=1, kind="stable")[:, :fetch]  # (q, fetch)
    passed = np.take_along_axis(passes, order, axis=1)
    return (
        np.where(passed, np.take_along_axis(scores, order, axis=1), np.float32(-np.inf)),
        np.where(passed, np.take_along_axis(positions, order, axis=1), -1),
    )


def _search(
    core: Any, queries: Float32, fetch: int, lists: int, selector: Any, check: CheckLists | None
) -> tuple[Float32, Int64]:
    """As `search_lists`, with FAISS' form of a filter."""
    lists = min(lists, core.nlist)
    scanned = core.ntotal * core.code_size * lists // core.nlist  # bytes
    parts = min(thread_count(), lists, max(1, scanned // SHARED_FROM)) if len(queries) == 1 else 1
    near, numbers = core.quantizer.search(queries, lists)  # (q, lists): scores of the cells, and which they are
    if check is not None:
        check(numbers)
    if parts == 1:
        return _scan(core, queries, fetch, near, numbers, selector)
    with ThreadPoolExecutor(parts - 1, "search-lists") as pool:
        others = [
            pool.submit(_scan_alone, core, queries, fetch, near[:, part::parts], numbers[:, part::parts], selector)
            for part in range(1, parts)
        ]
        results = [_scan_alone(core, queries, fetch, near[:, ::parts], numbers[:, ::parts], selector)]
        results += [each.result() for each in others]
    scores = np.concatenate([each for each, _ in results], axis=1)  # (1, parts * fetch)
    positions = np.concatenate([each for _, each in results], axis=1)
    best = np.argsort(-scores[0], kind="stable")[:fetch]
    return scores[:, best], positions[:, best]


def _scan(
    core: Any, queries: Float32, fetch: int, near: Float32, numbers: Int64, selector: Any
) -> tuple[Float32, Int64]:
    """The best `fetch` of the lists `numbers` (q, lists), whose cells have the scores `near`."""
    near, numbers = np.ascontiguousarray(near), np.ascontiguousarray(numbers)
    scores = np.empty((len(queries), fetch), np.float32)
    positions = np.empty((len(queries), fetch), np.int64)
    pointers = [faiss.swig_ptr(each) for each in (numbers, near, scores, positions)]
    parameters = faiss.SearchParametersIVF(nprobe=numbers.shape[1], sel=selector)
    core.search_preassigned_c(len(queries), faiss.swig_ptr(queries), fetch, *pointers, False, parameters)
    return scores, positions


def _scan_alone(*arguments: Any) -> tuple[Float32, Int64]:
    """`_scan` in this thread alone: how many OpenMP takes is a setting of each thread."""
    with threads(1):
        return _scan(*arguments)
