"""Meaning and words as one list: by how probable photographs are by what they show and by what is said of them.

    logit of the score = ORDER + MEANING logit p + SAID (min(share, FULL) + SURE meant)

p is the probability of a photograph by its meaning, share how much of the query the words about it are; of words that
only names of files and folders say as much as these names are trusted; meant the share of words in quotation marks and
of names. Where this is less than p, p stays: what is said of a picture leaves out most of what it shows, and words put
it no further behind. So a part of the words lifts no
photograph that looks unlike the query over those that clearly show it, as reciprocal ranks did. All but ORDER and SURE
are those of the probability that is shown (`calibration/said.py`); ORDER was chosen on Flickr8k's `val` and COCO's
`train` (tests/benchmarks/bench_fusion.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from search.calibration.said import FULL, MEANING, SAID, logit

#: Above the one of the probability: the higher, the more sentences and short phrases find their photograph first, and
#: the more photographs that clearly show what was asked for are lost. Here twice as many are won as lost.
ORDER: Final = -2.6
#: Who writes a name or quotation marks means it, whatever a picture shows.
SURE: Final = 3.0
#: Spreads above the mean similarity from which names count, and from which they count in full. Of folders of one kind
#: of thing each most lie above the first, and one in twenty with another name (tests/benchmarks/bench_names.py).
TRUST_FROM: Final = 1.25
TRUST_ALL: Final = 2.0
#: Names that say nothing of what a picture shows ("Anna") count so much, behind what meaning is sure of.
TRUST_LEAST: Final = 0.1
#: What is left of the score of a photograph that is said to show what was subtracted: it comes behind all others.
UNWANTED: Final = 1e-9
#: Candidates by meaning of which words count, beside those that words have brought: the same whatever number of hits
#: is asked for, on which the first of them may not depend.
DEPTH: Final = 100


@dataclass(frozen=True, slots=True)
class WordMatch:
    """What the words about a photograph say, in parts of what the query's words weigh (the rarer, the more), 0 to 1.

    `share`: what counts in full; `named`: what names of files and folders alone say, which may say anything; `said`:
    what captions, keywords and places say, of what is in the picture. `captioned`: it has a caption, which would say
    more if there were more. `unwanted`: captions, keywords or place say all words of something that was subtracted.
    `meant`: what anything says of words in quotation marks, and of what looks like a name.
    """

    share: float
    named: float
    said: float
    captioned: bool = False
    unwanted: bool = False
    meant: float = 0.0


def trust(standard: float | None) -> float:
    """How far names are trusted, from TRUST_LEAST to 1, when the photographs that have them are so many spreads nearer
    the query than others, on average; None: it is not known."""
    if standard is None:
        return TRUST_LEAST
    return min(max((standard - TRUST_FROM) / (TRUST_ALL - TRUST_FROM), TRUST_LEAST), 1.0)


def fuse(
    chances: Mapping[int, float], matches: Mapping[int, WordMatch], trusted: float = 1.0, order: float = ORDER
) -> list[tuple[int, float]]:
    """(id, score) of all in `chances`, by (-score, id), no two scores the same: of equal ones who was ahead by meaning
    stays so. `chances`: probabilities by meaning, ids in that order; `matches`: of some of them, and of no others;
    `trusted`: how far names are; `order`: see above."""
    lifted = {number: _lifted(chance, matches.get(number), trusted, order) for number, chance in chances.items()}
    found: list[tuple[int, float]] = []
    last = math.inf
    for number in sorted(lifted, key=lambda number: -lifted[number]):  # stable
        last = lifted[number] if lifted[number] < last else math.nextafter(last, -math.inf)
        found.append((number, last))
    return found


def _lifted(chance: float, match: WordMatch | None, trusted: float, order: float) -> float:
    if match is None:
        return chance
    share = min(match.said + trusted * match.named, FULL) + SURE * match.meant
    found = chance
    if share:
        found = max(chance, 1 / (1 + math.exp(-(order + MEANING * logit(chance) + SAID * share))))
    return UNWANTED * found if match.unwanted else found
