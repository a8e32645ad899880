"""The first stage: an index proposes candidates, the catalog's own vectors say how similar they are.

Every similarity is computed from the catalog, and items that changed after the index was built are compared one by
one, so that an answer never depends on the state of a cache.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from indexer import forking
from indexer.catalog.items import Items
from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Changes, OfItems, Vectors
from indexer.errors import StoreDamagedError
from indexer.id_sets import are_among, distinct
from indexer.types import Float32, Int64, Kind
from indexer.vectors.backend import FEW, OpenIndex
from indexer.vectors.base import SearchParameters
from search.engine.eligible import Eligible
from search.engine.penalty import Penalty
from search.ranked import Ranked, rank
from search.results import Work

#: Candidates of one query beyond which it asks an index by itself: their vectors are in memory for all queries at once.
MOST_SHARED: Final = 1_000
#: Candidates that are looked at where something is subtracted: of "dog -grass" hundreds may show grass.
MOST_LOST: Final = 1_000


@dataclass(frozen=True, slots=True)
class CandidateRequest:
    """What one search asks of one state of the catalog, for one kind.

    `embedding` (d,) float32, unit norm. `k` hits are wanted, and `depth` >= k candidates for a second stage. `penalty`:
    what similarities lose by what was subtracted. `eligible`: what may be found; None: everything.
    """

    snapshot: Transaction
    encoder_row: int
    embedding: Float32
    k: int
    depth: int
    parameters: SearchParameters
    penalty: Penalty | None = None
    eligible: Eligible | None = None

    @property
    def dimension(self) -> int:
        return len(self.embedding)

    def allowed(self, ids: Int64) -> Int64:
        """(m,) int64: those of `ids` that may be found, in their order."""
        allowed = ids[_allowed(ids, self.parameters)]
        return allowed if self.eligible is None else self.eligible.among(allowed)

    def narrowed(self) -> CandidateRequest:
        """The same, with all that may be found looked up."""
        if self.eligible is None:
            return self
        return replace(self, parameters=self.eligible.within(self.parameters), eligible=None)


@dataclass(frozen=True, slots=True)
class Proposed:
    """What an index proposes for one of the queries that asked it together. `ids` (m,) int64, best first. `read`: the
    ids of all of these queries, `found` what the catalog has of them."""

    ids: Int64
    read: Set[int]
    found: OfItems

    def vectors(self, ids: Sequence[int], request: CandidateRequest) -> OfItems:
        """Of these items; what was not read before is read now."""
        more = [number for number in ids if number not in self.read]
        if more:
            other = Vectors(request.snapshot).of_items(more, request.encoder_row, request.dimension)
        else:
            other = OfItems({}, {})
        there = [number for number in ids if number in self.found.vectors]
        return OfItems(
            {number: self.found.vectors[number] for number in there} | other.vectors,
            {number: self.found.contents[number] for number in there} | other.contents,
        )


class FirstStage:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = forking.lock()
        self._changes: dict[Kind, tuple[tuple[int, int, int], Changes]] = {}

    def propose(
        self, requests: Sequence[CandidateRequest], kind: Kind, opened: OpenIndex | None
    ) -> list[Proposed | None]:
        """The candidates of requests of one snapshot, for `rank`: the index is asked for all at once, and the vectors
        are read at once. None for a request that has to be answered by itself: where only some items may be found, or
        very many are wanted."""
        nothing: list[Proposed | None] = [None] * len(requests)
        alike: dict[object, list[int]] = {}
        for place, request in enumerate(requests):
            parameters = request.parameters
            if request.eligible is None and parameters.only is None and parameters.exclude is None:
                alike.setdefault(parameters.effort, []).append(place)
        if opened is None or not alike or opened.state.generation > requests[0].snapshot.generation:
            return nothing
        first = requests[0]
        exclude = self._changed(first, kind, opened).exclude
        found: dict[int, Int64] = {}
        for effort, places in alike.items():
            fetches = {place: _fetch(requests[place], opened) for place in places}
            fetches = {place: fetch for place, fetch in fetches.items() if fetch <= MOST_SHARED}
            if len(fetches) < 2:
                continue
            stacked = np.stack([requests[place].embedding for place in fetches])  # (q, d)
            within = SearchParameters(effort, exclude if len(exclude) else None)  # type: ignore[arg-type]
            try:
                _, rows = opened.index.search(stacked, max(fetches.values()), within)  # (q, m)
            except StoreDamagedError:
                return nothing  # `rank` meets it, too
            for (place, fetch), row in zip(fetches.items(), rows, strict=True):
                found[place] = row[:fetch][row[:fetch] >= 0]
        if not found:
            return nothing
        every = list(dict.fromkeys(np.concatenate(list(found.values())).tolist()))
        of_all = Vectors(first.snapshot).of_items(every, first.encoder_row, first.dimension)
        read = frozenset(every)
        return [Proposed(found[place], read, of_all) if place in found else None for place in range(len(requests))]

    def rank(
        self, request: CandidateRequest, kind: Kind, opened: OpenIndex | None, proposed: Proposed | None = None
    ) -> tuple[Ranked, dict[int, int], Work]:
        """The best `depth` items of a kind, with exact similarities; row ids of contents, of those that were looked at
        one by one; and what it took. `proposed`: what `propose` gave for this request."""
        snapshot, parameters = request.snapshot, request.parameters
        few = FEW if opened is None else opened.few
        if parameters.only is not None and len(parameters.only) <= few:
            return _compared(request, kind)
        if opened is None or opened.state.generation > snapshot.generation:
            return self._scan(request.narrowed(), kind)
        changes = self._changed(request, kind, opened)
        wanted = fetch = _fetch(request, opened)
        condition = None if request.eligible is None or parameters.only is not None else request.eligible.condition
        if request.eligible is not None and condition is None:
            fetch = min(request.eligible.fetch(wanted), len(opened.index))
            if not fetch:
                return self.rank(request.narrowed(), kind, opened)
        exclude = changes.exclude
        if parameters.exclude is not None:
            exclude = np.union1d(exclude, parameters.exclude)
        tail = are_among(changes.ids, request.allowed(changes.ids))
        tail_best = best_of(changes.ids[tail], changes.vectors[tail], request)
        while True:
            if proposed is not None:
                candidates = proposed.ids
            else:
                without = exclude if len(exclude) else None
                within = SearchParameters(parameters.effort, without, parameters.only, condition)
                try:
                    _, found = opened.index.search(request.embedding[None, :], fetch, within)
                except StoreDamagedError:  # a part of it that was not used before
                    return self._scan(request.narrowed(), kind)
                candidates = found[0][found[0] >= 0]  # (m,) int64
            if request.eligible is not None and condition is None:
                candidates, count = request.eligible.among(candidates)[:wanted], len(candidates)
                if len(candidates) < wanted and count < len(opened.index):  # others are farther away
                    fetch = min(request.eligible.fetch_more(wanted, fetch, len(candidates)), len(opened.index))
                    if fetch:
                        continue
                    return self.rank(request.narrowed(), kind, opened)
            ids = np.concatenate([candidates, tail_best.ids])
            if proposed is not None:
                found_again = proposed.vectors(ids.tolist(), request)
            else:
                found_again = Vectors(snapshot).of_items(ids.tolist(), request.encoder_row, request.dimension)
            gone = [number for number in candidates.tolist() if number not in found_again.vectors]
            if not gone:
                break
            if opened.state.generation >= Items(snapshot).buried(kind):  # else another index has taken its place
                self._tell_lost(snapshot, gone)
            exclude, proposed = np.union1d(exclude, gone), None  # others take their places
        vectors = found_again.vectors
        kept = np.array([number for number in ids if int(number) in vectors], np.int64)
        stacked = np.array([vectors[int(number)] for number in kept], np.float32)
        stacked = stacked.reshape(len(kept), request.dimension)  # (m, d), also when m is 0
        work = Work(len(opened.index), len(changes.ids), len(kept))
        return best_of(kept, stacked, request), found_again.contents, work

    def _tell_lost(self, snapshot: Transaction, ids: Sequence[int]) -> None:
        """What an index of this state proposes is there, unless the catalog has lost it; a damaged vector is told
        already."""
        contents = Items(snapshot).identities(ids)
        told = {number for table, number in snapshot.left_out if table == "vector"}
        lost = [number for number in ids if number not in contents or contents[number][0] not in told]
        snapshot.left_out |= {("item", number) for number in lost}

    def _changed(self, request: CandidateRequest, kind: Kind, opened: OpenIndex) -> Changes:
        """What the index misses at this snapshot; kept until either changes."""
        snapshot, row = request.snapshot, request.encoder_row
        key = (opened.state.generation, snapshot.generation, row)
        with self._lock:
            held = self._changes.get(kind)
        if held is not None and held[0] == key:
            snapshot.left_out |= held[1].left_out
            return held[1]
        changes = Vectors(snapshot).changes_since(kind, opened.state.generation, row, request.dimension)
        with self._lock:
            self._changes[kind] = (key, changes)
        return changes

    def _scan(self, request: CandidateRequest, kind: Kind) -> tuple[Ranked, dict[int, int], Work]:
        """Compare with every vector of the catalog, a batch at a time: right whatever the state of the indexes."""
        none = np.empty(0, np.float32)
        best = Ranked(np.empty(0, np.int64), none, none)
        scanned = 0
        for ids, vectors in Vectors(request.snapshot).pages(kind, request.encoder_row, request.dimension):
            scanned += len(ids)
            keep = _allowed(ids, request.parameters)
            found = best_of(ids[keep], vectors[keep], request)
            scores = np.concatenate([best.scores, found.scores])
            best = rank(np.concatenate([best.ids, found.ids]), scores, scores, request.depth)
        return best, {}, Work(scanned=scanned)


def _fetch(request: CandidateRequest, opened: OpenIndex) -> int:
    """How many candidates an index is asked for, where everything may be found."""
    wanted = max(request.depth, opened.state.candidates(request.k))
    if request.penalty is not None:  # others take the places of those that fall behind
        wanted = max(wanted, MOST_LOST)
    return max(1, min(wanted, len(opened.index)))  # memory is taken for as many as are asked for


def _compared(request: CandidateRequest, kind: Kind) -> tuple[Ranked, dict[int, int], Work]:
    """The few that may be found, by their vectors in the catalog: right whatever the index leaves out."""
    assert request.parameters.only is not None
    ids = Items(request.snapshot).of_kind(kind, request.allowed(distinct(request.parameters.only)).tolist())
    found = Vectors(request.snapshot).of_items(ids, request.encoder_row, request.dimension)
    kept = np.array([number for number in ids if number in found.vectors], np.int64)
    vectors = np.array([found.vectors[number] for number in kept.tolist()], np.float32)
    ranked = best_of(kept, vectors.reshape(len(kept), request.dimension), request)
    return ranked, found.contents, Work(rescored=len(kept))


def similarities(vectors: Float32, embedding: Float32) -> Float32:
    """Inner products (n,) float32; summed in float64, so that they do not depend on how rows are grouped."""
    scores: Float32 = (vectors.astype(np.float64) @ embedding.astype(np.float64)).astype(np.float32)
    return scores


def best_of(ids: Int64, vectors: Float32, request: CandidateRequest) -> Ranked:
    """Of items with these ids (n,) and vectors (n, d) float32, unit norm, the best `request.depth`."""
    scores = similarities(vectors, request.embedding)
    if request.penalty is not None:
        scores = (scores - request.penalty.of(vectors)).astype(np.float32)
    return rank(ids, scores, scores, request.depth)


def _allowed(ids: Int64, parameters: SearchParameters) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of `ids` (n,) may be found, (n,)."""
    keep = np.ones(len(ids), bool)
    if parameters.exclude is not None:
        keep &= ~are_among(ids, parameters.exclude)
    if parameters.only is not None:
        keep &= are_among(ids, parameters.only)
    return keep
