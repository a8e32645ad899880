"""Vector indexes of FAISS: HNSW and inverted files, and flat ones where few were to become either; in one class.

What FAISS is asked, and what is done here instead:

- FAISS holds vectors by position; ids and filters are an `IdTable` beside it (see there why). The file is an ordinary
  `IndexIDMap` of FAISS.
- Parameters are made for each call; nothing is ever set on the shared index. Searches may run in any number of
  threads.
- FAISS does not order equal scores by id. A few more than k are fetched, and more again while the last place is
  tied, up to `SPARE_MOST` on approximate kinds; then each row is ordered here. Flat and HNSW hold the vectors
  themselves: there the scores are computed again with the kernel of `ExactIndex`, so that they do not depend on
  how many queries a call has.
- One query does without OpenMP's threads, which wait in a loop and lose milliseconds when other work holds the cores
  (measured: 0.3 ms become 8 ms); long scans of lists are shared by `ivf_search.py`. Batches of queries and building use
  SEARCH_THREADS, or all.
"""

from __future__ import annotations

import copy
from typing import Any, Final

import faiss as _faiss
import numpy as np

from indexer.page_sums import Bytes
from indexer.settings import thread_count
from indexer.types import Float32, Int64
from indexer.vectors.backends.faiss_files import tuning
from indexer.vectors.backends.faiss_files.blocks import Check
from indexer.vectors.backends.faiss_files.id_table import IdTable
from indexer.vectors.backends.faiss_files.ivf_search import search_lists
from indexer.vectors.backends.faiss_files.ivf_training import empty_core, threads, training_rows
from indexer.vectors.backends.faiss_files.ivf_types import structure_of
from indexer.vectors.backends.faiss_files.selector import Selector
from indexer.vectors.backends.faiss_files.unchecked_lists import UncheckedLists
from indexer.vectors.backends.faiss_files.writer import Sink
from indexer.vectors.base import Batches, IndexType, SearchParameters
from indexer.vectors.exact import ROUNDING, best, checked_queries, checked_rows, nothing, row_scores
from indexer.vectors.probing import probes
from indexer.vectors.sampling import draw

faiss: Any = _faiss  # typed loosely: its stubs differ between versions, and from what its Python layer takes

SPARE_MOST: Final = 4096
#: A filter that leaves no more than this many, or no more than this share, is scanned exactly: a graph reaches few
#: of them (recall 0.38 at 1 %), and most lists of an inverted file would be probed (`FILTER_POWER`).
SCAN_COUNT: Final = 20_000
SCAN_SHARE: Final = 0.01
#: A filter that keeps less than half of its share among what is nearest to a query (in so many lists at most) goes
#: against it: everything is scanned. One that keeps more than this share cannot leave out much.
AGAINST_LISTS: Final = 64
AGAINST_SHARE: Final = 0.98
#: Above this many queries in a call their threads pay.
THREADS_FROM: Final = 16
#: Several threads insert into a graph in an order of their own; up to here one is fast enough, and repeatable.
HNSW_ONE_THREAD: Final = 5_000


class FaissIndex:
    """A FAISS index under int64 ids. Implements `TunableIndex`; made by `build` or `read`."""

    lists: tuple[int, int] | None = None  # see `Writable.lists`

    def __init__(
        self, index_type: IndexType, core: Any, table: IdTable, owner: Any = None, lists: UncheckedLists | None = None
    ) -> None:
        """`core`: the FAISS index over positions; `owner`: what its memory belongs to, None when itself; `lists` that
        have to be compared with what was written."""
        self.index_type: IndexType = index_type
        self._core = core
        self._table = table
        self._owner = owner
        self._unchecked = lists
        self._width = _own_width(core)

    @classmethod
    def build(cls, index_type: IndexType, dimension: int, batches: Batches, count: int) -> FaissIndex:
        """An index of everything that `batches` gives; `count` is how many rows that will be (it chooses sizes).

        Memory: the index itself, one batch, and at most `tuning.TRAINING_BYTES` of training sample. Small
        collections get a simpler structure under the same name: an inverted file below `tuning.IVF_LEAST` vectors
        is stored flat, a product quantiser below `tuning.PQ_LEAST` keeps whole vectors in its lists. Repeatable,
        except for HNSW above `HNSW_ONE_THREAD`. Raises ValueError on rows that `checked_rows` refuses.
        """
        _, sample = draw(batches, count, training_rows(index_type, count, dimension), dimension)
        core = empty_core(index_type, dimension, sample, count)
        one_thread = isinstance(core, faiss.IndexHNSW) and count <= HNSW_ONE_THREAD
        ids = [np.empty(0, dtype=np.int64)]
        with threads(1 if one_thread else thread_count()):
            for batch_ids, batch in batches():
                checked_ids, checked = checked_rows(batch_ids, batch, dimension)
                if len(checked_ids):
                    core.add(checked)
                    ids.append(checked_ids)
        return cls(index_type, core, IdTable(np.concatenate(ids)))

    @property
    def dimension(self) -> int:
        return int(self._core.d)

    @property
    def ids(self) -> Int64:
        return self._table.sorted_ids

    def __len__(self) -> int:
        return len(self._table)

    @property
    def structure(self) -> str:
        """See `TunableIndex.structure`."""
        return structure_of(self._core)

    @property
    def width(self) -> int:
        """See `TunableIndex.width`."""
        return self._width

    @property
    def width_most(self) -> int:
        """See `TunableIndex.width_most`."""
        if isinstance(self._core, faiss.IndexIVF):
            return int(self._core.nlist)
        return tuning.HNSW_WIDTH_MOST if isinstance(self._core, faiss.IndexHNSW) else 0

    def with_width(self, width: int) -> FaissIndex:
        """See `TunableIndex.with_width`."""
        other = copy.copy(self)
        other._width = min(width, self.width_most)
        return other

    def search(
        self,
        queries: Float32,
        k: int,
        parameters: SearchParameters = SearchParameters(),  # noqa: B008 (frozen)
    ) -> tuple[Float32, Int64]:
        """See `VectorIndex.search`. Rows are shorter than k only where nothing more may be returned.

        Scores of ivf-sq8 and ivf-pq are those of the compressed vectors. Raises ValueError, StoreDamagedError.
        """
        queries = checked_queries(queries, k, self.dimension)
        out_scores, out_ids = nothing(len(queries), k)
        table = self._table
        selector = Selector(table.allowed(parameters), len(table))
        wanted = min(k, selector.count)
        if not wanted or not len(queries):
            return out_scores, out_ids

        rows = self._rows()
        slack = ROUNDING * max(1.0, float(np.linalg.norm(queries, axis=1).max()))
        spare = tuning.SPARE
        with threads(thread_count() if len(queries) >= THREADS_FROM else 1):
            while True:
                fetch = min(selector.count, wanted + spare)
                scores, positions = self._fetch(queries, wanted, fetch, selector, parameters.effort)  # (q, fetch)
                tied = bool((scores[:, wanted - 1] - scores[:, -1] <= slack).any())
                if fetch == selector.count or not tied or (spare >= SPARE_MOST and self.structure != "flat"):
                    break
                spare *= 4

        for row, query in enumerate(queries):
            found = positions[row] >= 0
            here, here_scores = positions[row][found], scores[row][found]
            if rows is not None:
                here_scores = row_scores(rows[here], query)
            first, first_ids = best(here_scores, table.by_position[here], k)
            out_scores[row, : len(first)], out_ids[row, : len(first)] = first, first_ids
        return out_scores, out_ids

    def write(self, file: Sink) -> None:
        """Write the file's bytes, about a megabyte at a time. Raises RuntimeError when `file` raises."""
        faiss.write_index(self._with_ids(), faiss.PyCallbackIOWriter(file.write, 1 << 20))

    @classmethod
    def read(cls, index_type: IndexType, memory: Bytes, check: Check | None = None) -> FaissIndex:
        """The index in `memory` (size,) uint8, which may be a mapped file: vectors, graphs and lists stay in it.

        FAISS before 1.13 copies inverted lists out of it. The bytes must be ones that `write` gave: FAISS
        trusts them; but those of the lists may be compared by `check` before each is first used. Raises ValueError when
        they are not an index of this type, and what `check` raises.
        """
        if check is not None and not hasattr(faiss, "ZeroCopyIOReader"):
            check(0, memory.size)
            check = None
        try:
            if hasattr(faiss, "ZeroCopyIOReader"):
                owner = faiss.read_index(faiss.ZeroCopyIOReader(faiss.swig_ptr(memory), memory.size))
            else:
                owner = faiss.deserialize_index(memory)
        except (RuntimeError, MemoryError) as error:
            raise ValueError("FAISS cannot read it") from error
        if not isinstance(owner, faiss.IndexIDMap):
            raise ValueError("it holds no ids")
        core = faiss.downcast_index(owner.index)
        table = IdTable(faiss.vector_to_array(owner.id_map))
        if not (core.ntotal == owner.ntotal == len(table)):
            raise ValueError("it holds another number of vectors than of ids")
        faiss.Int64Vector().swap(owner.id_map)  # FAISS' own copy of the ids: 8 bytes each
        lists = None if check is None or not isinstance(core, faiss.IndexIVF) else UncheckedLists(core, memory, check)
        index = cls(index_type, core, table, (owner, memory), lists)
        if index.structure not in _structures(index_type):
            raise ValueError(f"it holds {index.structure} where {index_type} was written")
        return index

    def _with_ids(self) -> Any:
        """FAISS' own form of an index with ids, around the same memory."""
        whole = faiss.IndexIDMap(faiss.IndexFlatIP(self.dimension))
        whole.index = self._core
        whole.ntotal = self._core.ntotal
        faiss.copy_array_to_vector(self._table.by_position, whole.id_map)
        return whole

    def _storage(self) -> Any:
        """The flat index with the vectors themselves; None when they are kept in lists, or compressed."""
        if isinstance(self._core, faiss.IndexFlat):
            return self._core
        return faiss.downcast_index(self._core.storage) if isinstance(self._core, faiss.IndexHNSW) else None

    def _rows(self) -> Float32 | None:
        """The vectors by position, (n, d) float32, a view; None when they are not kept as they came."""
        storage = self._storage()
        if storage is None:
            return None
        flat: Float32 = faiss.rev_swig_ptr(storage.get_xb(), storage.ntotal * storage.d)
        return flat.reshape(storage.ntotal, storage.d)

    def _fetch(
        self, queries: Float32, wanted: int, fetch: int, selector: Selector, effort: float
    ) -> tuple[Float32, Int64]:
        """`fetch` scores and positions a query, (q, fetch) each; at least `wanted` of a row are found."""
        core, share = self._core, selector.share
        scan = selector.mask is not None and (share <= SCAN_SHARE or (selector.count <= SCAN_COUNT and share < 0.5))
        if isinstance(core, faiss.IndexIVF):
            attempts = [probes(self._width * effort, core.nlist, selector.count, share, fetch), core.nlist]
            if scan or self._lists_are_against(queries, selector, attempts[0]):
                attempts = [core.nlist]
            for lists in attempts:
                scores, positions = search_lists(core, queries, fetch, lists, selector, self._check_lists)
                if lists == core.nlist or bool((positions[:, wanted - 1] >= 0).all()):
                    break
            return scores, positions
        if isinstance(core, faiss.IndexHNSW) and not scan:
            candidates = max(fetch, round(self._width * effort / share))
            # Beyond that the graph is no shorter than the whole way.
            if candidates * 4 < selector.count and not self._graph_is_against(queries, selector):
                parameters = faiss.SearchParametersHNSW(efSearch=candidates, sel=selector.bitmap())
                scores, positions = core.search(queries, fetch, params=parameters)
                if bool((positions[:, wanted - 1] >= 0).all()):  # a graph may leave parts unreached
                    return scores, positions
        parameters = faiss.SearchParameters(sel=selector.list_or_bitmap())
        scores, positions = self._storage().search(queries, fetch, params=parameters)
        return scores, positions

    def _check_lists(self, numbers: Int64) -> None:
        """Of the lists `numbers` (q, lists), -1 for none. Raises StoreDamagedError."""
        if self._unchecked is not None:
            self._unchecked.check(numbers)

    def _lists_are_against(self, queries: Float32, selector: Selector, probes: int) -> bool:
        """Whether a filter goes against one of `queries` (q, d): it leaves out what is near, and keeps what is far.

        Then few of the probed lists hold much that may be returned, and the best of it is anywhere.
        """
        if selector.mask is None or selector.share > AGAINST_SHARE or probes >= self._core.nlist:
            return False
        _, nearest = self._core.quantizer.search(queries, max(1, probes // 4))  # (q, lists)
        self._check_lists(nearest)
        lists = self._core.invlists
        for row in nearest[:, :: -(-nearest.shape[1] // AGAINST_LISTS)]:
            seen = kept = 0
            for number in row[row >= 0].tolist():
                size = lists.list_size(number)
                if size:
                    seen += size
                    kept += int(selector.mask[faiss.rev_swig_ptr(lists.get_ids(number), size)].sum())
            if kept < seen * selector.share / 2:
                return True
        return False

    def _graph_is_against(self, queries: Float32, selector: Selector) -> bool:
        """The same for a graph: looks at the items nearest to the query, without the filter."""
        if selector.mask is None or selector.share > AGAINST_SHARE:
            return False
        count = min(selector.total, max(self._width, round(20 / selector.share)))
        _, nearest = self._core.search(queries, count, params=faiss.SearchParametersHNSW(efSearch=count))  # (q, count)
        kept = selector.mask[nearest] & (nearest >= 0)
        return bool((kept.mean(axis=1) < selector.share / 2).any())


def _own_width(core: Any) -> int:
    """The width that FAISS' own file names."""
    if isinstance(core, faiss.IndexIVF):
        return int(core.nprobe)
    return int(core.hnsw.efSearch) if isinstance(core, faiss.IndexHNSW) else 0


def _structures(index_type: IndexType) -> tuple[str, ...]:
    """What an index of this type may really hold: itself, and what `build` falls back to."""
    if index_type == "flat":
        return ("flat",)
    if index_type == "hnsw":
        return ("hnsw",)
    return (index_type, "ivf-flat", "flat")
