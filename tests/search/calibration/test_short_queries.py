"""Short queries of captions, and which captions say them."""

from __future__ import annotations

import re

import numpy as np
import pytest

from search.calibration.kin import Kin, stem
from search.calibration.short_queries import agreement, named_again, said_by, short_queries

CAPTIONS = [
    ["A brown dog runs on the grass .", "Two dogs are running", "a puppy in a park", "A dog.", "something"],
    ["a man riding a horse", "A guy rides the horse.", "a cowboy", "horse with a man in a red shirt", "a horse"],
    ["a red car", "the street"],
    ["A dog on a horse", "a woman riding the horse"],
]


@pytest.mark.parametrize(
    "same",
    [
        ("dog", "dogs"),
        ("ride", "rides", "riding", "rode"),
        ("run", "running", "ran"),
        ("man", "men"),
        ("child", "children"),
        ("bus", "buses"),
        ("dress", "dresses"),
        ("box", "boxes"),
        ("baby", "babies"),
        ("bench", "benches"),
        ("glass",),
        ("chase", "chased", "chasing"),
    ],
)
def test_forms_of_a_word_have_one_stem_that_no_other_has(same: tuple[str, ...]) -> None:
    (found,) = {stem(word) for word in same}
    others = {stem(word) for word in ("cat", "bar", "grass", "woman", "rider", "king")}
    assert found not in others


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a dog", [4, 0, 0, 1]),  # a puppy is one
        ("dogs running", [2, 0, 0, 0]),
        ("someone riding a horse", [0, 0, 0, 0]),  # "someone" is a word like any other
        ("person riding horse", [0, 2, 0, 1]),  # men, guys and women are persons
        ("man riding", [0, 2, 0, 0]),
        ("red shirt", [0, 1, 0, 0]),
        ("red horse", [0, 0, 0, 0]),  # too far apart in the caption that has both
        ("the", [0, 0, 0, 0]),
    ],
)
def test_a_caption_says_what_it_has_near_each_other_or_words_that_mean_as_much(text: str, said: list[int]) -> None:
    assert said_by(Kin(CAPTIONS), text).tolist() == said


def test_two_of_five_agree() -> None:
    assert [agreement(count) for count in (1, 2, 3, 5, 10)] == [1, 1, 1, 2, 4]


def test_queries_are_phrases_that_captions_agree_on() -> None:
    captions = [
        ["a red car on the road", "the car"],
        ["A red car.", "a red car is parked"],
        ["a dog running in the snow", "the dog"],
        ["dog running and a sled", "a sled"],
        ["a man holding a red umbrella", "a red umbrella"],
        ["the umbrella", "the red umbrella"],
        *[["a cloud", "a cloud"]] * 9,
        ["an old hat", "hats"],
    ]
    found = {re.sub("^(an?|the) ", "", query.text): query.said for query in short_queries(captions, 100, 0)}
    assert {"red car", "car", "red umbrella", "umbrella", "dog running"} <= found.keys()
    assert found["red car"].tolist() == [1, 2] + [0] * 14
    assert not {"cloud", "hat", "old hat", "road", "snow"} & found.keys()  # of too many, of one alone
    assert [query.text for query in short_queries(captions, 3, 0)] == [q.text for q in short_queries(captions, 3, 0)]
    assert len(short_queries(captions, 3, 0)) == 3
    assert np.all([query.said.sum() >= 2 for query in short_queries(captions, 100, 0)])


def test_what_one_photograph_of_a_part_is_probably_names_others_of_the_whole() -> None:
    """Against a drawing: K photographs named by as many phrases as 1 / K^2 says, a part of the photographs seen."""
    rng = np.random.default_rng(0)
    sizes = np.arange(1, 2_000)
    named = rng.choice(sizes, 400_000, p=sizes**-2.0 / (sizes**-2.0).sum())
    for share in (0.05, 0.3, 0.9):
        once = rng.binomial(named, share) == 1
        assert named_again(share) == pytest.approx((named[once] > 1).mean(), abs=0.02)
    assert (named_again(1.0), named_again(0.0)) == (0.0, 1.0)


def test_of_a_part_of_all_photographs_what_is_there_once_is_asked_too() -> None:
    things = ["lamp", "boat", "tree", "bowl", "kite", "sofa", "cake", "road", "gate", "cart", "desk", "ring", "lake"]
    captions = [["A dog ."], ["A dog ."], *([f"A {thing} ."] for thing in things)]

    def asked(share: float) -> set[str]:
        found = short_queries(captions, 50, 0, share)
        assert all((each.said > 0).any() for each in found)
        return {each.text.removeprefix("a ") for each in found}

    assert not asked(1.0).intersection(things)
    assert "dog" in asked(1.0)
    few, most = asked(0.9), asked(0.001)
    assert few < most
    assert len(most.intersection(things)) > len(things) / 2
