"""The second stage over all queries of an evaluation, by the engine's own rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from indexer.catalog.tokens import Tokens
from indexer.catalog.transaction import Transaction
from indexer.encoders.base import Encoder
from indexer.encoders.batches import encode_texts
from indexer.metrics import InnerProducts, Scorer
from indexer.progress import Progress
from indexer.types import Float32, Int8
from search.ground_truth.ground_truth import Gold, stored_texts
from search.rerank.base import Candidates, EncodedQuery, Reranker
from search.rerank.stage import TokenSource, join


@dataclass(frozen=True, slots=True)
class Side:
    """All images, or all texts, of an evaluation: as queries, or as candidates.

    `tokens`: of each, None where there are none. `paths`: of each image, or of an image that a text is about; `texts`:
    None for images. `queries`: each as a query.
    """

    tokens: Sequence[Int8 | None]
    paths: Sequence[str]
    texts: Sequence[str | None]
    queries: Sequence[EncodedQuery]

    @property
    def known(self) -> int:
        """How many of them have tokens."""
        return sum(each is not None for each in self.tokens)


class RerankedScores:
    """Scores as the engine orders by them: the first candidates' joined scores, and the rest behind them.

    Implements `indexer.metrics.Scorer`. Every query is asked once and its scores are kept, so that going over the
    queries again costs no more than the first stage.
    """

    def __init__(
        self, first: Scorer, queries: Side, candidates: Side, reranker: Reranker, count: int, progress: Progress
    ) -> None:
        """`count` >= 1: candidates of each query that are scored anew. `progress` advances by a query at a time."""
        self._first, self._queries, self._side = first, queries, candidates
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
            side = self._side
            candidates = Candidates(
                descending[: len(first)],
                [side.tokens[position] for position in first],
                [side.paths[position] for position in first],
                [side.texts[position] for position in first],
            )
            encoded = self._queries.queries[query]
            there = encoded.tokens is not None and any(tokens is not None for tokens in candidates.tokens)
            if there or not self._reranker.needs_tokens:
                held = self._reranker.score(encoded, candidates)
            else:
                held = np.full(len(candidates), np.nan, np.float32)  # the engine leaves such answers as they are
            self._joined[query] = held
            self._progress.advance(1)
        return held


def sides(
    gold: Gold, vectors: Float32, encoder: Encoder, snapshot: Transaction, encoder_row: int, *, with_tokens: bool
) -> tuple[Side, Side]:
    """The images and the texts; `with_tokens`: with tokens, from the store or, for texts that it lacks, made anew.

    `vectors` (t, d) float32, unit norm: the texts'.
    """
    source = TokenSource.open(snapshot, encoder_row, encoder)
    regions: list[Int8 | None] = [None] * len(gold.images)
    words: list[Int8 | None] = [None] * len(gold.texts)
    if with_tokens and source.width:
        contents = [int(number) for number in gold.contents]
        by_content = Tokens(snapshot).of_contents(contents, encoder_row, source.width)
        regions = [by_content.get(content) for content in contents]
        words = list(_word_tokens(gold.texts, encoder, snapshot, encoder_row))
    about = gold.images_of_texts()
    images = [
        EncodedQuery("image", vector, tokens, image=path)
        for vector, tokens, path in zip(gold.vectors, regions, gold.images, strict=True)
    ]
    texts = [
        EncodedQuery("text", vector, tokens, text=text)
        for vector, tokens, text in zip(vectors, words, gold.texts, strict=True)
    ]
    paths = [gold.images[int(about.of(text)[0])] for text in range(len(gold.texts))]
    return Side(regions, gold.images, [None] * len(gold.images), images), Side(words, paths, gold.texts, texts)


def _word_tokens(texts: Sequence[str], encoder: Encoder, snapshot: Transaction, encoder_row: int) -> list[Int8]:
    """Word tokens (t, w) int8 of each text: from the store where it has them, the rest encoded in full batches."""
    shape = encoder.token_shape
    assert shape is not None
    stored = stored_texts(texts, snapshot, encoder_row, encoder.identity.dimension, shape)
    found = {text: tokens for text, (_, tokens) in stored.items()}
    missing = [text for text in dict.fromkeys(texts) if text not in found]
    found.update(zip(missing, encode_texts(encoder, missing, tokens=True).tokens or (), strict=True))
    return [found[text] for text in texts]


def reranked(
    gold: Gold, images: Side, texts: Side, vectors: Float32, reranker: Reranker, count: int, progress: Progress
) -> tuple[RerankedScores, RerankedScores]:
    """The second stage's scorers: each text against all images, each image against all texts.

    `vectors` (t, d) float32, unit norm: the texts'.
    """
    progress.total(len(gold.texts) + len(gold.images))
    return (
        RerankedScores(InnerProducts(vectors, gold.vectors), texts, images, reranker, count, progress),
        RerankedScores(InnerProducts(gold.vectors, vectors), images, texts, reranker, count, progress),
    )
