"""Whether a text is a short query or a sentence: their scores mean different things, so each has a curve of its own."""

from __future__ import annotations

from typing import Final, Literal

from indexer.words import words
from search.query.stop_words import is_content

QueryForm = Literal["short", "sentence"]
QUERY_FORMS: Final[tuple[QueryForm, ...]] = ("short", "sentence")

#: Content words of a short query, at most: "someone riding a horse" has three.
MOST_SHORT: Final = 3


def form_of(text: str) -> QueryForm:
    """A short query names a thing, or says one thing of it, and is true of many pictures; a sentence describes one."""
    counting = sum(map(is_content, words(text)))
    return "short" if counting <= MOST_SHORT else "sentence"
