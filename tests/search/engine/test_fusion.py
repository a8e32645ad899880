"""Meaning and words as one list, in numbers that can be worked out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.calibration.said import FULL, MEANING, SAID
from search.engine.fusion import ORDER, SURE, TRUST_ALL, TRUST_FROM, TRUST_LEAST, UNWANTED, WordMatch, fuse, trust


def match(share: float) -> WordMatch:
    return WordMatch(share, 0.0, share)


def order(chances: dict[int, float], matches: dict[int, WordMatch], trusted: float = 1.0) -> list[int]:
    return [number for number, _ in fuse(chances, matches, trusted)]


def test_without_words_the_order_is_that_of_meaning() -> None:
    assert fuse({30: 0.9, 10: 0.5, 20: 0.1}, {}) == [(30, 0.9), (10, 0.5), (20, 0.1)]


def test_a_part_of_the_words_lifts_nothing_that_looks_unlike_the_query_over_what_clearly_shows_it() -> None:
    """ "baseball player": two that show one, at 70 and 58 %, and a soccer player at 8 %, of which "player" is said."""
    assert order({1: 0.7, 2: 0.58, 3: 0.08}, {3: match(0.5)}) == [1, 2, 3]
    assert order({1: 0.9, 2: 0.02}, {2: match(1.0)}) == [1, 2]  # a sausage in a costume, said to be a dog
    assert order({1: 0.2, 2: 0.19, 3: 0.08}, {3: match(1.0)}) == [3, 1, 2]
    score = dict(fuse({1: 0.5, 2: 0.5}, {2: match(0.5)}))[2]
    assert score == pytest.approx(1 / (1 + math.exp(-(ORDER + 0.5 * SAID))) if ORDER + 0.5 * SAID > 0 else 0.5)


def test_the_score_is_the_logistic_function_of_what_both_say() -> None:
    assert dict(fuse({1: 0.3}, {1: match(0.7)}))[1] == pytest.approx(
        0.6510, abs=1e-4
    )  # of -2.6 - 0.367 + 3.590 = 0.623
    assert dict(fuse({1: 0.3}, {1: match(0.9)}))[1] == dict(fuse({1: 0.3}, {1: match(FULL)}))[1]
    assert (ORDER < 0 < MEANING < 1, SURE > 1) == (True, True)


def test_what_has_the_same_words_and_what_is_as_probable_keeps_the_order_of_meaning() -> None:
    """A word that all have changes nothing: "Lisbon" of photographs that were all taken there."""
    chances = {5: 0.4, 3: 0.2, 9: 0.2, 1: 0.1}
    assert order(chances, dict.fromkeys(chances, match(0.4))) == [5, 3, 9, 1]
    assert order(chances, {}) == [5, 3, 9, 1]


def test_what_was_subtracted_and_is_said_comes_behind_all_others() -> None:
    chances = {1: 0.9, 2: 0.5, 3: 0.4, 4: 0.001, 5: 1e-6}
    unwanted = {1: WordMatch(1.0, 0.0, 1.0, unwanted=True), 3: WordMatch(0.0, 0.0, 0.0, unwanted=True)}
    assert order(chances, unwanted) == [2, 4, 5, 1, 3]
    assert dict(fuse(chances, unwanted))[3] == pytest.approx(UNWANTED * 0.4)


def test_names_count_as_far_as_they_are_trusted() -> None:
    chances = {1: 0.3, 2: 0.1}
    named = {2: WordMatch(0.0, 1.0, 0.0)}
    assert fuse(chances, named, 1.0) == fuse(chances, {2: match(1.0)})
    assert fuse(chances, named, 0.25) == fuse(chances, {2: match(0.25)})
    assert fuse(chances, named, TRUST_LEAST) == fuse(chances, {})


def test_names_that_are_meant_come_first_whatever_they_show() -> None:
    assert order({1: 0.3, 2: 1e-4}, {2: WordMatch(1.0, 0.0, 0.0, meant=1.0)}) == [2, 1]


def test_names_are_trusted_where_photographs_show_what_they_say() -> None:
    assert [trust(z) for z in (None, -2.0, TRUST_FROM)] == [TRUST_LEAST] * 3
    assert trust((TRUST_FROM + TRUST_ALL) / 2) == pytest.approx(0.5)
    assert [trust(z) for z in (TRUST_ALL, 9.0)] == [1.0, 1.0]


@given(st.dictionaries(st.integers(1, 10**6), st.floats(0, 1), max_size=30), st.data())
def test_the_order_is_by_score_then_id_and_loses_nothing(given: dict[int, float], data: st.DataObject) -> None:
    chances = dict(sorted(given.items(), key=lambda one: -one[1]))
    shares = st.floats(0.01, 1)
    matches = {number: match(data.draw(shares)) for number in chances if data.draw(st.booleans())}
    fused = fuse(chances, matches)
    assert sorted(number for number, _ in fused) == sorted(chances)
    assert fused == sorted(fused, key=lambda one: (-one[1], one[0]))
    assert len({score for _, score in fused}) == len(chances)
    assert fused == fuse(chances, dict(reversed(matches.items())))
    by_meaning, by_both = list(chances), [number for number, _ in fused]
    for number in matches:  # what words say never moves a photograph behind those of which they say nothing
        behind = {other for other in by_meaning[by_meaning.index(number) :] if other not in matches}
        assert all(by_both.index(other) > by_both.index(number) for other in behind)
