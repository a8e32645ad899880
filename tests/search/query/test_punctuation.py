"""What an encoder is asked for has no punctuation that says nothing of a picture."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from search.query.class_names import class_name, subtracted_names
from search.query.content_words import content_words, unwanted_words
from search.query.punctuation import MOST_WITHOUT_STOP, without_punctuation
from search.query.query import Query
from search.query.terms import texts_to_encode

DOGS = ["dog", "dog!", "dog?", "dog.", "dog,", "#dog", " dog , ", "'dog'", "(dog)", "dog…", "*dog*", "dog!?!", "¿dog?"]


@pytest.mark.parametrize("text", DOGS)
def test_a_query_is_the_same_with_and_without(text: str) -> None:
    terms, bare = Query(text=text).terms, Query(text="dog").terms
    assert texts_to_encode(terms) == ("dog",)
    assert class_name(terms) == "dog"
    assert content_words(Query(text=text)) == content_words(Query(text="dog"))
    assert texts_to_encode(terms) == texts_to_encode(bare)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("a dog!", "a dog"),
        ("'a dog'", "a dog"),
        ("“a dog”", "a dog"),
        ("dog, cat; bird", "dog cat bird"),
        ("dog,cat", "dog cat"),
        ("dog - running", "dog running"),
        ("dog — running", "dog running"),
        ("dog (brown)", "dog brown"),
        ("[dog] {cat} <bird>", "dog cat bird"),
        ("dog:running", "dog running"),
        ("#dog #beach", "dog beach"),
        ("_dog_", "dog"),
        ("dog 🐶!", "dog 🐶"),
        ("狗。", "狗"),
    ],
)
def test_what_goes(text: str, asked: str) -> None:
    assert without_punctuation(text) == asked


@pytest.mark.parametrize(
    "text",
    ["a man's t-shirt", "rock'n'roll", "jack-o'-lantern", "3.5 km", "1,000 birds", "16:9", "-5 degrees", ".5 mm",
     "St. Bernard", "mt. everest", "J. Smith", "U.S. flag", "flag of the U.S.", "C++ book", "C# book", "AC/DC", "R&B",
     "black & white", "50% off", "$5", "beach.jpg", "IMG_2020", "2021-05-04", "#\ufe0f\u20e3 key", "naïve", "ağaç"],
)  # fmt: skip
def test_what_stays(text: str) -> None:
    assert without_punctuation(text) == text


def test_a_sentence_keeps_its_full_stop_and_no_other_text_does() -> None:
    sentence = "a brown dog runs over the grass"
    assert len(sentence.split()) > MOST_WITHOUT_STOP
    assert without_punctuation(f"{sentence}.") == f"{sentence}."
    assert without_punctuation(f'"{sentence} ...') == f"{sentence}."
    assert without_punctuation(f'"{sentence}."') == f"{sentence}."
    assert without_punctuation(sentence) == sentence
    assert without_punctuation(f"{sentence}!") == sentence
    assert without_punctuation("a brown dog runs.") == "a brown dog runs"
    assert without_punctuation("A dog. A cat. A bird. A beach.") == "A dog A cat A bird A beach."


@pytest.mark.parametrize("text", ["!", "?!", "...", "- -", '"'])
def test_what_is_nothing_else_stays_as_it_is(text: str) -> None:
    assert without_punctuation(text) == text


def test_of_every_term_and_not_of_what_a_query_is_called() -> None:
    query = Query.parse('dog! + 2*"sea," - people. -#car')
    assert texts_to_encode(query.terms) == ("dog sea", "sea", "people", "car")
    assert subtracted_names(query.terms) == ("people", "car")
    assert unwanted_words(query) == unwanted_words(Query.parse("dog - people -car"))
    assert Query.parse(str(query)) == query
    assert Query(text="dog!").label == Query(text="dog!").text == "dog!"


def test_quotation_marks_keep_their_meaning() -> None:
    assert class_name(Query.parse('"dog!"').terms) is None
    assert [word.exact for word in content_words(Query.parse('"a dog!"'))] == [True]


_TEXTS = st.text(st.sampled_from(" aAsté1２.,;:!?…#*+-—–'’\"“”()[]{}<>&%@/_\\~·。狗🐶\ufe0f\u20e3\u0301")) | st.text()


@given(_TEXTS)
@example("#.5 C#. St. U.S")
@example("a b c d e f C#.")
@example("('\u0301")
def test_what_is_asked_for_is_asked_for_again_as_it_is(text: str) -> None:
    once = without_punctuation(text)
    assert without_punctuation(once) == once
    assert once == " ".join(once.split())


@given(_TEXTS)
def test_letters_and_digits_all_stay_in_their_order(text: str) -> None:
    def saying(said: str) -> str:
        return "".join(char for char in said if unicodedata.category(char)[0] in "LN" or char.isalnum())

    assert saying(without_punctuation(text)) == saying(text)


@given(st.sampled_from(["dog", "a dog", "red car"]), st.text(st.sampled_from(".,;:!?…*#'\"()[] -—")), st.text(".,!? "))
def test_whatever_stands_around_a_short_text(text: str, before: str, behind: str) -> None:
    assert without_punctuation(before + text + behind) == text
