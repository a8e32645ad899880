"""Making an index: rows in, a tuned index on disk out. Memory does not depend on how many rows there are.

    a sample of the rows --> cells, codes and questions
    all rows --> lists on disk, and the questions' true neighbours, in one pass
    the file, mapped --> its recall, the least width that reaches the target --> the manifest

Where a type misses the target however hard it looks, the next better one of `tuning.BETTER` is built.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import faiss
import numpy as np

from indexer.progress import Progress, Silent
from indexer.types import Float32, Int64
from indexer.vectors.backends.faiss_files import tuning
from indexer.vectors.backends.faiss_files.faiss_index import FaissIndex
from indexer.vectors.backends.faiss_files.ivf_builder import SpilledIvf
from indexer.vectors.backends.faiss_files.ivf_training import Batches, draw, empty_core, training_rows
from indexer.vectors.backends.faiss_files.manifest import IndexStamp
from indexer.vectors.backends.faiss_files.writer import Writable, building, draft
from indexer.vectors.base import IndexType
from indexer.vectors.recall import Questions, TrueNeighbours, tune

#: Questions of each kind. Their recall spreads by about 0.17, so that the 95 % margin is 0.009 (with 500: 0.0125, for
#: which 1,000,000 vectors were probed in 504 lists where 300 would have done).
QUESTIONS: Final = 1_000
#: How far a question is moved from the item that it was taken from: by so many times its own length, towards the
#: difference of two other items. Texts lie further from images than images do from each other. On 16,500 photographs
#: and 500 captions under the bundled encoder, with 1, 4, 8, 16 of 510 lists probed, recall@10 is
#:     items themselves        0.57  0.87  0.94  0.98
#:     captions                0.43  0.76  0.88  0.95      (cosine to the best image 0.55)
#:     items moved by 1.25     0.45  0.79  0.89  0.95      (cosine to the best image 0.60)
#: An index that is tuned on items as they are answers texts worse than it says.
STEP: Final = 1.25


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made: `asked` for `count` vectors of `dimension`, to reach the recall@10 `target`.

    `generation` and `encoder` go into the manifest.
    """

    asked: IndexType
    count: int
    dimension: int
    target: float
    generation: int
    encoder: str


def make_index(
    folder: Path,
    kind: str,
    plan: Plan,
    batches: Batches,
    others: Float32 | None = None,
    progress: Progress | None = None,
) -> IndexStamp:
    """Build, tune and save the index of `kind` from what `batches` gives. Needs the store's write lock.

    `others` (q, d) float32: vectors that are asked for besides the rows' own, of the texts that came with the images.
    Raises ValueError on rows that `VectorIndex.add` would refuse, StoreUnwritableError.
    """
    progress = progress or Silent()
    truth: TrueNeighbours | None = None
    for index_type in (plan.asked, *tuning.BETTER[plan.asked]):
        core, questions = _trained(index_type, plan, batches, others)
        if truth is None:
            truth = TrueNeighbours(questions)
        with building(folder, kind) as spill, ExitStack() as stack:
            source = _filled(core, index_type, plan, batches, truth, spill, stack)
            with draft(folder, kind, source, generation=plan.generation) as made:
                with made.opened() as index:
                    progress.phase(f"Measuring the recall of the {kind} index")
                    tuned, reached = tune(index, truth, plan.target)
                    del index
                if reached or index_type == "flat":
                    return made.commit(plan.encoder, tuned, plan.asked)
        progress.phase(f"{index_type} finds {tuned.recall:.3f} of the nearest at best; building a better index")
    raise AssertionError("the last of them is exact")


def _trained(
    index_type: IndexType, plan: Plan, batches: Batches, others: Float32 | None
) -> tuple[Any, list[Questions]]:
    """An inverted file without rows, None for other types, and questions; the sample of both is not kept."""
    if index_type == "flat":
        return None, []
    size = training_rows(index_type, plan.count, plan.dimension)
    ids, sample = draw(batches, plan.count, QUESTIONS + size, plan.dimension)
    first = np.random.default_rng(1).permutation(len(ids))[:QUESTIONS]
    for place, row in enumerate(np.sort(first)):  # swapped to the front: no second copy
        ids[[place, row]], sample[[place, row]] = ids[[row, place]], sample[[row, place]]
    questions = _questions(ids, sample, others)
    if not size:
        return None, questions
    training = sample[QUESTIONS:] if len(sample) > 2 * QUESTIONS else sample
    return empty_core(index_type, plan.dimension, training, plan.count), questions


def _questions(ids: Int64, sample: Float32, others: Float32 | None) -> list[Questions]:
    """Items themselves, items moved to where texts are, and what else is asked for."""
    own = sample[:QUESTIONS].copy()  # (q, d)
    if not len(own):
        return []
    rng = np.random.default_rng(2)
    step = sample[rng.integers(0, len(sample), len(own))] - sample[rng.integers(0, len(sample), len(own))]
    step /= np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-6)
    moved = own + STEP * step
    moved /= np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-6)
    groups = [Questions(own, ids[: len(own)]), Questions(moved, ids[: len(own)])]
    if others is not None and len(others):
        groups.append(Questions(others, np.full(len(others), -1, np.int64)))
    return groups


def _filled(
    core: Any,
    index_type: IndexType,
    plan: Plan,
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
        spilled = stack.enter_context(closing(SpilledIvf(index_type, core, plan.count, spill)))
        for ids, vectors in rows():
            spilled.add(ids, vectors)
        return spilled
    # Held in memory: flat up to what `tuning.choose_type` allows, and a graph where somebody asked for it.
    return FaissIndex.build(index_type, plan.dimension, rows if index_type == "hnsw" else batches, plan.count)
