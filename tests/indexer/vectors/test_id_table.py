"""Which positions a filter leaves, by marks and by looking up, against sets."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.types import Int64
from indexer.vectors.backends.faiss_files.id_table import REMOVED, IdTable
from indexer.vectors.base import SearchParameters

COUNT = 20_000


@pytest.mark.parametrize("step", [1, 2, 3, 50])  # a run, ids with gaps, sparse ones
@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("removed", [0, 1_000])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.02, 0.3, 1.0])
def test_what_a_filter_leaves(step: int, shuffled: bool, removed: int, share: float) -> None:
    chance = np.random.default_rng(step)
    by_position: Int64 = np.arange(COUNT, dtype=np.int64) * step + 5
    if shuffled:
        by_position = chance.permutation(by_position)
    by_position[chance.choice(COUNT, removed, replace=False)] = REMOVED
    table = IdTable(by_position)
    listed = chance.choice(by_position[by_position >= 0], int(share * (COUNT - removed)), replace=False)
    strange = np.array([0, 4, 6 + COUNT * step, 10**12])  # ids that it does not hold
    ids = chance.permutation(np.concatenate([listed, listed[:7], strange]))
    wanted = np.isin(by_position, listed) & (by_position != REMOVED)
    for _ in range(2):  # what is kept for the next time gives the same
        assert np.array_equal(table.allowed(SearchParameters(only=ids)), wanted)
        left = table.allowed(SearchParameters(exclude=ids))
        assert left is not None
        assert np.array_equal(left, (by_position != REMOVED) & ~wanted)


def test_an_empty_table() -> None:
    table = IdTable(np.empty(0, np.int64))
    mask = table.allowed(SearchParameters(only=np.arange(5_000)))
    assert mask is not None
    assert mask.shape == (0,)
