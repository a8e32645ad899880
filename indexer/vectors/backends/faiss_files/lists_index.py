"""An inverted file in a process that asks it once: a query from the shell.

Its plain query is answered from the file (`lists_file.py`), whose scores differ from FAISS' in the last bits; FAISS,
which answers in a fraction of the time but takes 0.2 s to import, is left for what comes after, and for filters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from indexer import forking
from indexer.id_sets import are_among, distinct
from indexer.page_sums import Bytes
from indexer.types import Float32, Int64
from indexer.vectors.backends.faiss_files import tuning
from indexer.vectors.backends.faiss_files.blocks import Check
from indexer.vectors.backends.faiss_files.id_table import IdTable
from indexer.vectors.backends.faiss_files.lists_file import Lists, read_lists
from indexer.vectors.base import SearchParameters
from indexer.vectors.exact import best, checked_queries, nothing
from indexer.vectors.probing import probes

if TYPE_CHECKING:
    from indexer.vectors.backends.faiss_files.faiss_index import FaissIndex

#: Up to this share may be excluded: what changed since the index was built. Filters are FAISS' matter.
EXCLUDED_SHARE: Final = 0.02


class ListsIndex:
    """Implements `VectorIndex`, as `FaissIndex` does with the same `width` lists probed."""

    def __init__(self, memory: Bytes, width: int | None, check: Check | None = None) -> None:
        """The index in `memory` (size,) uint8, which may be a mapped file. `width`: lists that a query probes, None for
        the file's own. `check` compares the bytes of a list before it is used. Raises ValueError when it is no inverted
        file with 8-bit codes."""
        lists = read_lists(memory)
        self.dimension = int(lists.centroids.shape[1])
        self._memory = memory
        self._width = width
        self._check = check
        self._lists: Lists | None = lists  # until it was asked
        self._table = IdTable(lists.ids)
        self._whole: FaissIndex | None = None
        self._loading = forking.lock()

    @property
    def ids(self) -> Int64:
        return self._table.sorted_ids

    def __len__(self) -> int:
        return len(self.ids)

    def search(
        self,
        queries: Float32,
        k: int,
        parameters: SearchParameters = SearchParameters(),  # noqa: B008 (frozen)
    ) -> tuple[Float32, Int64]:
        """See `VectorIndex.search`. Scores are those of the compressed vectors.

        Raises ValueError, StoreDamagedError.
        """
        lists, self._lists = self._lists, None
        if lists is not None and len(queries) == 1:
            found = self._answer(lists, checked_queries(queries, k, self.dimension)[0], k, parameters)
            if found is not None:
                return found
        return self._faiss().search(queries, k, parameters)

    def _answer(
        self, lists: Lists, query: Float32, k: int, parameters: SearchParameters
    ) -> tuple[Float32, Int64] | None:
        """As `search`, for one query (d,); None where FAISS has to look."""
        exclude = np.empty(0, np.int64) if parameters.exclude is None else parameters.exclude
        is_narrowed = parameters.only is not None or parameters.selected is not None
        if is_narrowed or len(exclude) > EXCLUDED_SHARE * len(self._table):
            return None
        total = len(self._table)
        count = total - len(distinct(self._table.positions(exclude)))
        if not count:
            return None
        width = (lists.probes if self._width is None else self._width) * parameters.effort
        fetch = min(count, min(k, count) + tuning.SPARE)
        looked_at = probes(width, len(lists.centroids), count, count / total, fetch)
        scores, positions = lists.search(query, looked_at, self._check)
        ids = lists.ids[positions]
        if len(exclude):
            kept = ~are_among(ids, exclude)
            scores, ids = scores[kept], ids[kept]
        if len(ids) < min(k, count):
            return None
        out_scores, out_ids = nothing(1, k)
        first, first_ids = best(scores, ids, k)
        out_scores[0, : len(first)], out_ids[0, : len(first)] = first, first_ids
        return out_scores, out_ids

    def _faiss(self) -> FaissIndex:
        with self._loading:
            if self._whole is None:
                from indexer.vectors.backends.faiss_files.faiss_index import FaissIndex

                whole = FaissIndex.read("ivf-sq8", self._memory, self._check)
                self._whole = whole if self._width is None else whole.with_width(self._width)
            return self._whole
