"""The words of a query by which photographs are looked for in what is said of them.

Of a sentence these are its content words: "a photo of the church in Lisbon" asks for "church" and "lisbon". Words in
quotation marks are looked for as they stand, one behind the other.
"""

from __future__ import annotations

from typing import Final

from indexer.words import Word, words
from search.query.query import Query

#: More words than this of one query are not looked for.
MAX_WORDS: Final = 24

_ENGLISH: Final = (
    "a about all am an and any are as at be been being but by can could did do does doing for from had has have "
    "having he her hers him his i if in into is it its just me my no nor not of off on onto or our ours out over "
    "she so some such than that the their theirs them then there these they this those to too under up us very "
    "was we were what when where which while who whom whose will with would you your yours "
    "image images photo photograph photographs photos pic pics picture pictures shot showing shows"
)
#: Words that say nothing of a picture. What is frequent in a collection counts for little by itself, in any language
#: (`engine/word_matches.py`).
_STOP_WORDS: Final = frozenset(_ENGLISH.split())


def content_words(query: Query) -> tuple[Word, ...]:
    """What the added texts of a query ask for, each once, in order: words, and phrases in quotation marks. None of an
    image, nor of a text that has nothing but stop words."""
    found: dict[Word, None] = {}
    for term in query.terms:
        for part in term.words if term.weight > 0 else ():
            every = words(part.text)
            if part.exact:
                found[tuple(token for word in every for token in word)] = None
            else:
                found |= {word: None for word in every if len(word) > 1 or word[0] not in _STOP_WORDS}
    return tuple(filter(None, found))[:MAX_WORDS]
