"""An index -> answers: embed the query, propose candidates, score them exactly, say what they are.

The vector index only proposes. Every score that is shown is computed from the catalog's own vectors, and items that
changed after the index was built are compared one by one, so that an answer never depends on the state of a cache.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np

from indexer.catalog.snapshot import Changes, Snapshot
from indexer.encoders.base import Encoder
from indexer.errors import StoreMissingError, UsageError
from indexer.types import KINDS, Float32, Int64, Kind
from indexer.vectors.base import SearchParameters
from search.indexes import IndexCache, OpenIndex
from search.query import TARGETS, Query, Target
from search.query_image import embed_image
from search.results import Hit, Results, Work

#: Candidates that an approximate index proposes for each hit that is wanted; the exact scores choose among them.
OVERSAMPLE = 4
MIN_CANDIDATES = 100
#: Vectors of a kind from which the spread of its scores is estimated, when both kinds are asked for.
NULL_SAMPLE = 1_000


@dataclass(frozen=True, slots=True)
class _Question:
    """What one search asks of one state of the catalog. `embedding` (d,) float32, unit norm."""

    snapshot: Snapshot
    encoder_row: int
    embedding: Float32
    k: int
    parameters: SearchParameters

    @property
    def dimension(self) -> int:
        return len(self.embedding)


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Candidates of one kind, by (-score, id). `ids` (n,) int64, `scores` (n,) float32."""

    ids: Int64
    scores: Float32


class Engine:
    """Answers queries over one store. Safe to use from several threads."""

    def __init__(self, indexes: IndexCache) -> None:
        self._indexes = indexes
        self._lock = threading.Lock()
        self._changes: dict[Kind, tuple[tuple[int, int, int], Changes]] = {}

    def search(
        self,
        query: Query,
        encoder: Encoder,
        *,
        k: int = 10,
        to: Target = "image",
        parameters: SearchParameters | None = None,
    ) -> Results:
        """The `k` best items of the kind `to`. Raises UsageError when k < 1, FileError for a broken query image."""
        if k < 1:
            raise UsageError(f"The number of hits must be at least 1, not {k}.")
        if to not in TARGETS:
            raise UsageError(f"--to takes {', '.join(TARGETS)}, not {to!r}.")
        started = time.perf_counter()
        notes: list[str] = []
        kinds: tuple[Kind, ...] = KINDS if to == "any" else (to,)
        opened = {kind: self._indexes.open(kind, encoder.identity) for kind in kinds}
        opened_at = time.perf_counter()
        with self._indexes.store.catalog.snapshot() as snapshot:
            active = snapshot.active_encoder()
            if active is None:
                raise StoreMissingError("This index is empty; fill it with `search index FOLDER`.")
            row = active[0]
            embedding = self._embed(query, encoder, snapshot, row, notes)  # (d,) float32, unit norm
            embedded_at = time.perf_counter()
            question = _Question(snapshot, row, embedding, k, parameters or SearchParameters())
            ranked: dict[Kind, _Ranked] = {}
            work = Work()
            for kind in kinds:
                ranked[kind], spent = self._rank(question, kind, opened[kind])
                work = Work(work.indexed + spent.indexed, work.scanned + spent.scanned, work.rescored + spent.rescored)
            ids = self._merge(question, ranked)
            scores = {int(i): float(s) for one in ranked.values() for i, s in zip(one.ids, one.scores, strict=True)}
            rows = snapshot.items(ids)
        hits = tuple(
            Hit(
                number,
                rows[number].kind,
                rows[number].path,
                scores[number],
                rows[number].text,
                rows[number].source,
                rows[number].metadata if rows[number].kind == "image" else None,
            )
            for number in ids
            if number in rows
        )
        seconds = {
            "open": opened_at - started,
            "encode": embedded_at - opened_at,
            "search": time.perf_counter() - embedded_at,
        }
        return Results(str(query), hits, tuple(notes), seconds, work)

    # -- the query ------------------------------------------------------------------------------------------

    def _embed(self, query: Query, encoder: Encoder, snapshot: Snapshot, row: int, notes: list[str]) -> Float32:
        if query.image is not None:
            return embed_image(query.image, encoder, snapshot, row)
        assert query.text is not None
        tokens = encoder.count_tokens(query.text)
        if tokens > encoder.max_text_tokens:
            notes.append(
                f"The query is longer than the encoder reads: only its first {encoder.max_text_tokens} of {tokens} "
                "word pieces count."
            )
        vectors = encoder.encode_texts([query.text])  # (1, d) float32, unit norm
        embedding: Float32 = vectors[0]
        return embedding

    # -- candidates -----------------------------------------------------------------------------------------

    def _rank(self, question: _Question, kind: Kind, opened: OpenIndex | None) -> tuple[_Ranked, Work]:
        """The best k items of a kind, with exact scores."""
        snapshot, parameters = question.snapshot, question.parameters
        if opened is None or opened.generation > snapshot.generation:
            return self._scan(question, kind)
        changes = self._changed(question, kind, opened)
        wanted = question.k if opened.exact else max(OVERSAMPLE * question.k, MIN_CANDIDATES)
        exclude = changes.exclude
        if parameters.exclude is not None:
            exclude = np.union1d(exclude, parameters.exclude)
        within = SearchParameters(parameters.effort, exclude if len(exclude) else None, parameters.only)
        _, found = opened.index.search(question.embedding[None, :], wanted, within)
        candidates = found[0][found[0] >= 0]  # (m,) int64
        tail = _allowed(changes.ids, parameters)
        tail_best = _best(changes.ids[tail], changes.vectors[tail], question)
        ids = np.concatenate([candidates, tail_best.ids])
        vectors = snapshot.vectors_of([int(number) for number in ids], question.encoder_row, question.dimension)
        kept = np.array([number for number in ids if int(number) in vectors], np.int64)
        stacked = np.array([vectors[int(number)] for number in kept], np.float32)
        stacked = stacked.reshape(len(kept), question.dimension)  # (m, d), also when m is 0
        return _best(kept, stacked, question), Work(len(opened.index), len(changes.ids), len(kept))

    def _changed(self, question: _Question, kind: Kind, opened: OpenIndex) -> Changes:
        """What the index misses at this snapshot; kept until either changes."""
        snapshot, row = question.snapshot, question.encoder_row
        key = (opened.generation, snapshot.generation, row)
        with self._lock:
            held = self._changes.get(kind)
        if held is not None and held[0] == key:
            return held[1]
        changes = snapshot.changes_since(kind, opened.generation, row, question.dimension)
        with self._lock:
            self._changes[kind] = (key, changes)
        return changes

    def _scan(self, question: _Question, kind: Kind) -> tuple[_Ranked, Work]:
        """Compare with every vector of the catalog, a batch at a time: right whatever the state of the indexes."""
        best = _Ranked(np.empty(0, np.int64), np.empty(0, np.float32))
        scanned = 0
        for ids, vectors in question.snapshot.vectors(kind, question.encoder_row, question.dimension):
            scanned += len(ids)
            keep = _allowed(ids, question.parameters)
            found = _best(ids[keep], vectors[keep], question)
            best = _order(
                np.concatenate([best.ids, found.ids]), np.concatenate([best.scores, found.scores]), question.k
            )
        return best, Work(scanned=scanned)

    # -- both kinds together --------------------------------------------------------------------------------

    def _merge(self, question: _Question, ranked: dict[Kind, _Ranked]) -> list[int]:
        """Ids of the k best of all kinds, by standard score within each kind."""
        if len(ranked) == 1:
            (only,) = ranked.values()
            return [int(number) for number in only.ids[: question.k]]
        merged: list[tuple[float, int]] = []
        for kind, one in ranked.items():
            batches = question.snapshot.vectors(kind, question.encoder_row, question.dimension, batch=NULL_SAMPLE)
            sample = next(batches, None)
            if sample is None:
                continue
            scores = _exact_scores(sample[1], question.embedding)
            mean, spread = float(scores.mean()), float(scores.std()) or 1.0
            merged += [
                (-(float(score) - mean) / spread, int(number))
                for number, score in zip(one.ids, one.scores, strict=True)
            ]
        return [number for _, number in sorted(merged)[: question.k]]


def _exact_scores(vectors: Float32, embedding: Float32) -> Float32:
    """Inner products (n,) float32; summed in float64, so that they do not depend on how rows are grouped."""
    scores: Float32 = (vectors.astype(np.float64) @ embedding.astype(np.float64)).astype(np.float32)
    return scores


def _best(ids: Int64, vectors: Float32, question: _Question) -> _Ranked:
    return _order(ids, _exact_scores(vectors, question.embedding), question.k)


def _order(ids: Int64, scores: Float32, k: int) -> _Ranked:
    order = np.lexsort((ids, -scores))[:k]
    return _Ranked(ids[order], scores[order])


def _allowed(ids: Int64, parameters: SearchParameters) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    keep = np.ones(len(ids), bool)
    if parameters.exclude is not None:
        keep &= ~np.isin(ids, parameters.exclude)
    if parameters.only is not None:
        keep &= np.isin(ids, parameters.only)
    return keep
