"""The probability of a hit of which words say what was asked for as well.

    logit p' = INTERCEPT + MEANING logit p + SAID min(s, FULL)

p is its probability by meaning alone, s the share of the query that captions, keywords or its place say. Fitted on
Flickr8k's `val`: one caption of each of half of the photographs as what is said, another one as the query, half of the
queries without their photograph (`tests/benchmarks/bench_fusion.py --choose`). Names of files and folders say too
little of a picture to count here.
"""

from __future__ import annotations

import math
from typing import Final

INTERCEPT: Final = -3.234
MEANING: Final = 0.433
SAID: Final = 5.129
#: A greater share tells no more: of hits that had every word a third was right. Of ten bounds the one with the least
#: loss on queries that were not fitted.
FULL: Final = 0.75
#: Probabilities are held so far from 0 and 1.
_LEAST: Final = 1e-9


def with_words(probability: float, said: float, *, captioned: bool = True) -> float:
    """0 to 1; `said`: the share of the query that is said of the picture, 0 to 1. Where nothing is, nothing changes.

    `captioned`: a caption is among what is said. One that has a few of many words makes a picture less probable; a
    keyword that is one of them does not, as keywords leave out most of what a picture shows.
    """
    if said <= 0:
        return probability
    found = 1 / (1 + math.exp(-(INTERCEPT + MEANING * logit(probability) + SAID * min(said, FULL))))
    return found if captioned else max(probability, found)


def logit(probability: float) -> float:
    """Its log odds, held in bounds."""
    held = min(max(probability, _LEAST), 1 - _LEAST)
    return math.log(held / (1 - held))
