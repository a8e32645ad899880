"""How an index is tuned: queries, their true neighbours, and the least effort that finds as many as are wanted.

    true neighbours <--exact scan, a batch at a time-- all rows
    queries --index--> proposals --compared with the true ones--> recall@10 --> wider or narrower

Recall@10 is the mean share of a query's true first ten that are among what the index proposes; the engine scores
proposals exactly, so what is proposed is found. An item as good as the tenth counts as well as the tenth (copies of
one photograph are no misses).

The mean over some hundred queries is not the mean over all that could be asked. A parameter is accepted when the
mean less `MARGIN` standard errors reaches the target: with 95 % confidence the true mean then does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from indexer.types import Float32, Int64
from indexer.vectors.base import TunableIndex, Tuned

#: Queries of each kind. Their recall spreads by about 0.17, so that the 95 % margin is 0.009 (with 500: 0.0125, for
#: which 1,000,000 vectors were probed in 504 lists where 300 would have done).
QUERIES: Final = 1_000
#: How far a query is moved from the item that it was taken from: by so many times its own length, towards the
#: difference of two other items. Texts lie further from images than images do from each other. On 16,500 photographs
#: and 500 captions under the bundled encoder, with 1, 4, 8, 16 of 510 lists probed, recall@10 is
#:     items themselves        0.57  0.87  0.94  0.98
#:     captions                0.43  0.76  0.88  0.95      (cosine to the best image 0.55)
#:     items moved by 1.25     0.45  0.79  0.89  0.95      (cosine to the best image 0.60)
#: An index that is tuned on items as they are answers texts worse than it says.
STEP: Final = 1.25
#: Neighbours that an index is judged on.
NEIGHBOURS: Final = 10
#: True neighbours that are kept of each query, so that ties at the tenth place are known.
KEPT: Final = 32
#: Scores this near to each other are equal: rounding of a product of 512 terms.
EQUAL: Final = 1e-6
#: Standard errors that the measured mean must lie above the target: 95 % one-sided (normal distribution).
MARGIN: Final = 1.645
#: Candidates for ten hits where their order is that of the true scores, or nearly: SQ8 errs by a few 1e-4.
DEPTHS: Final = {"hnsw": 12, "ivf-flat": 12, "ivf-sq8": 16}
#: Those that are tried for product codes, least first.
PROPOSALS: Final = (12, 16, 24, 40, 64, 100, 160, 250, 400, 640, 1_000)
#: Rows that a query compares whatever was measured: it costs a fifth of a millisecond, less than the scoring of
#: what was found.
ROWS_LEAST: Final = 4_000


@dataclass(frozen=True, slots=True)
class RecallQueries:
    """One kind of query: `vectors` (q, d) float32, unit norm; `own` (q,) int64, the id each was taken from, or -1.

    An item is no answer to its own query.
    """

    vectors: Float32
    own: Int64


def recall_queries(ids: Int64, sample: Float32, others: Float32 | None) -> list[RecallQueries]:
    """Items themselves, items moved to where texts are, and the `others` (o, d) that are asked for.

    `ids` (s,) and `sample` (s, d) float32: rows by chance, of which the first `QUERIES` are taken.
    """
    own = sample[:QUERIES].copy()  # (q, d)
    if not len(own):
        return []
    rng = np.random.default_rng(2)
    step = sample[rng.integers(0, len(sample), len(own))] - sample[rng.integers(0, len(sample), len(own))]
    step /= np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-6)
    moved = own + STEP * step
    moved /= np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-6)
    groups = [RecallQueries(own, ids[: len(own)]), RecallQueries(moved, ids[: len(own)])]
    if others is not None and len(others):
        groups.append(RecallQueries(others, np.full(len(others), -1, np.int64)))
    return groups


class TrueNeighbours:
    """The best items of every query, while all rows pass by. Memory: a batch of scores, and `KEPT` a query."""

    def __init__(self, groups: Sequence[RecallQueries]) -> None:
        self.groups = [group for group in groups if len(group.vectors)]
        vectors = [group.vectors for group in self.groups]
        self.queries: Float32 = np.concatenate(vectors) if vectors else np.empty((0, 0), np.float32)  # (q, d)
        self.own = np.concatenate([group.own for group in self.groups] or [np.empty(0, np.int64)])  # (q,)
        self.complete = False  # whether all rows have passed
        count = len(self.queries)
        self.scores: Float32 = np.full((count, KEPT), -np.inf, np.float32)  # (q, KEPT) descending
        self.ids: Int64 = np.full((count, KEPT), -1, np.int64)  # (q, KEPT)

    def __len__(self) -> int:
        return len(self.queries)

    def see(self, ids: Int64, vectors: Float32) -> None:
        """`ids` (b,) and `vectors` (b, d): the next rows."""
        if not len(self) or not len(ids):
            return
        scores: Float32 = self.queries @ vectors.T  # (q, b)
        mine = np.flatnonzero(np.isin(self.own, ids))  # (m,) queries that were taken from these rows
        if len(mine):
            order = np.argsort(ids)
            scores[mine, order[np.searchsorted(ids, self.own[mine], sorter=order)]] = -np.inf
        if len(ids) > KEPT:  # only the best of a batch can be among the best of all
            if np.isfinite(self.scores[:, -1]).all():
                self._merge_better(ids, scores)
                return
            best = np.argpartition(scores, len(ids) - KEPT, axis=1)[:, -KEPT:]  # (q, KEPT)
        else:
            best = np.broadcast_to(np.arange(len(ids)), scores.shape)
        self._merge(slice(None), np.take_along_axis(scores, best, axis=1), ids[best])

    def _merge_better(self, ids: Int64, scores: Float32) -> None:
        """Most of a later batch is worse than what is kept: look at the few that are not."""
        rows, columns = np.nonzero(scores > self.scores[:, -1:])
        for row in np.unique(rows):
            of_row = columns[rows == row]
            self._merge(slice(row, row + 1), scores[row, of_row][None], ids[of_row][None])

    def _merge(self, rows: slice, scores: Float32, ids: Int64) -> None:
        both = np.concatenate([self.scores[rows], scores], axis=1)
        both_ids = np.concatenate([self.ids[rows], ids], axis=1)
        order = np.argsort(-both, axis=1, kind="stable")[:, :KEPT]
        self.scores[rows] = np.take_along_axis(both, order, axis=1)
        self.ids[rows] = np.where(np.isfinite(self.scores[rows]), np.take_along_axis(both_ids, order, axis=1), -1)


@dataclass(frozen=True, slots=True)
class Measured:
    """Recall of one setting: `mean` of the group that is answered worst, and what it is `at_least`, at 95 %.

    The worst group, because a mean over all would hide that one kind of query is answered badly.
    """

    mean: float
    at_least: float


def exact(target: float) -> Tuned:
    """What is known of an index that compares with everything."""
    return Tuned(target, 1.0, 0, NEIGHBOURS, 0)


def measure(index: TunableIndex, truth: TrueNeighbours, proposals: int) -> Measured:
    """Recall@10 of what `index` proposes at its present width."""
    return _measured(truth, _proposed(index, truth, proposals), proposals)


def tune(index: TunableIndex, truth: TrueNeighbours, target: float) -> tuple[Tuned, bool]:
    """The least width that reaches `target`, else the greatest; what was measured with it; and whether it does.

    An index that scans everything is not measured, nor an empty one.
    """
    if index.width_most == 0 or not len(truth):
        return exact(target), True
    wide, proposals = _depth(index, truth, target)
    width = _narrowed(index, truth, target, wide, proposals)
    found = measure(index.with_width(width), truth, proposals)
    return Tuned(target, round(found.mean, 4), width, proposals, len(truth)), found.at_least >= target


def _narrowed(index: TunableIndex, truth: TrueNeighbours, target: float, wide: int, proposals: int) -> int:
    """The least width up to `wide` that reaches `target`, to a sixteenth of itself."""
    least = min(wide, _least_width(index))
    low, high = least - 1, least  # not reached at `low`
    while high < wide and measure(index.with_width(high), truth, proposals).at_least < target:
        low, high = high, min(wide, 2 * high)
    while low >= least and high - low > max(1, high // 16):
        middle = (low + high) // 2
        if measure(index.with_width(middle), truth, proposals).at_least >= target:
            high = middle
        else:
            low = middle
    return high


def _depth(index: TunableIndex, truth: TrueNeighbours, target: float) -> tuple[int, int]:
    """A width that is enough, and the proposals that the index' codes need there; the most where none reaches.

    Half of what may be lost is left for the lists, where that can be had. A proposal is a row of the catalog to read.
    """
    if index.structure in DEPTHS:
        return index.width_most, DEPTHS[index.structure]
    width = index.width
    while True:
        for most in (PROPOSALS[: len(PROPOSALS) // 2], PROPOSALS):
            found = _proposed(index.with_width(width), truth, most[-1])
            for bound in ((1 + target) / 2, target) if width == index.width_most else ((1 + target) / 2,):
                for proposals in most:
                    if _measured(truth, found, proposals).at_least >= bound:
                        return width, proposals
        if width == index.width_most:
            return width, PROPOSALS[-1]
        width = min(index.width_most, 4 * max(1, width))


def _least_width(index: TunableIndex) -> int:
    if index.structure == "hnsw":
        return NEIGHBOURS
    return -(-ROWS_LEAST * index.width_most // max(1, len(index)))


def _proposed(index: TunableIndex, truth: TrueNeighbours, count: int) -> Int64:
    """The first `count` proposals for every query, (q, count) int64; an item is none for its own query."""
    _, found = index.search(truth.queries, count + 1)  # (q, count + 1)
    found = np.where(found == truth.own[:, None], -1, found)
    order = np.argsort(found < 0, axis=1, kind="stable")[:, :count]  # what is none goes to the end
    proposed: Int64 = np.take_along_axis(found, order, axis=1)
    return proposed


def _measured(truth: TrueNeighbours, found: Int64, proposals: int) -> Measured:
    """Of the first `proposals` of `found` (q, p)."""
    hits = _hits(found[:, :proposals], truth.scores, truth.ids)  # (q,)
    worst = Measured(1.0, 1.0)
    start = 0
    for group in truth.groups:
        own = hits[start : start + len(group.vectors)]
        start += len(own)
        error = float(own.std(ddof=1)) / math.sqrt(len(own)) if len(own) > 1 else 0.0
        mean = float(own.mean())
        worst = Measured(min(worst.mean, mean), min(worst.at_least, mean - MARGIN * error))
    return worst


def _hits(found: Int64, scores: Float32, ids: Int64) -> Float32:
    """Share of the true first ten that was found, (q,) float32; `scores` and `ids` (q, KEPT) of the true best."""
    wanted = np.minimum((ids >= 0).sum(axis=1), NEIGHBOURS)  # (q,)
    last = np.take_along_axis(scores, np.maximum(wanted - 1, 0)[:, None], axis=1)  # (q, 1)
    right = (ids >= 0) & (scores >= last - EQUAL)  # (q, KEPT)
    hits = np.array([np.isin(of[fine], row).sum() for of, fine, row in zip(ids, right, found, strict=True)])
    shares: Float32 = (np.minimum(hits, wanted) / np.maximum(wanted, 1)).astype(np.float32)
    shares[(wanted == 0) | right[:, -1]] = 1.0  # nothing to find, or so many copies that they are not all known
    return shares
