"""The same as numpy's, without what it imports."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexer.id_sets import are_among, distinct

some = st.lists(st.integers(0, 30) | st.integers(0, 2**63 - 1), max_size=40).map(lambda ids: np.array(ids, np.int64))


@given(some)
def test_each_stands_once_and_ascending(ids: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    np.testing.assert_array_equal(distinct(ids), np.unique(ids))


@given(some, some)
def test_which_are_among_others(
    ids: np.ndarray[tuple[int], np.dtype[np.int64]], those: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> None:
    np.testing.assert_array_equal(are_among(ids, those), np.isin(ids, those))
