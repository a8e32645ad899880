"""The heavy parts of building an inverted file on a GPU of faiss-gpu: placing its cells, and finding each row's cell.

Both are products of two matrices, which is what a GPU is for. The codes and the lists are made on the CPU, and
searching stays there: one query takes milliseconds, the lists are mapped from a file that would have to be copied
first, and FAISS' GPU indexes take no filter. Whatever fails on a GPU (no memory, a driver that went away) is done
again on the CPU, with a warning in the log.
"""

from __future__ import annotations

import logging
from typing import Any

import faiss as _faiss

from indexer import forking
from indexer.types import Float32, Int64

faiss: Any = _faiss

log = logging.getLogger(__name__)


def place_cells(core: Any, sample: Float32) -> None:
    """Place the cells of an empty inverted file `core`: spherical k-means over `sample` (s, d) float32."""
    cells = faiss.Clustering(core.d, core.nlist, core.cp)
    done = False
    if available():
        try:
            finder, _resources = _on_gpu(faiss.IndexFlatIP(core.d))
            cells.train(sample, finder)
            done = True
        except RuntimeError as error:
            log.warning("The GPU failed (%s); the index is trained on the CPU.", _first_line(error))
            cells = faiss.Clustering(core.d, core.nlist, core.cp)
    if not done:
        cells.train(sample, faiss.IndexFlatIP(core.d))
    core.quantizer.add(faiss.vector_to_array(cells.centroids).reshape(core.nlist, core.d))  # (lists, d) float32


class Assigner:
    """Says in which cell of an inverted file a row belongs."""

    def __init__(self, core: Any) -> None:
        self._cells = core.quantizer
        self._fast: Any = None
        self._resources: Any = None
        if available():
            try:
                self._fast, self._resources = _on_gpu(core.quantizer)
            except RuntimeError as error:
                self._failed(error)

    def assign(self, vectors: Float32) -> Int64:
        """The cells (n,) int64 of `vectors` (n, d) float32."""
        if self._fast is not None:
            try:
                found: Int64 = self._fast.search(vectors, 1)[1].ravel()
                return found
            except RuntimeError as error:
                self._failed(error)
        nearest: Int64 = self._cells.search(vectors, 1)[1].ravel()
        return nearest

    def _failed(self, error: RuntimeError) -> None:
        log.warning("The GPU failed (%s); rows are assigned on the CPU.", _first_line(error))
        self._fast = self._resources = None


def available() -> bool:
    """Whether this FAISS can use a GPU, and there is one. A forked process has none: CUDA does not survive that."""
    if forking.has_left_threads():
        return False
    try:
        return hasattr(faiss, "StandardGpuResources") and int(faiss.get_num_gpus()) > 0
    except RuntimeError:  # a driver that does not answer
        return False


def _on_gpu(index: Any) -> tuple[Any, Any]:
    """A copy of a flat index on the first GPU, and what has to live as long."""
    resources = faiss.StandardGpuResources()
    return faiss.index_cpu_to_gpu(resources, 0, index), resources


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
