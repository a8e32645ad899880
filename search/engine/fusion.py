"""Meaning and words as one list: weighted reciprocal rank fusion.

    score = 1 / (K + r) + share / (K + w)

r is the place of a photograph by its meaning, w its place among those that have words of the query, and share how much
of the query these words are; of words that only names of files and folders say as much as these names are trusted. The
sum of reciprocal ranks asks nothing of the scores, which are not comparable (Cormack, Clarke and Buettcher, SIGIR
2009). The share is needed here: most captions that match a sentence have one of its words.
K and the share's power were chosen on Flickr8k's `val` (tests/benchmarks/bench_fusion.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: How fast a place counts less than the one before it. The authors' 60 is for lists of equal worth; here the first
#: places are worth more.
K: Final = 5
#: Spreads above the mean similarity from which names count, and from which they count in full. Of folders of one kind
#: of thing each most lie above the first, and one in twenty with another name (tests/benchmarks/bench_names.py).
TRUST_FROM: Final = 1.25
TRUST_ALL: Final = 2.0
#: Names that say nothing of what a picture shows ("Anna") count so much, behind what meaning is sure of.
TRUST_LEAST: Final = 0.1
#: What is left of the score of a photograph that is said to show what was subtracted: it comes behind all others.
UNWANTED: Final = 1e-9
#: Places by meaning that count as they are; a photograph that words alone have found and that lies behind all of them
#: has the one behind the last, so that the first hits do not depend on how many are asked for.
DEPTH: Final = 100


@dataclass(frozen=True, slots=True)
class WordMatch:
    """What the words about a photograph say, in parts of what the query's words weigh (the rarer, the more), 0 to 1.

    `share`: what counts in full; `named`: what names of files and folders alone say, which may say anything; `said`:
    what captions, keywords and places say, of what is in the picture. `captioned`: it has a caption. `unwanted`:
    captions, keywords or place say all words of something that was subtracted.
    """

    share: float
    named: float
    said: float
    captioned: bool = False
    unwanted: bool = False


def trust(standard: float | None) -> float:
    """How far names are trusted, from TRUST_LEAST to 1, when the photographs that have them are so many spreads nearer
    the query than others, on average; None: it is not known."""
    if standard is None:
        return TRUST_LEAST
    return min(max((standard - TRUST_FROM) / (TRUST_ALL - TRUST_FROM), TRUST_LEAST), 1.0)


def fuse(places: Mapping[int, int], matches: Mapping[int, WordMatch], trusted: float = 1.0) -> list[tuple[int, float]]:
    """(id, score) of all in `places`, by (-score, id). `places`: by meaning, from 1, ids in that order; `matches`: of
    some of them, and of no others; `trusted`: how far names are."""
    shares = {number: match.share + trusted * match.named for number, match in matches.items()}
    by_words = sorted((number for number in places if number in matches), key=lambda number: -shares[number])
    scores = {number: 1 / (K + place) for number, place in places.items()}
    for place, number in enumerate(by_words, 1):
        scores[number] += shares[number] / (K + place)
        if matches[number].unwanted:
            scores[number] *= UNWANTED
    return sorted(scores.items(), key=lambda one: (-one[1], one[0]))
