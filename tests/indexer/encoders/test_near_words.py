"""The nearest words of a list, against the plain definition of the distance."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.encoders.graph_model import TOKENIZER, WORDS, bundled_folder
from indexer.encoders.near_words import NearWords, most_slips
from indexer.encoders.vocabulary import Vocabulary
from indexer.encoders.wordpieces import WordPieces

_WORDS = st.text(st.sampled_from("abcz"), min_size=1, max_size=9)


def near(words: list[str], word: str) -> list[str]:
    body = np.frombuffer("".join(f"{each}\n" for each in words).encode(), np.uint8)
    return NearWords(body, np.flatnonzero(body == ord("\n"))).of(word)


def plain_distance(one: str, other: str) -> int:
    """Optimal string alignment, by its recursion."""
    table = [[max(row, column) for column in range(len(other) + 1)] for row in range(len(one) + 1)]
    for row in range(1, len(one) + 1):
        for column in range(1, len(other) + 1):
            table[row][column] = min(
                table[row - 1][column] + 1,
                table[row][column - 1] + 1,
                table[row - 1][column - 1] + (one[row - 1] != other[column - 1]),
            )
            if one[row - 2 : row] == other[column - 2 : column][::-1] and row > 1 and column > 1:
                table[row][column] = min(table[row][column], table[row - 2][column - 2] + 1)
    return table[-1][-1]


@given(st.lists(_WORDS, min_size=1, max_size=30, unique=True), _WORDS)
def test_they_are_those_of_a_plain_search(words: list[str], word: str) -> None:
    distances = {other: plain_distance(word, other) for other in words if other != word}
    words = list(distances)
    least = min(distances.values(), default=99)
    expected = [other for other in words if distances[other] == least] if least <= most_slips(word) else []
    assert not words or near(words, word) == expected


def test_short_words_have_one_slip() -> None:
    assert near(["house", "horse"], "huose") == ["house"]
    assert near(["house"], "huosse") == ["house"]
    assert near(["house"], "huoss") == []


@pytest.fixture(scope="module")
def shipped() -> WordPieces:
    return WordPieces(bundled_folder() / TOKENIZER, 77, None, Vocabulary(bundled_folder() / WORDS))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("bycicle", "bicycle"), ("Bycicle", "bicycle"), ("motorcyle", "motorcycle"), ("chruch", "church"),
     ("giraff", "giraffe"), ("freind's", "friend"), ("collisuem", "coliseum"), ("waterfal", "waterfall"),
     ("blck", "black"), ("bech", "beach"), ("yelow", "yellow")],
)  # fmt: skip
def test_what_was_meant(shipped: WordPieces, typed: str, meant: str) -> None:
    assert shipped.unread(typed)
    assert shipped.suggested(typed) == meant


@pytest.mark.parametrize("typed", ["vespa", "bokeh", "fahrrad", "кошка", "猫", "x", "a" * 5000, "b2b4c", ""])
def test_where_nothing_is_near_nothing_is_said(shipped: WordPieces, typed: str) -> None:
    assert shipped.suggested(typed) is None


def test_it_takes_no_time_that_is_felt(shipped: WordPieces) -> None:
    shipped.suggested("bycicle")
    start = time.process_time()
    for number in range(20):
        shipped.suggested("abcdefghijklmnopqrstuvwxyzstreetliner"[number : number + 12])
    assert (time.process_time() - start) / 20 < 0.1
