"""What of a query is looked for as words."""

from __future__ import annotations

import pytest

from search.query.content_words import MAX_WORDS, content_words
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
    assert content_words(Query.parse(line)) == tuple(found)


def test_an_image_asks_for_no_words_and_a_long_text_for_some() -> None:
    assert content_words(Query(image_bytes=b"...")) == ()
    assert len(content_words(Query(text=" ".join(f"w{number}" for number in range(1_000))))) == MAX_WORDS
