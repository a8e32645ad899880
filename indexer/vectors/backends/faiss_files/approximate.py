"""Building an approximate index: rows in, a tuned index on disk out. Memory does not depend on how many rows there are.

    a sample of the rows --> cells, codes and recall queries
    all rows --> lists on disk, and the queries' true neighbours, in one pass
    the file, mapped --> its recall, the least width that reaches the target --> the manifest

Where a type misses the target however hard it looks, the next better one (`ivf_types.py`) is built.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from indexer.progress import Progress
from indexer.types import Float32, Int64
from indexer.vectors.backend import BuildPlan
from indexer.vectors.backends.faiss_files.faiss_index import FaissIndex
from indexer.vectors.backends.faiss_files.ivf_builder import IvfBuilder
from indexer.vectors.backends.faiss_files.ivf_training import empty_core, training_rows
from indexer.vectors.backends.faiss_files.ivf_types import better_types
from indexer.vectors.backends.faiss_files.writer import Writable, build_folder, pending_file
from indexer.vectors.base import Batches, IndexState, IndexType
from indexer.vectors.recall import QUERIES, RecallQueries, TrueNeighbours, recall_queries, tune
from indexer.vectors.sampling import draw


def build_approximate(
    folder: Path, kind: str, plan: BuildPlan, batches: Batches, others: Float32 | None, progress: Progress
) -> IndexState | None:
    """See `VectorBackend.build`; None where only an exact index reaches the target."""
    truth: TrueNeighbours | None = None
    for index_type in (plan.asked, *better_types(plan.asked)):
        core, queries = _trained(index_type, plan, batches, others)
        if truth is None:
            truth = TrueNeighbours(queries)
        with build_folder(folder, kind) as spill, ExitStack() as stack:
            source = _filled(core, index_type, plan, batches, truth, spill, stack)
            with pending_file(folder, kind, source, plan) as pending:
                with pending.mapped() as memory:
                    progress.phase(f"Measuring the recall of the {kind} index")
                    index = FaissIndex.read(index_type, memory)
                    tuned, reached = tune(index, truth, plan.target)
                    del index
                if reached:
                    return pending.publish(tuned)
        progress.phase(f"{index_type} finds {tuned.recall:.3f} of the nearest at best; building a better index")
    return None


def _trained(
    index_type: IndexType, plan: BuildPlan, batches: Batches, others: Float32 | None
) -> tuple[Any, list[RecallQueries]]:
    """An inverted file without rows, None for other types, and recall queries; the sample of both is not kept."""
    size = training_rows(index_type, plan.count, plan.dimension)
    ids, sample = draw(batches, plan.count, QUERIES + size, plan.dimension)
    first = np.random.default_rng(1).permutation(len(ids))[:QUERIES]
    for place, row in enumerate(np.sort(first)):  # swapped to the front: no second copy
        ids[[place, row]], sample[[place, row]] = ids[[row, place]], sample[[row, place]]
    queries = recall_queries(ids, sample, others)
    if not size:
        return None, queries
    training = sample[QUERIES:] if len(sample) > 2 * QUERIES else sample
    return empty_core(index_type, plan.dimension, training, plan.count), queries


def _filled(
    core: Any,
    index_type: IndexType,
    plan: BuildPlan,
    batches: Batches,
    truth: TrueNeighbours,
    spill: Path,
    stack: ExitStack,
) -> Writable:
    """The index, with all rows; the `truth` sees them on the way if it has not yet. The `stack` closes it."""

    def watched() -> Iterator[tuple[Int64, Float32]]:
        for ids, vectors in batches():
            truth.see(ids, vectors)
            yield ids, vectors
        truth.complete = True

    rows = batches if truth.complete else watched
    if isinstance(core, faiss.IndexIVF):
        builder = stack.enter_context(closing(IvfBuilder(index_type, core, plan.count, spill)))
        for ids, vectors in rows():
            builder.add(ids, vectors)
        return builder
    # Held in memory: few rows, and a graph where somebody asked for it.
    return FaissIndex.build(index_type, plan.dimension, rows if index_type == "hnsw" else batches, plan.count)
