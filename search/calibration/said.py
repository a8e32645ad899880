"""The probability of a hit of which words say what was asked for as well.

    logit p' = INTERCEPT + MEANING logit p + SAID s + ALL [s is 1]

p is its probability by meaning alone, s the share of the query that captions, keywords or the place say. Fitted on
Flickr8k's `val`: one caption of each of half of the photographs as what is said, another one as the query, half of the
queries without their photograph (`tests/benchmarks/bench_fusion.py`).
"""

from __future__ import annotations

import math
from typing import Final

#: (intercept, slope on the logit by meaning, slope on the share), see above.
INTERCEPT: Final = 0.0
MEANING: Final = 1.0
SAID: Final = 0.0
#: Probabilities are held so far from 0 and 1.
_LEAST: Final = 1e-9


def with_words(probability: float, said: float) -> float:
    """0 to 1, and no less than `probability`; `said`: the share of the query that is said of the picture, 0 to 1.

    Where nothing is said of what was asked for nothing changes: most photographs have no words, and captions leave out
    most of what a picture shows."""
    if said <= 0:
        return probability
    held = min(max(probability, _LEAST), 1 - _LEAST)
    logit = INTERCEPT + MEANING * math.log(held / (1 - held)) + SAID * said
    return max(probability, 1 / (1 + math.exp(-logit)))
