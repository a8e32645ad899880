"""What words have found, put beside what meaning has found: the same photographs, with a place by each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from indexer.catalog.items import Identity, Items
from indexer.catalog.vectors import Vectors
from search.calibration.curve import MIN_SPREAD, Background
from search.engine.asked_words import AskedWords
from search.engine.first_stage import CandidateRequest, best_of
from search.engine.fusion import DEPTH, WordMatch, trust
from search.ranked import Ranked, rank

#: Rows of the best BM25 that are looked at: 2 ms.
LOOKED_AT: Final = 300
#: Those of them, behind the first `DEPTH` by meaning, that come in: each may cost what a candidate of reranking costs.
BROUGHT: Final = 30


@dataclass(frozen=True, slots=True)
class ByWords:
    """`ranked`: all candidates by meaning, those that words have brought among them; `places` of these by meaning, in
    that order (`fusion.fuse`); `matches` of those that have words of the query; `known`: what those are that were
    brought; `trusted`: how far names of files and folders are."""

    ranked: Ranked
    places: Mapping[int, int]
    matches: Mapping[int, WordMatch]
    known: Mapping[int, Identity]
    trusted: float


def beside(
    asked: AskedWords,
    request: CandidateRequest,
    ranked: Ranked,
    known: Mapping[int, Identity],
    background: Background,
    scored_as: Callable[[Ranked], Ranked] | None,
    *,
    all_copies: bool = False,
) -> ByWords:
    """The candidates `ranked` of `request`, and those that the words of the query bring besides.

    `known`: what each candidate is; a copy of one speaks for it, unless `all_copies` are wanted. `background`: of the
    query's similarities, which tells whether names say what photographs show. `scored_as` gives
    candidates the scores that the others have, where these are more than similarities.
    """
    head, tail = _part(ranked, slice(None, DEPTH)), _part(ranked, slice(DEPTH, None))
    first: list[int] = head.ids.tolist()
    best = request.allowed(np.array(asked.best(LOOKED_AT), np.int64))
    found = Items(request.snapshot).visible(best.tolist())
    identities = {**known, **Items(request.snapshot).identities([number for number in found if number not in known])}
    looked_at = list(dict.fromkeys([*(ranked.ids.tolist() if asked.unwanted else first), *found]))
    matches = asked.matches(looked_at)
    matches = matches if all_copies else _of_distinct(matches, looked_at, identities)
    places = {number: place for place, number in enumerate(first, 1)}
    others = {number: match for number, match in matches.items() if number not in places and not match.unwanted}
    every = _compared(request, others)
    trusted = _trust(matches, found, (head, every), background)
    brought = _best(every, others, trusted)
    brought = brought if scored_as is None else scored_as(brought)
    tail = _part(tail, ~np.isin(tail.ids, brought.ids))
    for number, score in zip(brought.ids.tolist(), brought.scores.tolist(), strict=True):
        places[number] = 1 + int((head.scores > score).sum())
    places |= {number: place for place, number in enumerate(tail.ids.tolist(), DEPTH + 1)}
    whole = _joined(head, brought, tail)
    return ByWords(
        whole,
        {number: places[number] for number in whole.ids.tolist()},
        {number: match for number, match in matches.items() if number in places},
        {number: identities[number] for number in brought.ids.tolist() if number in identities},
        trusted,
    )


def _of_distinct(
    matches: Mapping[int, WordMatch], order: Sequence[int], identities: Mapping[int, Identity]
) -> dict[int, WordMatch]:
    """By the first in `order` of each identity what the words of all its copies say."""
    firsts: dict[Identity, int] = {}
    found: dict[int, WordMatch] = {}
    for number in order:
        if number in identities:
            one = firsts.setdefault(identities[number], number)
            if number in matches:
                other, match = found.get(one, WordMatch(0, 0, 0)), matches[number]
                found[one] = WordMatch(
                    max(match.share, other.share),
                    max(match.named, other.named),
                    max(match.said, other.said),
                    match.captioned or other.captioned,
                    match.unwanted or other.unwanted,
                )
    return found


def _compared(request: CandidateRequest, matches: Mapping[int, WordMatch]) -> Ranked:
    """These photographs by their similarity."""
    vectors = Vectors(request.snapshot).of_items(list(matches), request.encoder_row, request.dimension).vectors
    ids = np.array(list(vectors), np.int64)  # (n,)
    stacked = np.array(list(vectors.values()), np.float32).reshape(len(ids), request.dimension)  # (n, d)
    return best_of(ids, stacked, replace(request, depth=len(ids)))


def _trust(
    matches: Mapping[int, WordMatch], found: Iterable[int], compared: Iterable[Ranked], background: Background
) -> float:
    """How far names are trusted: by how much the photographs are nearer the query that words have `found` by names.
    (Of those that meaning has found names are the fewer the less they say.)"""
    near: dict[int, float] = {}
    for one in compared:
        near |= zip(one.ids.tolist(), one.similarities.tolist(), strict=True)
    named = [near[number] for number in found if number in near and number in matches and matches[number].named]
    if not named or background.spread <= MIN_SPREAD:
        return trust(None)
    return trust((float(np.mean(named)) - background.mean) / background.spread)


def _best(compared: Ranked, matches: Mapping[int, WordMatch], trusted: float) -> Ranked:
    """The `BROUGHT` that have most of the words, of equal ones the most similar; by their similarity."""
    shares = [matches[number].share + trusted * matches[number].named for number in compared.ids.tolist()]
    kept = np.sort(np.argsort([-share for share in shares], kind="stable")[:BROUGHT])
    return _part(compared, kept)


def _part(ranked: Ranked, rows: slice | npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Ranked:
    return Ranked(ranked.ids[rows], ranked.scores[rows], ranked.similarities[rows])


def _joined(*parts: Ranked) -> Ranked:
    ids, scores, near = (
        np.concatenate([getattr(one, name) for one in parts]) for name in ("ids", "scores", "similarities")
    )
    return rank(ids, scores, near)
