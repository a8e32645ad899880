"""Short everyday queries, made of captions: "a dog", "baseball player", "red umbrella"."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Final

from indexer.words import words

_ARTICLE: Final = "a an the two three some his her"
_LINK: Final = (
    "in on of with and is are at by near next to from that who while under over behind through down up into along "
    "beside inside around outside against"
)
_NOUN: Final = "building ceiling clothing king painting railing ring string swing wedding wing"
#: What a phrase begins behind, what may follow it, and words on -ing that name things.
_ARTICLES, _BEHIND, _THINGS = (frozenset(each.split()) for each in (_ARTICLE, _LINK, _NOUN))
_TOKENS: Final = re.compile(r"[A-Za-z]+|[^A-Za-z\s]")
#: Words of a phrase, and photographs that it has to name.
MOST_WORDS: Final = 3
FEWEST: Final = 2
#: Of all photographs it may name at most so many.
LARGEST: Final = 0.2


def short_queries(captions: Mapping[str, Sequence[str]], most: int, seed: int) -> list[tuple[str, frozenset[str]]]:
    """(query, names of the photographs that it names), `most` drawn with a seed; every second one with its article.

    `captions`: by photograph, without those that lie beside it. A phrase is one to three words between an article and a
    preposition, "and", a form of "be" or the end; it names a photograph of which one caption has all its words.
    """
    articles: dict[str, str] = {}
    for given in captions.values():
        for caption in given:
            for article, phrase in _phrases(caption):
                articles.setdefault(phrase, article)
    kept = {name: [frozenset(_tokens(caption)) for caption in given] for name, given in captions.items()}
    found: list[tuple[str, frozenset[str]]] = []
    for phrase, article in sorted(articles.items()):
        own = set(_tokens(phrase))
        named = frozenset(name for name, all_words in kept.items() if any(own <= each for each in all_words))
        if FEWEST <= len(named) <= LARGEST * len(captions):
            found.append((phrase if len(found) % 2 else f"{article} {phrase}", named))
    return random.Random(seed).sample(found, min(most, len(found)))


def _tokens(text: str) -> list[str]:
    return [token for word in words(text) for token in word]


def _phrases(caption: str) -> list[tuple[str, str]]:
    """(article, phrase) of each."""
    tokens = [*_TOKENS.findall(caption.lower()), "."]
    found: list[tuple[str, str]] = []
    for at, token in enumerate(tokens):
        if token not in _ARTICLES:
            continue
        phrase: list[str] = []
        for following in tokens[at + 1 :]:
            verb = following.endswith("ing") and following not in _THINGS
            if verb or following in _BEHIND or not following.isalpha():
                if 1 <= len(phrase) <= MOST_WORDS:
                    found.append((token, " ".join(phrase)))
                break
            if following in _ARTICLES:
                break
            phrase.append(following)
    return found
