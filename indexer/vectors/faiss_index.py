"""Vector indexes of FAISS: flat, HNSW and inverted files, behind one class. The only module that imports faiss.

What FAISS is asked, and what is done here instead:

- FAISS holds vectors by position; ids, removal and filters are an `IdTable` beside it (see there why). The file is
  an ordinary `IndexIDMap` of FAISS whose ids are -1 where a vector was removed.
- Parameters are made for each call; nothing is ever set on the shared index. Searches may run in any number of
  threads, and a search that runs while `remove` does sees the index either before or after.
- FAISS does not order equal scores by id. A few more than k are fetched, and more again while the last place is
  tied, up to `SPARE_MOST` on approximate kinds; then each row is ordered here. Flat and HNSW hold the vectors
  themselves: there the scores are computed again with the kernel of `ExactIndex`, so that they do not depend on
  how many queries a call has.
- One query runs on one thread. Starting OpenMP's threads for it gains nothing and loses milliseconds when other
  work holds the cores (measured: 0.3 ms become 8 ms). Batches of queries and building use SEARCH_THREADS, or all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import faiss as _faiss
import numpy as np
import numpy.typing as npt

from indexer.settings import environment_int
from indexer.types import Float32, Int64
from indexer.vectors import tuning
from indexer.vectors.base import IndexType, SearchParameters
from indexer.vectors.exact import ROUNDING, best, checked_queries, checked_rows, nothing, row_scores
from indexer.vectors.ids import IdTable, Mask

faiss: Any = _faiss  # typed loosely: its stubs differ between versions, and from what its Python layer takes

Batches = Callable[[], Iterator[tuple[Int64, Float32]]]
"""Gives the rows from the start each time it is called: ids (b,) int64 and vectors (b, d) float32 a batch."""

#: Fetched beyond k, so that equal scores at the last place are ordered by id.
SPARE: Final = 16
SPARE_MOST: Final = 4096
#: A filter that leaves no more than this many, or no more than this share, is scanned exactly: a graph reaches few
#: of them (recall 0.38 at 1 %), and a scan of 20,000 takes 4 to 9 ms.
SCAN_COUNT: Final = 20_000
SCAN_SHARE: Final = 0.05
#: Above this many queries in a call their threads pay.
THREADS_FROM: Final = 16
#: Training on fewer numbers than these is many short steps, and each would wait for its threads.
TRAINING_THREADS_FROM: Final = 10_000_000
#: Several threads insert into a graph in an order of their own; up to here one is fast enough, and repeatable.
HNSW_ONE_THREAD: Final = 5_000


class FaissIndex:
    """A FAISS index under int64 ids. Implements `VectorIndex`; made by `build` or `read`."""

    def __init__(self, index_type: IndexType, core: Any, table: IdTable, owner: Any = None) -> None:
        """`core`: the FAISS index over positions; `owner`: what its memory belongs to, None when itself."""
        self.index_type: IndexType = index_type
        self._core = core
        self._table = table
        self._owner = owner

    @classmethod
    def build(cls, index_type: IndexType, dimension: int, batches: Batches, count: int) -> FaissIndex:
        """An index of everything that `batches` gives; `count` is how many rows that will be (it chooses sizes).

        Memory: the index itself, one batch, and at most `tuning.TRAINING_BYTES` of training sample. Small
        collections get a simpler structure under the same name: an inverted file below `tuning.IVF_LEAST` vectors
        is stored flat, a product quantiser below `tuning.PQ_LEAST` keeps whole vectors in its lists. Repeatable,
        except for HNSW above `HNSW_ONE_THREAD`. Raises ValueError on rows that `VectorIndex.add` would refuse.
        """
        core = _empty(index_type, dimension, batches, count)
        one_thread = isinstance(core, faiss.IndexHNSW) and count <= HNSW_ONE_THREAD
        ids = [np.empty(0, dtype=np.int64)]
        with _threads(1 if one_thread else _threads_wanted()):
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
        return len(self._table.sorted_ids)

    @property
    def structure(self) -> str:
        """What FAISS really holds: "flat", "hnsw", or "ivf-..." as in `IndexType`."""
        kinds = (
            (faiss.IndexFlat, "flat"), (faiss.IndexHNSW, "hnsw"), (faiss.IndexIVFFlat, "ivf-flat"),
            (faiss.IndexIVFScalarQuantizer, "ivf-sq8"), (faiss.IndexIVFPQ, "ivf-pq"),
        )  # fmt: skip
        return next((name for kind, name in kinds if isinstance(self._core, kind)), type(self._core).__name__)

    def add(self, ids: Int64, vectors: Float32) -> None:
        """See `VectorIndex.add`. An index that is mapped from a file is copied into memory first. Raises ValueError."""
        ids, vectors = checked_rows(ids, vectors, self.dimension)
        if not len(ids):
            return
        table = self._table.extended(ids)  # raises before anything changes
        if self._owner is not None:
            copy = faiss.deserialize_index(faiss.serialize_index(self._with_ids()))
            self._core, self._owner = faiss.downcast_index(copy.index), copy
        with _threads(_threads_wanted()):
            self._core.add(vectors)
        self._table = table

    def remove(self, ids: Int64) -> int:
        """See `VectorIndex.remove`. Marks only: the memory comes back with the next build."""
        self._table, count = self._table.without(ids)
        return count

    def search(
        self,
        queries: Float32,
        k: int,
        parameters: SearchParameters = SearchParameters(),  # noqa: B008 (frozen)
    ) -> tuple[Float32, Int64]:
        """See `VectorIndex.search`. Rows are shorter than k only where nothing more may be returned.

        Scores of ivf-sq8 and ivf-pq are those of the compressed vectors. Raises ValueError.
        """
        queries = checked_queries(queries, k, self.dimension)
        out_scores, out_ids = nothing(len(queries), k)
        table = self._table
        choice = _Choice(table.allowed(parameters), len(table))
        wanted = min(k, choice.count)
        if not wanted or not len(queries):
            return out_scores, out_ids

        rows = self._rows()
        slack = ROUNDING * max(1.0, float(np.linalg.norm(queries, axis=1).max()))
        spare = SPARE
        with _threads(_threads_wanted() if len(queries) >= THREADS_FROM else 1):
            while True:
                fetch = min(choice.count, wanted + spare)
                scores, positions = self._fetch(queries, wanted, fetch, choice, parameters.effort)  # (q, fetch)
                tied = bool((scores[:, wanted - 1] - scores[:, -1] <= slack).any())
                if fetch == choice.count or not tied or (spare >= SPARE_MOST and self.structure != "flat"):
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

    def write(self, sink: Callable[[bytes], object]) -> None:
        """Hand the file's bytes to `sink`, about a megabyte at a time. Raises RuntimeError when `sink` raises."""
        faiss.write_index(self._with_ids(), faiss.PyCallbackIOWriter(sink, 1 << 20))

    @classmethod
    def read(cls, index_type: IndexType, memory: npt.NDArray[np.uint8]) -> FaissIndex:
        """The index in `memory` (size,) uint8, which may be a mapped file: vectors, graphs and lists stay in it.

        FAISS 1.12 still copies inverted lists out of it. The bytes must be ones that `write` gave: FAISS
        trusts them. Raises ValueError when they are not an index of this type.
        """
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
        index = cls(index_type, core, table, (owner, memory))
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
        self, queries: Float32, wanted: int, fetch: int, choice: _Choice, effort: float
    ) -> tuple[Float32, Int64]:
        """`fetch` scores and positions a query, (q, fetch) each; at least `wanted` of a row are found."""
        core, share = self._core, choice.count / choice.total
        scan = choice.mask is not None and (share <= SCAN_SHARE or (choice.count <= SCAN_COUNT and share < 0.5))
        if isinstance(core, faiss.IndexIVF):
            probes = core.nprobe * effort / share
            # Lists that hold four times what is fetched: long answers are not made of whatever few lists held.
            probes = max(probes, 4 * fetch / choice.count * core.nlist)
            attempts = [core.nlist] if scan else [max(1, min(core.nlist, round(probes))), core.nlist]
            for lists in attempts:
                parameters = faiss.SearchParametersIVF(nprobe=lists, sel=choice.bitmap())
                scores, positions = core.search(queries, fetch, params=parameters)
                if lists == core.nlist or bool((positions[:, wanted - 1] >= 0).all()):
                    break
            return scores, positions
        if isinstance(core, faiss.IndexHNSW) and not scan:
            candidates = max(fetch, round(core.hnsw.efSearch * effort / share))
            if candidates * 4 < choice.count:  # beyond that the graph is no shorter than the whole way
                parameters = faiss.SearchParametersHNSW(efSearch=candidates, sel=choice.bitmap())
                scores, positions = core.search(queries, fetch, params=parameters)
                if bool((positions[:, wanted - 1] >= 0).all()):  # a graph may leave parts unreached
                    return scores, positions
        parameters = faiss.SearchParameters(sel=choice.list_or_bitmap())
        scores, positions = self._storage().search(queries, fetch, params=parameters)
        return scores, positions


class _Choice:
    """The positions that one call may return, in the forms that FAISS takes."""

    def __init__(self, mask: Mask | None, total: int) -> None:
        self.mask = mask  # (n,) bool, None for all
        self.total = total
        self.count = total if mask is None else int(np.count_nonzero(mask))

    def bitmap(self) -> Any:
        if self.mask is None:
            return None
        return faiss.IDSelectorBitmap(np.packbits(self.mask, bitorder="little"))

    def list_or_bitmap(self) -> Any:
        """For flat indexes only: they go straight to listed positions, others would search the list for each."""
        if self.mask is None or self.count * 4 > self.total:
            return self.bitmap()
        return faiss.IDSelectorArray(np.flatnonzero(self.mask))


def _empty(index_type: IndexType, dimension: int, batches: Batches, count: int) -> Any:
    """A FAISS index without vectors, trained on a sample where its type needs that."""
    if index_type == "hnsw":
        graph = tuning.HnswSettings()
        core = faiss.IndexHNSWFlat(dimension, graph.neighbours, faiss.METRIC_INNER_PRODUCT)
        core.hnsw.efConstruction, core.hnsw.efSearch = graph.construction, graph.search
        return core
    if index_type == "flat" or count < tuning.IVF_LEAST:
        return faiss.IndexFlatIP(dimension)

    settings = tuning.ivf_settings(count, dimension)
    sample = _sample(batches, count, settings.training, dimension)
    if len(sample) < settings.training:  # fewer rows came than were promised
        settings = tuning.ivf_settings(len(sample), dimension)
    if len(sample) < tuning.IVF_LEAST:
        return faiss.IndexFlatIP(dimension)
    code = {"ivf-flat": "Flat", "ivf-sq8": "SQ8", "ivf-pq": "Flat"}[index_type]
    if index_type == "ivf-pq" and len(sample) >= tuning.PQ_LEAST:
        code = f"PQ{tuning.product_codes(dimension)}x8np"  # np: without the minute of polysemous training
    core = faiss.index_factory(dimension, f"IVF{settings.lists},{code}", faiss.METRIC_INNER_PRODUCT)
    core.cp.niter = tuning.TRAINING_ROUNDS
    core.cp.spherical = True
    if code.startswith("PQ"):
        core.pq.cp.min_points_per_centroid = tuning.PQ_LEAST // 256  # few are fine for few; FAISS would warn
        core.pq.cp.max_points_per_centroid = tuning.PQ_TRAINING // 256
        core.pq.cp.niter = 10
    with _threads(_threads_wanted() if sample.size >= TRAINING_THREADS_FROM else 1):
        core.train(sample)
    core.nprobe = settings.probes
    return core


def _sample(batches: Batches, count: int, size: int, dimension: int) -> Float32:
    """About `size` of the first `count` rows, (s, d) float32, evenly spread by chance and the same each time."""
    picks = np.sort(np.random.default_rng(0).choice(count, size=min(size, count), replace=False))
    taken: list[Float32] = [np.empty((0, dimension), dtype=np.float32)]
    start = 0
    for ids, vectors in batches():
        _, vectors = checked_rows(ids, vectors, dimension)
        first, last = np.searchsorted(picks, (start, start + len(vectors)))
        taken.append(vectors[picks[first:last] - start])
        start += len(vectors)
        if last == len(picks):
            break
    return np.concatenate(taken)


def _structures(index_type: IndexType) -> tuple[str, ...]:
    """What an index of this type may really hold: itself, and what `build` falls back to."""
    if index_type == "flat":
        return ("flat",)
    if index_type == "hnsw":
        return ("hnsw",)
    return (index_type, "ivf-flat", "flat")


def _threads_wanted() -> int:
    return environment_int("SEARCH_THREADS", os.cpu_count() or 1)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """FAISS works with `count` threads inside. OpenMP keeps this number for each calling thread by itself."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
