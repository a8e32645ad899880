from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexer.types import Int8
from search.rerank.kept_tokens import KeptTokens, State

ONE, NEXT = State("a", 1, 1), State("a", 2, 1)


def tokens(value: int, count: int = 1) -> Int8:
    return np.full((count, 10), value, np.int8)


def test_what_was_read_is_found_in_the_same_state_alone() -> None:
    kept = KeptTokens()
    kept.keep(ONE, {1: tokens(1), 2: tokens(2)})
    assert {number: own[0, 0] for number, own in kept.get(ONE, [2, 3, 1]).items()} == {2: 2, 1: 1}
    for other in (NEXT, State("b", 1, 1), State("a", 1, 2)):
        assert kept.get(other, [1, 2]) == {}
    kept.keep(NEXT, {1: tokens(7)})
    assert kept.get(ONE, [1, 2]) == {}
    assert [own[0, 0] for own in kept.get(NEXT, [1, 2]).values()] == [7]


def test_what_was_asked_for_last_stays() -> None:
    kept = KeptTokens(most_bytes=30)
    kept.keep(ONE, {number: tokens(number) for number in (1, 2, 3)})
    kept.get(ONE, [1])
    kept.keep(ONE, {4: tokens(4)})
    assert sorted(kept.get(ONE, range(9))) == [1, 3, 4]


@given(st.lists(st.dictionaries(st.integers(1, 20), st.integers(1, 4), max_size=8), max_size=20))
def test_no_more_is_kept_than_there_is_room_for(readings: list[dict[int, int]]) -> None:
    kept = KeptTokens(most_bytes=100)
    for reading in readings:
        kept.keep(ONE, {number: tokens(number, count) for number, count in reading.items()})
        found = kept.get(ONE, range(1, 21))
        assert sum(own.nbytes for own in found.values()) == kept._bytes <= 100
        assert all((own == number).all() for number, own in found.items())
