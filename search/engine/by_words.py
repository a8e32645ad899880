"""What words have found, put beside what meaning has found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from indexer.catalog.items import Identity
from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors
from indexer.catalog.words import Words
from indexer.types import Float32
from search.calibration.curve import MIN_SPREAD, Background
from search.engine.asked_words import AskedWords, best_by_words
from search.engine.first_stage import CandidateRequest, best_of
from search.engine.fusion import DEPTH, WordMatch, trust
from search.ranked import Ranked, rank

#: Rows of the best BM25, of which some may not be found: 2 ms.
PROPOSED: Final = 300


@dataclass(frozen=True, slots=True)
class Reach:
    """How far words reach: how many of the proposed rows that may be found are looked at, and how many of these come
    in from behind the first `DEPTH` by meaning: each may cost what a candidate of reranking costs."""

    looked_at: int
    brought: int


#: Of a few words, or names, many photographs have equally many: meaning chooses among these.
OF_FEW: Final = Reach(PROPOSED, 30)
#: Of a sentence nearly each photograph has a word, and those that have most of it are among the first by BM25.
OF_SENTENCE: Final = Reach(100, 10)


@dataclass(frozen=True, slots=True)
class ByWords:
    """`ranked`: all candidates by meaning, those that words have brought among them; `matches`: of the first `DEPTH` of
    them and of those that were brought what words say, of all of them what was subtracted; `known`: what those are that
    were brought; `trusted`: how far names of files and folders are; `tail`: those that are there only because so many
    hits are wanted; `settled`: so many of the first places by both are the same whatever number is wanted."""

    ranked: Ranked
    matches: Mapping[int, WordMatch]
    known: Mapping[int, Identity]
    trusted: float
    tail: Set[int]
    settled: int


@dataclass(frozen=True, slots=True)
class Beside:
    """One query: what words are put beside. The candidates `ranked` of `request`, and what each of them is (`known`); a
    copy of one speaks for it, unless `all_copies` are wanted. `background`: of the query's similarities, which tells
    whether names say what photographs show."""

    words: AskedWords
    request: CandidateRequest
    ranked: Ranked
    known: Mapping[int, Identity]
    background: Background
    all_copies: bool = False


@dataclass(frozen=True, slots=True)
class Brought:
    """The candidates of one query that words `brought`, by their similarity, those that were there (`head`: the first
    `DEPTH`, and the `tail`), and what words say of all of these."""

    brought: Ranked
    head: Ranked
    tail: Ranked
    matches: Mapping[int, WordMatch]
    identities: Mapping[int, Identity]
    trusted: float

    def joined(self, scored_as: Callable[[Ranked], Ranked] | None) -> ByWords:
        """All as one list. `scored_as` gives candidates the scores that the others have, where these are more than
        similarities."""
        head = self.head
        brought = self.brought if scored_as is None else scored_as(self.brought)
        tail = _part(self.tail, ~np.isin(self.tail.ids, brought.ids))
        whole = _joined(head, brought, tail)
        known, there = self.identities, set(whole.ids.tolist())
        counting = {*head.ids.tolist(), *brought.ids.tolist()}  # the same whatever number of hits is asked for
        unwanted = {number for number, match in self.matches.items() if match.unwanted}  # behind all others
        return ByWords(
            whole,
            {
                number: match
                for number, match in self.matches.items()
                if number in counting or (match.unwanted and number in there)
            },
            {number: known[number] for number in brought.ids.tolist() if number in known},
            self.trusted,
            frozenset(tail.ids.tolist()),
            sum(number not in unwanted for number in head.ids.tolist()),
        )


def bring(snapshot: Transaction, asking: Sequence[Beside]) -> list[Brought]:
    """What the words of each query bring. The catalog is read once for all of them, and again for each 900 photographs
    more that are looked at."""
    if not asking:
        return []
    first = asking[0].request  # one store, one encoder
    best = best_by_words(snapshot, [one.words for one in asking], PROPOSED)
    best = [
        one.request.allowed(np.array(ids, np.int64))[: _reach(one.words).looked_at].tolist()
        for one, ids in zip(asking, best, strict=True)
    ]
    heads = [set(one.ranked.ids[:DEPTH].tolist()) for one in asking]
    looked_at = [
        list(dict.fromkeys([*(one.ranked.ids if one.words.unwanted else one.ranked.ids[:DEPTH]).tolist(), *ids]))
        for one, ids in zip(asking, best, strict=True)
    ]
    behind = [[number for number in ids if number not in head] for ids, head in zip(looked_at, heads, strict=True)]
    read = Vectors(snapshot).of_items(_all(behind), first.encoder_row, first.dimension)  # of what can be found
    found, looked_at = (_there(best, heads, read.vectors), _there(looked_at, heads, read.vectors))
    identities = [
        {**{number: (read.contents[number], None) for number in ids if number in read.contents}, **one.known}
        for one, ids in zip(asking, found, strict=True)
    ]
    rows = Words(snapshot).of_items(_all(looked_at))
    matches = [one.words.matches(ids, rows) for one, ids in zip(asking, looked_at, strict=True)]
    matches = [
        own if one.all_copies else _of_distinct(own, ids, known)
        for one, own, ids, known in zip(asking, matches, looked_at, identities, strict=True)
    ]
    others = [_behind(own, head) for own, head in zip(matches, heads, strict=True)]
    return [
        _brought(one, ids, own, known, _compared(one.request, more, read.vectors))
        for one, ids, own, known, more in zip(asking, found, matches, identities, others, strict=True)
    ]


def _brought(
    one: Beside,
    found: Sequence[int],
    matches: Mapping[int, WordMatch],
    identities: Mapping[int, Identity],
    compared: Ranked,
) -> Brought:
    head, tail = _part(one.ranked, slice(None, DEPTH)), _part(one.ranked, slice(DEPTH, None))
    trusted = _trust(matches, found, (head, compared), one.background)
    return Brought(
        _best(compared, matches, trusted, _reach(one.words).brought), head, tail, matches, identities, trusted
    )


def _reach(words: AskedWords) -> Reach:
    return OF_SENTENCE if words.are_sentence else OF_FEW


def _behind(matches: Mapping[int, WordMatch], head: Set[int]) -> list[int]:
    """Those that may come in: no candidates among the first, and not what was subtracted."""
    return [number for number, match in matches.items() if number not in head and not match.unwanted]


def _there(
    lists: Sequence[Sequence[int]], heads: Sequence[Set[int]], vectors: Mapping[int, Float32]
) -> list[list[int]]:
    """Of each those that can be found: among the first, or with a vector."""
    return [
        [number for number in ids if number in head or number in vectors]
        for ids, head in zip(lists, heads, strict=True)
    ]


def _all(lists: Iterable[Sequence[int]]) -> list[int]:
    """Each number of these once."""
    return list(dict.fromkeys(number for one in lists for number in one))


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
                    max(match.meant, other.meant),
                )
    return found


def _compared(request: CandidateRequest, ids: Sequence[int], vectors: Mapping[int, Float32]) -> Ranked:
    """Of these photographs those that have a vector, by their similarity."""
    there = [number for number in ids if number in vectors]
    stacked = np.array([vectors[number] for number in there], np.float32).reshape(len(there), request.dimension)
    return best_of(np.array(there, np.int64), stacked, replace(request, depth=len(there)))  # of (n, d)


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


def _best(compared: Ranked, matches: Mapping[int, WordMatch], trusted: float, most: int) -> Ranked:
    """The `most` that have most of the words, of equal ones the most similar; by their similarity."""
    shares = [matches[number].share + trusted * matches[number].named for number in compared.ids.tolist()]
    kept = np.sort(np.argsort([-share for share in shares], kind="stable")[:most])
    return _part(compared, kept)


def _part(ranked: Ranked, rows: slice | npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Ranked:
    return Ranked(ranked.ids[rows], ranked.scores[rows], ranked.similarities[rows])


def _joined(*parts: Ranked) -> Ranked:
    ids, scores, near = (
        np.concatenate([getattr(one, name) for one in parts]) for name in ("ids", "scores", "similarities")
    )
    return rank(ids, scores, near)
