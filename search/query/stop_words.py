"""Words that say nothing of a picture."""

from __future__ import annotations

import unicodedata
from typing import Final

from indexer.words import Word

_GRAMMAR: Final = (
    "a about all am an and any are as at be been being but by can could did do does doing for from had has have "
    "having he her hers him his i if in into is it its just me my no nor not of off on onto or our ours out over "
    "she so some such than that the their theirs them then there these they this those to too under up us very "
    "was we were what when where which while who whom whose will with would you your yours"
)
_OF_PICTURES: Final = "image images photo photograph photographs photos pic pics picture pictures shot showing shows"
#: Of English grammar.
GRAMMAR: Final = frozenset(_GRAMMAR.split())
#: What is frequent in a collection counts for little by itself, in any language (`engine/asked_words.py`).
STOP_WORDS: Final = GRAMMAR | frozenset(_OF_PICTURES.split())


def is_content(word: Word) -> bool:
    """Whether a word of a query says something of a picture."""
    return len(word) > 1 or word[0] not in STOP_WORDS


def says_nothing(text: str) -> bool:
    """Whether it holds nothing but words of grammar and signs; an emoji says something."""
    return all(map(_is_empty, unicodedata.normalize("NFKC", text).split()))


def _is_empty(word: str) -> bool:
    categories = [unicodedata.category(char) for char in word]
    said = [char for char, category in zip(word, categories, strict=True) if category[0] in "LN" or category == "So"]
    return not said or word.strip("!\"'(),-.:;?’").casefold() in GRAMMAR
