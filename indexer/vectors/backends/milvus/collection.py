"""One collection of ids and vectors, searched by Milvus. Implements the `Engine` of `ServerIndex`.

Filters are expressions, `id in [...]`, in pieces of bounded length: each piece is a search of its own, and the best of
all are kept. Nothing changes in a collection once it is an index, so that no search waits for what came last
("Eventually"; to be told of everything took 0.2 s a call).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from indexer.types import Float32, Int64
from indexer.vectors.backends.milvus.client import SEARCH, MilvusServer
from indexer.vectors.backends.milvus.types import TYPES
from indexer.vectors.backends.servers.allowed import Allowed
from indexer.vectors.base import IndexType
from indexer.vectors.exact import best, nothing, row_scores

#: The most that Milvus gives of one search.
FETCH_MOST: Final = 16_384
#: Ids in one expression: 200 kB of text.
PIECE: Final = 10_000
#: Rows of one answer, as bytes, and at most.
PAGE_BYTES, PAGE_MOST = 8_000_000, 8_192
#: Places in one answer: queries times what is fetched for each.
PLACES: Final = 200_000
EVENTUALLY: Final = "Eventually"


class Collection:
    """`built`: the type of index that Milvus has for it. `beyond`: no id is as high."""

    place = None  # no catalog lies in Milvus
    fetch_most = FETCH_MOST
    #: They are read to be compared here: 10,000 took 1.1 s. Milvus itself compares where a filter leaves a small share.
    scan_count, scan_share = 500, 0.0

    def __init__(self, server: MilvusServer, name: str, dimension: int, built: IndexType, beyond: int) -> None:
        self._server, self._name, self._dimension = server, name, dimension
        self._built, self._beyond = built, beyond

    def nearest(self, queries: Float32, count: int, width: int, allowed: Allowed) -> tuple[Float32, Int64]:
        """See `Engine.nearest`."""
        known = TYPES[self._built].width
        parameters = {known: max(width, count) if known == "ef" else width} if known else {}
        scores, ids = nothing(len(queries), count)
        at_once = max(1, PLACES // count)
        pieces = expressions(allowed)
        for start in range(0, len(queries), at_once):
            some = slice(start, start + at_once)
            for expression in pieces:
                found = self._searched(queries[some], count, expression, parameters)
                if len(pieces) == 1:
                    scores[some], ids[some] = found
                else:
                    scores[some], ids[some] = _better((scores[some], ids[some]), found)
        return scores, ids

    def compared(self, queries: Float32, count: int, allowed: Allowed) -> tuple[Float32, Int64]:
        """See `Engine.compared`. Milvus compares where it has no index; else the rows are read, and compared here."""
        out_scores, out_ids = nothing(len(queries), count)
        found = None
        if self._built == "flat" and not allowed.is_few(self.scan_count, self.scan_share):
            found = self._scanned(queries, count, allowed)
        if found is not None:
            for row, (scores, ids) in enumerate(zip(*found, strict=True)):
                out_scores[row], out_ids[row] = best(scores, ids, count)  # (k,): more was fetched
            return out_scores, out_ids
        for ids, vectors in self._allowed_rows(allowed):
            for row, query in enumerate(queries):
                both = np.concatenate([out_scores[row], row_scores(vectors, query)])
                first, kept = best(both, np.concatenate([out_ids[row], ids]), count)
                out_scores[row, : len(first)], out_ids[row, : len(first)] = first, kept
        return out_scores, out_ids

    def ids(self) -> Int64:
        """See `Engine.ids`."""
        pages = [np.array([row["id"] for row in rows], np.int64) for rows in self._pages("", ["id"])]
        return np.sort(np.concatenate([np.empty(0, np.int64), *pages]))

    def rows(self) -> Iterator[tuple[Int64, Float32]]:
        """All rows, some at a time. Raises StoreError."""
        return self._rows("")

    def _scanned(self, queries: Float32, count: int, allowed: Allowed) -> tuple[Float32, Int64] | None:
        """What Milvus finds without an index, with all that are equal to the last; None where that is too much."""
        fetch = count + 16
        while fetch <= FETCH_MOST:
            scores, ids = self.nearest(queries, fetch, 0, allowed)
            order = np.argsort(-scores, axis=1, kind="stable")
            scores, ids = np.take_along_axis(scores, order, axis=1), np.take_along_axis(ids, order, axis=1)
            full = ids[:, -1] >= 0
            if not (scores[full, count - 1] - scores[full, -1] <= 1e-5).any():
                return scores, ids
            fetch *= 4
        return None

    def _searched(
        self, queries: Float32, count: int, expression: str, parameters: dict[str, int]
    ) -> tuple[Float32, Int64]:
        scores, ids = nothing(len(queries), count)
        with self._server.use() as client:
            found = client.search(
                self._name,
                data=list(queries),
                limit=count,
                filter=expression,
                search_params={"metric_type": "IP", "params": parameters},
                consistency_level=EVENTUALLY,
                timeout=SEARCH,
            )
            for row, hits in enumerate(found):
                ids[row, : len(hits)] = [hit["id"] for hit in hits]
                scores[row, : len(hits)] = [hit["distance"] for hit in hits]
        return scores, ids

    def _allowed_rows(self, allowed: Allowed) -> Iterator[tuple[Int64, Float32]]:
        if allowed.only is None:
            for expression in expressions(allowed):
                yield from self._rows(expression)
            return
        size = self._page()
        for start in range(0, len(allowed.only), size):
            some = allowed.only[start : start + size]
            yield self._read(self._queried(f"id in {some.tolist()}", ["id", "vector"], size))

    def _rows(self, expression: str) -> Iterator[tuple[Int64, Float32]]:
        for rows in self._pages(expression, ["id", "vector"]):
            yield self._read(rows)

    def _read(self, rows: Any) -> tuple[Int64, Float32]:
        ids = np.array([row["id"] for row in rows], np.int64)
        vectors = np.array([row["vector"] for row in rows], np.float32)
        return ids, vectors.reshape(len(rows), self._dimension)

    def _pages(self, expression: str, fields: list[str]) -> Iterator[Any]:
        """Answers of a page at most: ranges of ids, halved where they hold more. (An answer that was cut off holds
        any rows.)"""
        size = self._page()
        ranges = [(0, self._beyond)]
        while ranges:
            low, high = ranges.pop()
            within = f"id >= {low} and id < {high}" + (f" and {expression}" if expression else "")
            (counted,) = self._queried(within, ["count(*)"], None)
            if counted["count(*)"] > size:
                middle = (low + high) // 2
                ranges += [(middle, high), (low, middle)]
            elif counted["count(*)"]:
                yield self._queried(within, fields, size)

    def _queried(self, expression: str, fields: list[str], limit: int | None) -> Any:
        most = {} if limit is None else {"limit": limit}
        with self._server.use() as client:
            return client.query(
                self._name,
                filter=expression,
                output_fields=fields,
                consistency_level=EVENTUALLY,
                timeout=SEARCH,
                **most,
            )

    def _page(self) -> int:
        return max(1, min(PAGE_MOST, PAGE_BYTES // (4 * self._dimension)))


def expressions(allowed: Allowed) -> list[str]:
    """Filters that together leave what is `allowed`, each item in one of them: pieces of the ids that are wanted, or
    ranges between those that are not."""
    if allowed.only is not None:
        return [f"id in {allowed.only[start : start + PIECE].tolist()}" for start in range(0, len(allowed.only), PIECE)]
    if allowed.exclude is None:
        return [""]
    found, low = [], 0
    for start in range(0, len(allowed.exclude), PIECE):
        some = allowed.exclude[start : start + PIECE]
        is_last = start + PIECE >= len(allowed.exclude)
        upper = "" if is_last else f" and id <= {some[-1]}"
        found.append(f"id >= {low}{upper} and id not in {some.tolist()}")
        low = int(some[-1]) + 1
    return found


def _better(one: tuple[Float32, Int64], other: tuple[Float32, Int64]) -> tuple[Float32, Int64]:
    """Of two answers to the same queries, (q, k) each, the best k."""
    scores, ids = np.concatenate([one[0], other[0]], axis=1), np.concatenate([one[1], other[1]], axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, : one[0].shape[1]]
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(ids, order, axis=1)
