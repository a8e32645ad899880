"""Empty FAISS indexes, trained where their type needs that: on a sample of bounded size, on a GPU when there is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import faiss as _faiss

from indexer import forking
from indexer.settings import thread_count
from indexer.types import Float32
from indexer.vectors.backends.faiss_files import gpu, tuning
from indexer.vectors.backends.faiss_files.ivf_types import IVF_TYPES
from indexer.vectors.base import IndexType

faiss: Any = _faiss  # typed loosely: its stubs differ between versions, and from what its Python layer takes

#: Training on fewer numbers than these is many short steps, and each would wait for its threads.
TRAINING_THREADS_FROM: Final = 10_000_000


def training_rows(index_type: IndexType, count: int, dimension: int) -> int:
    """How many rows the training of an index of `count` vectors wants; 0 where nothing is trained."""
    if not index_type.startswith("ivf") or count < tuning.IVF_LEAST:
        return 0
    return tuning.ivf_settings(count, dimension).training


def empty_core(index_type: IndexType, dimension: int, sample: Float32, count: int) -> Any:
    """A FAISS index without vectors for `count` of them, trained on `sample` (s, d) where its type needs that.

    Small collections get a simpler structure: see `FaissIndex.build`.
    """
    if index_type == "hnsw":
        graph = tuning.HnswSettings()
        core = faiss.IndexHNSWFlat(dimension, graph.neighbours, faiss.METRIC_INNER_PRODUCT)
        core.hnsw.efConstruction, core.hnsw.efSearch = graph.construction, graph.search
        return core
    if index_type == "flat" or len(sample) < tuning.IVF_LEAST:
        return faiss.IndexFlatIP(dimension)

    settings = tuning.ivf_settings(count, dimension)
    if len(sample) < settings.training:  # fewer rows came than were promised
        settings = tuning.ivf_settings(len(sample), dimension)
    code = IVF_TYPES[index_type].code(dimension, len(sample))
    core = faiss.index_factory(dimension, f"IVF{settings.lists},{code}", faiss.METRIC_INNER_PRODUCT)
    core.cp.niter = tuning.TRAINING_ROUNDS
    core.cp.spherical = True
    if code.startswith("PQ"):
        core.pq.cp.min_points_per_centroid = tuning.PQ_LEAST // 256  # few are fine for few; FAISS would warn
        core.pq.cp.max_points_per_centroid = tuning.CODE_TRAINING // 256
        core.pq.cp.niter = 10
    with threads(thread_count() if sample.size >= TRAINING_THREADS_FROM else 1):
        gpu.place_cells(core, sample)
        core.train(sample[:: -(-len(sample) // tuning.CODE_TRAINING)])  # what is left: the ranges, or the codes
    core.nprobe = settings.probes
    return core


@contextmanager
def threads(count: int) -> Iterator[None]:
    """FAISS works with `count` threads inside. OpenMP keeps this number for each calling thread by itself.

    In a forked process it works with one.
    """
    count = 1 if forking.has_left_threads() else count
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
