"""Which captions say what an everyday query asks for, and the numbers of a ranking by hand."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.metrics import Relevance
from tools.bundled.everyday import QUERIES, Query, everyday_numbers, right_answers, says


@pytest.mark.parametrize(
    ("caption", "words", "said"),
    [
        ("A puppy runs over the grass .", "dog run grass", True),
        ("The grass is where a dog runs .", "dog run grass", False),  # not in this order
        ("A black and white dog", "black dog", True),
        ("A black car next to a very small white dog", "black dog", False),  # too far apart
        ("A dogged man", "dog", False),
        ("Two kids playing", "child", True),
        ("An umbrella", "umbrella", True),
        ("Umbrellas", "umbrella", True),
    ],
)
def test_what_a_caption_says(caption: str, words: str, said: bool) -> None:
    assert says(caption, Query("", tuple(words.split()))) is said


def test_two_captions_have_to_say_it_or_the_only_one() -> None:
    giraffe = next(place for place, query in enumerate(QUERIES) if query.text == "a giraffe")
    found = right_answers(
        [["A giraffe", "An animal"], ["A giraffe"], ["Giraffes eat", "a giraffe", "trees"], ["A dog"]]
    )
    assert found[giraffe] == [1, 2]


def test_numbers_by_hand() -> None:
    images = np.eye(6, dtype=np.float32)
    texts = np.array([[6, 5, 4, 3, 2, 1], [6, 5, 4, 3, 2, 1]], np.float32)
    # The first query's right photographs stand at 1 and 4, the other's at 6.
    relevance = Relevance.of_pairs(np.array([0, 0, 1]), np.array([0, 3, 5]), 2)
    first, five, precision = everyday_numbers(texts, images, relevance)
    assert (first, five) == (50.0, 50.0)
    assert precision == pytest.approx(100 * ((1 + 2 / 4) / 2 + 1 / 6) / 2)
