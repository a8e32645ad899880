"""The store as it answers: what its vector index misses, and how long a query takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from indexer.catalog.encoders import Encoders
from indexer.catalog.items import Items
from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors
from indexer.encoders.answers import ask_texts
from indexer.encoders.base import Encoder, EncoderId
from indexer.metrics import neighbour_recall
from indexer.types import Float32, Int64
from search.engine.engine import Engine
from search.engine.index_cache import IndexCache
from search.engine.wanted import Wanted
from search.evaluation.results import IndexRecall, Latency
from search.query.query import Query
from search.rerank.base import Reranker
from search.rerank.stage import Reranking

#: Neighbours that an answer is compared by.
NEIGHBOURS = 10
#: Texts that are asked one by one. A p95 of 200 rests on ten queries.
QUERIES = 200
#: Queries before the clock starts: they load the encoder, the index and the changes since it was built.
WARM_UP = 3


def probe(
    texts: Sequence[str],
    engine: Engine,
    indexes: IndexCache,
    encoder: Encoder,
    *,
    seed: int = 0,
    reranker: Reranker | None = None,
    reranking: Reranking | None = None,
) -> tuple[IndexRecall, Latency]:
    """Ask a sample of the texts one at a time, as a person does, and compare the answers with exact search.

    The whole index is searched, not only the images of the pairs. With a `reranker` the clock runs for both stages; the
    answers that are compared are always those of the first. Raises what `Engine.search` raises.
    """
    chosen = np.sort(np.random.default_rng(seed).permutation(len(texts))[:QUERIES])
    queries = [Query(text=texts[position]) for position in chosen]
    both = Wanted(NEIGHBOURS, reranker=reranker, reranking=reranking or Reranking())
    for query in queries[:WARM_UP]:
        engine.search(query, encoder, both)
    answers = timed = [engine.search(query, encoder, both) for query in queries]
    if reranker is not None:
        answers = [engine.search(query, encoder, Wanted(NEIGHBOURS)) for query in queries]
    latency = Latency(
        tuple(answer.seconds["encode"] for answer in timed),
        tuple(answer.seconds["open"] + answer.seconds["search"] for answer in timed),
        tuple(answer.seconds["rerank"] for answer in timed if "rerank" in answer.seconds),
    )
    # One by one, as the engine encodes them: the last bits may depend on the size of a batch.
    vectors = np.concatenate([ask_texts(encoder, [query.label]).vectors for query in queries])  # (q, d)
    shown = _padded([[hit.score or 0.0 for hit in answer] for answer in answers])
    opened = indexes.open("image", encoder.identity)
    with indexes.store.catalog.snapshot() as snapshot:
        active = Encoders(snapshot).active()
        assert active is not None  # the engine has just answered with it
        row, identity = active
        exact, images = _exact(snapshot, row, identity, vectors)
        raw: float | None = None
        if opened is not None and not Items(snapshot).changed_count("image", opened.state.generation):
            _, ids = opened.index.search(vectors, NEIGHBOURS)  # (q, k)
            raw = float(neighbour_recall(_scores_of(snapshot, row, identity, vectors, ids), exact).mean())
    answered = float(neighbour_recall(shown, exact).mean())
    index_type = None if opened is None else opened.state.index_type
    return IndexRecall(index_type, images, NEIGHBOURS, len(queries), raw, answered), latency


def _exact(snapshot: Transaction, row: int, identity: EncoderId, queries: Float32) -> tuple[Float32, int]:
    """The best scores over all images, (q, k) float32 descending, padded with -inf; and how many images there are."""
    best = np.full((len(queries), NEIGHBOURS), -np.inf, np.float32)  # (q, k)
    count = 0
    for ids, vectors in Vectors(snapshot).pages("image", row, identity.dimension):
        count += len(ids)
        scores = (queries.astype(np.float64) @ vectors.astype(np.float64).T).astype(np.float32)  # (q, b)
        both = np.concatenate([best, scores], axis=1)  # (q, k + b)
        best = -np.sort(np.partition(-both, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS], axis=1)
    return best, count


def _scores_of(snapshot: Transaction, row: int, identity: EncoderId, queries: Float32, ids: Int64) -> Float32:
    """Exact scores (q, k) float32 of what an index proposed; -inf where it proposed nothing."""
    vectors = (
        Vectors(snapshot)
        .of_items([int(number) for number in np.unique(ids[ids >= 0])], row, identity.dimension)
        .vectors
    )
    return _padded(
        [
            [
                float(query.astype(np.float64) @ vectors[int(number)].astype(np.float64))
                for number in of_query
                if int(number) in vectors
            ]
            for query, of_query in zip(queries, ids, strict=True)
        ]
    )


def _padded(scores: Sequence[Sequence[float]]) -> Float32:
    """(q, k) float32, filled up with -inf."""
    out = np.full((len(scores), NEIGHBOURS), -np.inf, np.float32)  # (q, k)
    for row, of_query in enumerate(scores):
        out[row, : len(of_query)] = of_query[:NEIGHBOURS]
    return out
