"""What of a query is looked for as words."""

from __future__ import annotations

import pytest

from search.query.content_words import MAX_WORDS, ContentWord, content_words, unwanted_words
from search.query.query import Query


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("a photo of the church in Lisbon", [("church",), ("lisbon",)]),
        ("dog Dog DOGS", [("dog",), ("dogs",)]),
        ('"to be or not" dog', [("to", "be", "or", "not"), ("dog",)]),
        ("what is it", []),
        ("red car -blue", [("red",), ("car",)]),
        ("2*beach + sunset", [("beach",), ("sunset",)]),
        ("東京タワー 2021", [("東", "京", "タ", "ワ", "ー"), ("2021",)]),
        ("🐈 dog", [("dog",)]),
    ],
)
def test_content_words(line: str, found: list[tuple[str, ...]]) -> None:
    words = content_words(Query.parse(line))
    assert [word.tokens for word in words] == found
    assert [word.tokens for word in words if word.means_names] == [word for word in found if len(word) == 4]


def test_an_image_asks_for_no_words_and_a_long_text_for_some() -> None:
    assert content_words(Query(image_bytes=b"...")) == ()
    assert len(content_words(Query(text=" ".join(f"w{number}" for number in range(1_000))))) == MAX_WORDS


@pytest.mark.parametrize(
    ("line", "tokens", "begins"),
    [
        ("IMG_2020", ("img", "2020"), ("img", "2020")),
        ("img2020", ("img2020",), ("img", "2020")),
        ("P1010", ("p1010",), ("p", "1010")),
        ("20210504_10", ("20210504", "10"), ("20210504", "10")),
        ("_DSC0042.JPG", ("dsc0042",), ("dsc", "0042")),
        ("old_harbour.png", ("old", "harbour"), ("old", "harbour")),
        ("2021-05-04", ("2021", "05", "04"), ("2021", "05", "04")),
        ("2021.05.04.jpg", ("2021", "05", "04"), ("2021", "05", "04")),
        ("20210504", ("20210504",), ("20210504",)),
        ("(is it dsc_01?)", ("dsc", "01"), ("dsc", "01")),
    ],
)
def test_the_beginning_of_a_name(line: str, tokens: tuple[str, ...], begins: tuple[str, ...]) -> None:
    assert content_words(Query(text=line)) == (ContentWord(tokens, begins),)


@pytest.mark.parametrize(
    "line",
    [
        "2020",
        "beach",
        "____",
        "4x4",
        "red.car",
        "2021-06",
        "2021-13-03",
        "2021-06-031",
        "1-2021-06-03",
        "東京2021",
        "IMG_x2020é",
        '"IMG_2020"',
    ],
)
def test_what_is_no_name_is_looked_for_as_it_stands(line: str) -> None:
    assert all(word.begins == () for word in content_words(Query.parse(line)))


def test_each_subtracted_text_has_its_words() -> None:
    query = Query.parse('car -blue -"wet grass" - the red dog - photo')
    found = [[word.tokens for word in each] for each in unwanted_words(query)]
    assert found == [[("blue",)], [("wet", "grass")], [("red",), ("dog",)]]
    assert unwanted_words(Query.parse("red car")) == ()
