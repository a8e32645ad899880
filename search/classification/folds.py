"""Which photographs are held out: parts in which each class has its share."""

from __future__ import annotations

import numpy as np

from indexer.types import Int64


def stratified(labels: Int64, parts: int, seed: int) -> Int64:
    """The part (n,) int64, 0 to `parts` - 1, in which each photograph is held out: of each class as many in each, give
    or take one. -1: never, as the only one of its class. `labels` (n,): its class. The same seed gives the same parts.
    """
    found = np.full(len(labels), -1, np.int64)
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(len(labels))
    ordered = shuffled[np.argsort(labels[shuffled], kind="stable")]
    starts = np.flatnonzero(np.diff(labels[ordered], prepend=-1))
    for own in np.split(ordered, starts[1:]):
        if len(own) > 1:
            found[own] = (np.arange(len(own)) + generator.integers(parts)) % parts
    return found
