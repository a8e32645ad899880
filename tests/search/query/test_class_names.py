"""Which queries are asked for as names of things."""

from __future__ import annotations

import pytest

from search.query.class_names import class_name, is_class_name, subtracted_names
from search.query.query import Query
from search.query.terms import Term, Words


@pytest.mark.parametrize(
    "text", ["corgi", "stop sign", "red sports car", "t-shirt", "bird's nest", "Eiffel Tower", "swimming pool", "żubr"]
)
def test_names(text: str) -> None:
    assert is_class_name(text)


@pytest.mark.parametrize(
    "text",
    ["", "a corgi", "dog on grass", "who is this", "man riding horse", "a big red sports car", "old red sports car",
     "boeing 747", "4x4", "IMG_1234", "dog!", "-", "dog -", "🐶"],
)  # fmt: skip
def test_what_says_more_or_is_no_word(text: str) -> None:
    assert not is_class_name(text)


def test_of_a_query_it_is_the_text_that_is_added() -> None:
    assert class_name(Query(text="corgi").terms) == "corgi"
    assert class_name(Query.parse("corgi + beach -people").terms) == "corgi beach"
    assert class_name((Term(image="/a.jpg"),)) is None
    assert class_name((Term(image="/a.jpg"), Term((Words("corgi"),)))) == "corgi"
    assert class_name(Query.parse("a corgi on a beach").terms) is None


def test_quotation_marks_keep_words_as_they_stand() -> None:
    assert class_name(Query.parse('"corgi"').terms) is None
    assert class_name(Query.parse('corgi + "beach"').terms) is None
    assert class_name(Query.parse('corgi -"beach"').terms) == "corgi"


def test_of_what_is_subtracted_names_as_well() -> None:
    query = Query.parse('beach -people - stop sign -"blue" - a dog -people')
    assert subtracted_names(query.terms) == ("people", "stop sign")
    assert subtracted_names((Term(image="/a.jpg", weight=-1.0),)) == ()
    assert subtracted_names(Query(text="corgi").terms) == ()
