"""Words for groups of photographs: those that fit a group much better than they fit the whole collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from indexer.types import Float32
from search.projection.streamed import Float64, Spread

#: A deviation below this is rounding.
_LEAST: Final = 1e-6


def standing_out(means: Float64, words: Float32, spread: Spread) -> Float64:
    """How far each of w words stands out in each of g groups, (g, w): the similarity of the group's mean vector, less
    that of the whole collection, in deviations of the similarities of single photographs.

    `means` (g, d): mean vectors of the groups; `words` (w, d): vectors of the words.
    """
    wide = words.astype(np.float64)
    deviation = np.sqrt(np.maximum(np.einsum("wd,de,we->w", wide, spread.covariance, wide), _LEAST**2))
    found: Float64 = ((means - spread.mean) @ wide.T) / deviation
    return found


def named(scores: Float64, words: Sequence[str], taken: set[str]) -> list[str]:
    """A word for each group by `scores` (g, w), none twice and none of `taken`, to which they are added.

    Whoever a word fits best has it; the next one takes its own next. Where all words are taken: "".
    """
    names = [""] * len(scores)
    for flat in np.argsort(-scores, axis=None, kind="stable"):
        group, word = divmod(int(flat), scores.shape[1])
        if not names[group] and words[word] not in taken:
            names[group] = words[word]
            taken.add(words[word])
    return names
