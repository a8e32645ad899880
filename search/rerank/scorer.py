"""The second stage over all queries of a ground truth, by the engine's own rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from indexer.metrics import Scorer
from indexer.progress import Progress
from indexer.types import Float32, Int8
from search.rerank.answers import ask_scores
from search.rerank.base import Candidates, EncodedQuery, Reranker
from search.rerank.stage import join


@dataclass(frozen=True, slots=True)
class RerankItems:
    """All images, or all texts, of a ground truth: as candidates, and each as a query.

    `tokens`: of each, None where there are none. `paths`: of each image, or of an image that a text is about; `texts`:
    None for images.
    """

    tokens: Sequence[Int8 | None]
    paths: Sequence[str]
    texts: Sequence[str | None]
    queries: Sequence[EncodedQuery]


class RerankedScorer:
    """Scores as the engine orders by them: the first candidates' joined scores, and the rest behind them.

    Implements `indexer.metrics.Scorer`. Every query is scored once and its scores are kept, so that going over the
    queries again costs no more than the first stage.
    """

    def __init__(
        self,
        first: Scorer,
        queries: Sequence[EncodedQuery],
        candidates: RerankItems,
        reranker: Reranker,
        count: int,
        progress: Progress,
    ) -> None:
        """`count` >= 1: candidates of each query that are scored anew. `progress` advances by a query at a time."""
        self._first, self._queries, self._items = first, queries, candidates
        self._reranker, self._progress = reranker, progress
        self._joined: dict[int, Float32] = {}
        self._count = min(count, first.candidates)

    @property
    def candidates(self) -> int:
        return self._first.candidates

    def scores(self, start: int, stop: int) -> Float32:
        """See `Scorer.scores`. Raises what the reranker raises."""
        out = np.empty((stop - start, self.candidates), np.float32)  # (b, n)
        similarities = self._first.scores(start, stop)  # (b, n)
        order = np.argsort(-similarities, axis=1, kind="stable")  # (b, n): by (-similarity, position)
        for row, (near, best) in enumerate(zip(similarities, order, strict=True)):
            descending = near[best]  # (n,)
            out[row, best] = join(self._scores(start + row, best[: self._count].tolist(), descending), descending)
        return out

    def _scores(self, query: int, first: list[int], descending: Float32) -> Float32:
        """What the reranker says of the first candidates, (count,) float32, NaN where it cannot."""
        held = self._joined.get(query)
        if held is None:
            items, encoded = self._items, self._queries[query]
            candidates = Candidates(
                descending[: len(first)],
                [items.tokens[position] for position in first],
                [items.paths[position] for position in first],
                [items.texts[position] for position in first],
            )
            there = encoded.tokens is not None and any(tokens is not None for tokens in candidates.tokens)
            if there or not self._reranker.needs_tokens:
                held = ask_scores(self._reranker, encoded, candidates)
            else:
                held = np.full(len(candidates), np.nan, np.float32)  # the engine leaves such answers as they are
            self._joined[query] = held
            self._progress.advance(1)
        return held
