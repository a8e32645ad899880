"""Reciprocal ranks of meaning and of words, in numbers that can be worked out in the head."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.engine.fusion import TRUST_ALL, TRUST_FROM, TRUST_LEAST, K, WordMatch, fuse, trust


def match(share: float) -> WordMatch:
    return WordMatch(share, 0.0, share)


def test_without_words_the_order_is_that_of_meaning() -> None:
    assert fuse({30: 1, 10: 2, 20: 3}, {}) == [(30, 1 / (K + 1)), (10, 1 / (K + 2)), (20, 1 / (K + 3))]


def test_all_words_of_a_query_lift_a_photograph_to_the_first_and_few_of_many_do_not() -> None:
    places = {number: number for number in range(1, 11)}
    assert [number for number, _ in fuse(places, {6: match(1.0)})][:2] == [6, 1]
    assert [number for number, _ in fuse(places, {6: match(0.1)})][:4] == [1, 2, 3, 4]
    score = dict(fuse(places, {6: match(1.0), 2: match(0.5)}))
    assert score[6] == pytest.approx(1 / (K + 6) + 1 / (K + 1))
    assert score[2] == pytest.approx(1 / (K + 2) + 0.5 / (K + 2))


def test_what_has_the_same_words_keeps_the_order_of_meaning() -> None:
    """A word that all have changes nothing: "Lisbon" of photographs that were all taken there."""
    places = {number: place for place, number in enumerate((5, 3, 9, 1), 1)}
    same = dict.fromkeys(places, match(0.4))
    assert [number for number, _ in fuse(places, same)] == [5, 3, 9, 1]


def test_what_was_subtracted_and_is_said_comes_behind_all_others() -> None:
    places = {number: number for number in range(1, 6)}
    fused = fuse(places, {1: WordMatch(1.0, 0.0, 1.0, unwanted=True), 3: WordMatch(0.0, 0.0, 0.0, unwanted=True)})
    assert [number for number, _ in fused] == [2, 4, 5, 1, 3]


def test_names_count_as_far_as_they_are_trusted() -> None:
    places = {number: number for number in range(1, 11)}
    named = {6: WordMatch(0.0, 1.0, 0.0)}
    assert fuse(places, named, 1.0) == fuse(places, {6: match(1.0)})
    assert dict(fuse(places, named, 0.25))[6] == pytest.approx(1 / (K + 6) + 0.25 / (K + 1))
    assert [number for number, _ in fuse(places, named, TRUST_LEAST)][:4] == [1, 2, 3, 4]


def test_names_are_trusted_where_photographs_show_what_they_say() -> None:
    assert [trust(z) for z in (None, -2.0, TRUST_FROM)] == [TRUST_LEAST] * 3
    assert trust((TRUST_FROM + TRUST_ALL) / 2) == pytest.approx(0.5)
    assert [trust(z) for z in (TRUST_ALL, 9.0)] == [1.0, 1.0]


@given(
    st.lists(st.integers(1, 10**6), unique=True, max_size=30),
    st.data(),
)
def test_the_order_is_by_score_then_id_and_loses_nothing(ids: list[int], data: st.DataObject) -> None:
    places = {number: place for place, number in enumerate(ids, 1)}
    shares = st.floats(0.01, 1)
    matches = {number: match(data.draw(shares)) for number in ids if data.draw(st.booleans())}
    fused = fuse(places, matches)
    assert sorted(number for number, _ in fused) == sorted(ids)
    assert fused == sorted(fused, key=lambda one: (-one[1], one[0]))
    assert fused == fuse(places, dict(reversed(matches.items())))
    for number in ids:  # what words say never moves a photograph behind those of which they say nothing
        ahead = {other for other in ids if other not in matches and places[other] > places[number]}
        if number in matches:
            order = [each for each, _ in fused]
            assert all(order.index(other) > order.index(number) for other in ahead)
