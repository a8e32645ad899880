"""How good a ranking is: pure functions from scores to ranks, and from ranks to the numbers of retrieval.

Everything starts from the ranks of *all* right answers of a query. Ties count against the method: among equal scores
the wrong candidates go first, so that an encoder that gives everything one score gets the worst rank and not the best.
The r-th right answer (by score) of a query has the rank

    rank_r = r + |{wrong candidates j : s_j >= s_r}|,    1 is the first place.

No number depends on the order of the candidates. Sources: Manning, Raghavan, Schütze, *Introduction to Information
Retrieval* (2008), chapter 8 (AP, MRR); Järvelin and Kekäläinen 2002 (nDCG); Hodosh, Young, Hockenmaier 2013 (R@k and
median rank of captions and images, where one right answer among the first k is a hit).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from indexer.types import Float32, Int64

Float64 = npt.NDArray[np.float64]

#: Scores of one block: 32 MB of float32; sorting them takes as much again.
BLOCK_SCORES = 8_000_000


@dataclass(frozen=True, slots=True)
class Relevance:
    """Which candidates are right for which query, as compressed rows: `items[offsets[q]:offsets[q + 1]]`, ascending.

    `offsets` (q + 1,) int64, `items` (m,) int64. Every query has at least one right answer.
    """

    offsets: Int64
    items: Int64

    @classmethod
    def of_pairs(cls, queries: Int64, candidates: Int64, count: int) -> Relevance:
        """From (query, candidate) pairs, both (p,) int64; repeats are one. `count`: how many queries there are.

        Raises ValueError when a query has no right answer.
        """
        pairs = np.unique(np.stack([queries, candidates], axis=1), axis=0)  # (m, 2), by query, then candidate
        sizes = np.bincount(pairs[:, 0], minlength=count)  # (q,)
        if len(sizes) != count or not bool((sizes > 0).all()):
            raise ValueError("every query needs a right answer")
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]).astype(np.int64)  # (q + 1,)
        return cls(offsets, pairs[:, 1].astype(np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def of(self, query: int) -> Int64:
        """The right candidates of a query, (m,) int64."""
        return self.items[self.offsets[query] : self.offsets[query + 1]]


@dataclass(frozen=True, slots=True)
class Ranks:
    """The ranks of all right answers of each query, ascending within a query.

    `offsets` (q + 1,) int64 as in `Relevance`; `ranks` (m,) int64, 1 is the first place.
    """

    offsets: Int64
    ranks: Int64

    @property
    def first(self) -> Int64:
        """(q,) int64: the rank of each query's best right answer."""
        return self.ranks[self.offsets[:-1]]

    @property
    def sizes(self) -> Int64:
        """(q,) int64: how many right answers each query has."""
        return np.diff(self.offsets)


class Scorer(Protocol):
    """One stage of retrieval, seen as a score for every pair of a query and a candidate.

    The seam for reranking: a second stage is another `Scorer` that lifts its rescored candidates over the rest.
    """

    @property
    def candidates(self) -> int: ...

    def scores(self, start: int, stop: int) -> Float32:
        """(stop - start, candidates) float32, finite: of the queries from `start` on."""
        ...


class InnerProducts:
    """Scores of the first stage: inner products of unit vectors. Implements `Scorer`.

    Summed in float64 and rounded to float32, as the engine does it: equal vectors get equal scores wherever they
    stand, and no score depends on the size of a block.
    """

    def __init__(self, queries: Float32, candidates: Float32, *, tile: int = 4_096) -> None:
        """`queries` (q, d) and `candidates` (n, d) float32, unit norm. `tile`: candidates held in float64 at once."""
        self._queries, self._candidates, self._tile = queries, candidates, tile

    @property
    def candidates(self) -> int:
        return len(self._candidates)

    def scores(self, start: int, stop: int) -> Float32:
        """See `Scorer.scores`."""
        some = self._queries[start:stop].astype(np.float64)  # (b, d)
        out = np.empty((len(some), len(self._candidates)), np.float32)  # (b, n)
        for left in range(0, len(self._candidates), self._tile):
            right = left + self._tile
            out[:, left:right] = some @ self._candidates[left:right].astype(np.float64).T  # (b, tile)
        return out


def blocks(queries: int, candidates: int, limit: int = BLOCK_SCORES) -> Iterator[tuple[int, int]]:
    """(start, stop) of runs of queries whose scores are at most `limit` numbers (one query at least)."""
    step = max(1, limit // max(1, candidates))
    for start in range(0, queries, step):
        yield start, min(start + step, queries)


def rank_all(scorer: Scorer, relevance: Relevance, *, block: int = BLOCK_SCORES) -> Ranks:
    """The ranks of every right answer, a block of queries at a time: memory does not grow with the queries.

    Raises ValueError when a score is not finite.
    """
    parts = [
        block_ranks(scorer.scores(start, stop), relevance, start)
        for start, stop in blocks(len(relevance), scorer.candidates, block)
    ]
    return Ranks(relevance.offsets, np.concatenate(parts) if parts else np.empty(0, np.int64))


def block_ranks(scores: Float32, relevance: Relevance, start: int = 0) -> Int64:
    """Ranks (m,) int64 of the right answers of the queries `start`, `start + 1`, ...: one a row of `scores`.

    `scores` (b, n) float32; ascending within a query. Raises ValueError when a score is not finite.
    """
    if not bool(np.isfinite(scores).all()):
        raise ValueError("scores must be finite")
    ordered = np.sort(scores, axis=1)  # (b, n), ascending
    found = []
    for row, sorted_row in enumerate(ordered):
        own = np.sort(scores[row, relevance.of(start + row)])  # (m,), ascending
        at_least = len(sorted_row) - np.searchsorted(sorted_row, own, side="left")  # (m,): candidates with s >= own
        right_at_least = len(own) - np.searchsorted(own, own, side="left")  # (m,): right ones among them
        wrong = (at_least - right_at_least)[::-1]  # (m,), best first
        found.append(np.arange(1, len(own) + 1) + wrong)
    return np.concatenate(found).astype(np.int64) if found else np.empty(0, np.int64)


# -- one number a query -------------------------------------------------------------------------------------


def hits(ranks: Ranks, k: int) -> Float64:
    """(q,) 1.0 where a right answer is among the first k, else 0.0. Its mean is R@k."""
    return (ranks.first <= k).astype(np.float64)


def reciprocal_ranks(ranks: Ranks) -> Float64:
    """(q,) 1 / rank of the best right answer. Its mean is the MRR."""
    result: Float64 = 1.0 / ranks.first
    return result


def ndcg(ranks: Ranks, k: int = 10) -> Float64:
    """(q,) nDCG@k with gains of 0 and 1: sum of 1 / log2(1 + rank) over right answers among the first k, divided by
    the same sum of the best order there could be (all min(k, m) first places right)."""
    gains = np.where(ranks.ranks <= k, 1.0 / np.log2(1.0 + ranks.ranks), 0.0)  # (m,)
    ideal = np.cumsum(1.0 / np.log2(1.0 + np.arange(1, k + 1)))  # (k,)
    result: Float64 = np.add.reduceat(gains, ranks.offsets[:-1]) / ideal[np.minimum(ranks.sizes, k) - 1]
    return result


def average_precisions(ranks: Ranks) -> Float64:
    """(q,) the mean over a query's right answers of the precision at their rank, r / rank_r. Its mean is mAP."""
    places = np.arange(len(ranks.ranks)) - np.repeat(ranks.offsets[:-1], ranks.sizes) + 1  # (m,): r
    result: Float64 = np.add.reduceat(places / ranks.ranks, ranks.offsets[:-1]) / ranks.sizes
    return result


def chance(sizes: Int64, candidates: int, k: int) -> float:
    """R@k of a random order: the mean of 1 - C(n - m, k) / C(n, k) over queries with m right answers of n."""
    if k >= candidates:
        return 1.0
    values, counts = np.unique(sizes, return_counts=True)
    missed = [float(np.prod([max(0, candidates - int(m) - i) / (candidates - i) for i in range(k)])) for m in values]
    return float(1.0 - np.average(missed, weights=counts))


# -- approximate against exact ------------------------------------------------------------------------------


def neighbour_recall(found: Float32, exact: Float32) -> Float64:
    """(q,) share of the exact first k that an approximate search has, by score: a neighbour as near as the k-th counts.

    `found` (q, k) float32: exact scores of what was found, -inf where nothing was. `exact` (q, k) float32: the best
    scores there are, descending, -inf where there are fewer than k. Equal items (copies of a photograph) are equally
    right, as in ANN-Benchmarks (Aumüller, Bernhardsson, Faithfull 2020).
    """
    there = np.isfinite(exact)  # (q, k)
    wanted = there.sum(axis=1)  # (q,)
    last = np.where(there, exact, np.inf).min(axis=1, keepdims=True)  # (q, 1)
    got = np.minimum((np.isfinite(found) & (found >= last)).sum(axis=1), wanted)
    return np.where(wanted > 0, got / np.maximum(wanted, 1), 1.0)
