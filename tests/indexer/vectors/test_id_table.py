"""Which positions a filter leaves, by marks and by looking up, against sets."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.types import Int64
from indexer.vectors.backends.faiss_files.id_table import IdTable
from indexer.vectors.base import SearchParameters

COUNT = 20_000


@pytest.mark.parametrize("step", [1, 2, 3, 50])  # a run, ids with gaps, sparse ones
@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.02, 0.3, 1.0])
def test_what_a_filter_leaves(step: int, shuffled: bool, share: float) -> None:
    chance = np.random.default_rng(step)
    by_position: Int64 = np.arange(COUNT, dtype=np.int64) * step + 5
    if shuffled:
        by_position = chance.permutation(by_position)
    table = IdTable(by_position)
    listed = chance.choice(by_position, int(share * COUNT), replace=False)
    strange = np.array([0, 4, 6 + COUNT * step, 10**12])  # ids that it does not hold
    ids = chance.permutation(np.concatenate([listed, listed[:7], strange]))
    wanted = np.isin(by_position, listed)
    for _ in range(2):  # what is kept for the next time gives the same
        assert np.array_equal(table.allowed(SearchParameters(only=ids)), wanted)
        left = table.allowed(SearchParameters(exclude=ids))
        assert left is not None
        assert np.array_equal(left, ~wanted)


def test_an_empty_table() -> None:
    table = IdTable(np.empty(0, np.int64))
    mask = table.allowed(SearchParameters(only=np.arange(5_000)))
    assert mask is not None
    assert mask.shape == (0,)


@pytest.mark.parametrize("gap", [1, 3, 10**6])
def test_a_table_finds_many_and_few_alike(gap: int) -> None:
    rng = np.random.default_rng(0)
    ids = (rng.permutation(6_000) * gap + 11).astype(np.int64)
    table = IdTable(ids)
    place = {int(one): position for position, one in enumerate(ids)}
    asked = rng.integers(-5, 6_100 * gap, 5_000)
    asked[::2] = rng.choice(ids, 2_500)
    want = [place[one] for one in asked.tolist() if one in place]
    assert table.positions(asked).tolist() == want
    assert [p for start in range(0, 5_000, 50) for p in table.positions(asked[start : start + 50])] == want


def test_a_table_of_consecutive_ids_finds_the_same() -> None:
    rng = np.random.default_rng(0)
    table = IdTable(np.arange(11, 6_011))
    for asked in (rng.integers(-5, 6_100, 5_000), rng.integers(11, 6_011, 5_000), np.array([6_010, 11, 11])):
        want = [one - 11 for one in asked.tolist() if 11 <= one < 6_011]
        assert table.positions(asked).tolist() == want


def test_a_table_refuses_ids_it_cannot_hold() -> None:
    for wrong in ([1, 1], [2, 3, 2], [-2]):
        with pytest.raises(ValueError, match="ids must not"):
            IdTable(np.array(wrong, dtype=np.int64))
