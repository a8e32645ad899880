"""Meaning and words as one list: weighted reciprocal rank fusion.

    score = 1 / (K + r) + share / (K + w)

r is the place of a photograph by its meaning, w its place among those that have words of the query, and share how much
of the query these words are. The sum of reciprocal ranks asks nothing of the scores, which are not comparable (Cormack,
Clarke and Buettcher, SIGIR 2009). The share is needed here: most captions that match a sentence have one of its words.
K and the share's power were chosen on Flickr8k's `val` (tests/benchmarks/bench_fusion.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: How fast a place counts less than the one before it. The authors' 60 is for lists of equal worth; here the first
#: places are worth more.
K: Final = 5
#: Places by meaning that count as they are; a photograph that words alone have found and that lies behind all of them
#: has the one behind the last, so that the first hits do not depend on how many are asked for.
DEPTH: Final = 100


@dataclass(frozen=True, slots=True)
class WordMatch:
    """What the words about a photograph say. `share`: of what the query's words weigh (the rarer, the more), how much
    is there, above 0 and at most 1; `said`: the same of captions, keywords and places alone, which say what is in the
    picture; names of files may say anything. `captioned`: it has a caption."""

    share: float
    said: float
    captioned: bool = False


def fuse(places: Mapping[int, int], matches: Mapping[int, WordMatch]) -> list[tuple[int, float]]:
    """(id, score) of all in `places`, by (-score, id). `places`: by meaning, from 1, ids in that order; `matches`: of
    some of them, and of no others."""
    by_words = sorted((number for number in places if number in matches), key=lambda number: -matches[number].share)
    scores = {number: 1 / (K + place) for number, place in places.items()}
    for place, number in enumerate(by_words, 1):
        scores[number] += matches[number].share / (K + place)
    return sorted(scores.items(), key=lambda one: (-one[1], one[0]))
