"""Hits whose rightness is known, from pairs: what a calibration is fitted to, and checked on.

Every query is asked twice: of the collection as it is, and of the collection without its right answers, so that
"nothing here matches" is met as often as a match. Only the first hits count, as a person sees them. To learn what the
number of items does, the collection is also cut into parts (whole photographs, with their texts), and each query asked
of the part that holds its answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.metrics import Float64, Relevance, Scorer, blocks
from indexer.types import Float32, Int64
from search.calibration.background import SAMPLE_SIZE, of_scenes
from search.calibration.curve import Background, Backgrounds, TypicalBackground

Bool = npt.NDArray[np.bool_]

#: Hits of a query that count: what `search query` shows by itself.
SHOWN = 10

#: Into how many parts the collection is cut, as far as a part keeps MIN_PART items.
PARTS = (1, 4, 16)
MIN_PART = 8

#: Cosine of the vectors of one item, rounded.
_SAME = 1.0 - 1e-5


@dataclass(frozen=True, slots=True)
class Listing:
    """The first m candidates of q queries, best first.

    `positions` (q, m) int64, `scores` (q, m) float64: what they are ordered by.
    """

    positions: Int64
    scores: Float64


@dataclass(frozen=True, slots=True)
class Examples:
    """m hits. `scores` (m,) float64; `right` (m,) float64, 0 or 1; `queries` (m,) int64: which query found it; `places`
    (m,) int64: at which place, 0 is the first; `found` (m,) int64: the candidate; `whole` (m,) bool: whether the
    right ones were there; `similarities` (m,) float64: those that scores of a reranker stand in the place of."""

    scores: Float64
    backgrounds: Backgrounds
    right: Float64
    queries: Int64
    places: Int64
    found: Int64
    whole: Bool
    similarities: Float64

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def typical(self) -> TypicalBackground:
        """The mean background of the hits' queries."""
        variance = self.backgrounds.spread**2 + (self.backgrounds.mean - self.backgrounds.mean.mean()) ** 2
        return TypicalBackground(float(self.backgrounds.mean.mean()), float(np.sqrt(variance.mean())))


def list_first(scorer: Scorer, queries: int, count: int) -> Listing:
    """The `count` best candidates of each query, by (-score, position)."""
    count = min(count, scorer.candidates)
    positions = np.empty((queries, count), np.int64)
    found = np.empty((queries, count), np.float64)
    for start, stop in blocks(queries, scorer.candidates):
        scores = scorer.scores(start, stop)  # (b, n)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :count]  # (b, m)
        positions[start:stop] = order
        found[start:stop] = np.take_along_axis(scores, order, axis=1)
    return Listing(positions, found)


def collect(
    listing: Listing,
    queries: Float32,
    candidates: Float32,
    relevance: Relevance,
    groups: Int64,
    *,
    store: Float32 | None = None,
    parts: Sequence[int] = PARTS,
    seed: int = 0,
) -> Examples:
    """The hits of every query, with and without its right answers there.

    `queries` (q, d), `candidates` (n, d) float32, unit norm, q and n at least 1; `groups` (n,) int64: candidates that
    stay together when the collection is cut. A query whose answers lie in several parts is asked of the one that holds
    the first of them. `store` (s, d) float32: a sample of all that the store has of the candidates' kind, which
    backgrounds are taken from as they are when somebody asks, instead of from the candidates alone.
    """
    first = relevance.items[relevance.offsets[:-1]]  # (q,): the first right candidate
    rows: list[_Row] = []
    beside = None if store is None else _same(store, candidates)  # (s,)
    _, numbered = np.unique(groups, return_inverse=True)  # (n,)
    for number, count in enumerate(parts):
        if count > 1 and len(candidates) < count * MIN_PART:
            break
        shuffled = np.random.default_rng((seed, number)).permutation(int(numbered.max()) + 1)  # (groups,)
        part = (shuffled % count)[numbered]  # (n,): which part each candidate is in
        for one in range(count):
            members = np.flatnonzero(part == one)  # (p,)
            asked = np.flatnonzero(part[first] == one)
            if len(members) and len(asked):
                sample = sample_of(members) if beside is None else beside  # (s,)
                sampled = candidates[sample] if store is None else store  # (s, d)
                rows += _of_part(listing, queries, candidates, relevance, members, asked, sample, sampled)
    scores = np.concatenate([row.scores for row in rows])
    lengths = [len(row.scores) for row in rows]
    backgrounds = Backgrounds(
        np.repeat([row.background.mean for row in rows], lengths),
        np.repeat([row.background.spread for row in rows], lengths),
        np.repeat(np.array([row.background.sampled for row in rows], np.int64), lengths),
        np.repeat(np.array([row.background.items for row in rows], np.int64), lengths),
    )
    right = np.concatenate([row.right for row in rows])
    asked = np.repeat(np.array([row.query for row in rows], np.int64), lengths)
    places = np.concatenate([np.arange(length) for length in lengths])
    found = np.concatenate([row.found for row in rows])
    whole = np.repeat(np.array([row.whole for row in rows], bool), lengths)
    near = np.concatenate([row.similarities for row in rows])
    return Examples(scores, backgrounds, right, asked, places, found, whole, near)


@dataclass(frozen=True, slots=True)
class _Row:
    """One query asked once: its first hits."""

    query: int
    scores: Float64
    right: Float64
    background: Background
    found: Int64
    whole: bool
    similarities: Float64


def sample_of(items: Int64, count: int = SAMPLE_SIZE) -> Int64:
    """At most `count` of `items` (n,), evenly spread over them."""
    if len(items) <= count:
        return items
    spread: Int64 = items[np.arange(count) * len(items) // count]
    return spread


def _same(sample: Float32, candidates: Float32) -> Int64:
    """(s,): which candidate each of the sample is, -1 for none."""
    near = sample @ candidates.T  # (s, n)
    best = near.argmax(axis=1)
    found: Int64 = np.where(near[np.arange(len(sample)), best] > _SAME, best, -1)
    return found


def _of_part(
    listing: Listing,
    queries: Float32,
    candidates: Float32,
    relevance: Relevance,
    members: Int64,
    asked: Int64,
    sample: Int64,
    vectors: Float32,
) -> list[_Row]:
    """`sample` (s,): candidates whose `vectors` (s, d) backgrounds are taken from, -1 for what is none."""
    inside = np.zeros(len(candidates), bool)
    inside[members] = True
    sampled = vectors.astype(np.float64)  # (s, d)
    similarities = queries[asked].astype(np.float64) @ sampled.T  # (a, s)
    rows = []
    for query, row in zip(asked.tolist(), similarities, strict=True):
        positions, scores = listing.positions[query], listing.scores[query]  # (m,)
        there = inside[positions]
        answers = relevance.of(query)
        right = np.isin(positions, answers)  # (m,)
        shown = np.flatnonzero(there)[:SHOWN]
        present = Background.of(of_scenes(row, sampled), len(members))
        near = candidates[positions].astype(np.float64) @ queries[query].astype(np.float64)  # (m,)
        first = _Row(
            query, scores[shown], right[shown].astype(np.float64), present, positions[shown], True, near[shown]
        )
        rows.append(first)
        shown = np.flatnonzero(there & ~right)[:SHOWN]
        others = len(members) - int(inside[answers].sum())
        other = np.flatnonzero(~np.isin(sample, answers))
        background = Background.of(of_scenes(row[other], sampled, other), others)
        rows.append(_Row(query, scores[shown], np.zeros(len(shown)), background, positions[shown], False, near[shown]))
    return rows
