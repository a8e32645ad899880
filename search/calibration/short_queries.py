"""Short everyday queries, made of captions: "a dog", "red umbrella", "riding a horse", and which captions say them.

By simple means. A noun phrase is one to three words between an article and what ends such a phrase, the last of them a
noun: a word that captions have right behind an article. Of "a brown dog" the noun alone is one, too. A verb phrase is a
word on -ing with what it acts on, or with who does it. A caption says a query when it has all its content words near
each other, or words that mean as much (`kin`).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from indexer.types import Int64
from search.calibration.kin import Kin, is_one_who_does, stem
from search.query.stop_words import STOP_WORDS

_ARTICLE: Final = "a an the two three some his her their"
#: Those that queries have; "a" stands for the others.
_ASKED: Final = frozenset(("a", "an", "the", "two", "three"))
#: What ends a noun phrase.
_LINK: Final = (
    "in on of with and is are at by near next to from that who while under over behind through down up into along "
    "beside inside around outside against as for together during has have being"
)
#: Words on -ing that name things.
_THING: Final = (
    "building ceiling clothing king painting railing ring string swing wedding wing morning evening something nothing "
    "anything everything crossing"
)
#: What may stand between a verb and what it acts on.
_LED: Final = "a an the his her their some in on at into through along over down up"
#: Words that name nothing.
_ANY: Final = "other another many several few front side back top one two three something thing"
_ARTICLES, _BEHIND, _THINGS, _BETWEEN, _VAGUE = (
    frozenset(each.split()) for each in (_ARTICLE, _LINK, _THING, _LED, _ANY)
)
_TOKENS: Final = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)*|[^A-Za-z\s]")
#: Words of a noun phrase, at most.
MOST_WORDS: Final = 3
#: Photographs that a query has to name, and of all photographs at most.
FEWEST: Final = 2
LARGEST: Final = 0.4
#: Of those that one caption says to be that, so many have to be named by as many as agree (two of five). What captions
#: say as they please ("a shirt", "a man standing") is true of many photographs of which none says it.
AGREEING: Final = 0.5
#: Words of a query stand so near each other in a caption that says it: a word more for each, and these.
APART: Final = 3


@dataclass(frozen=True, slots=True)
class ShortQuery:
    """`text`: what is asked; `said` (n,) int64: by how many of its captions each photograph is said to be that."""

    text: str
    said: Int64


def short_queries(captions: Sequence[Sequence[str]], most: int, seed: int, share: float = 1.0) -> list[ShortQuery]:
    """At most `most` of what the `captions` of n photographs say of two photographs at least, drawn with a seed; of
    noun phrases every second one without its article. The n are a `share` of all photographs, above 0: of what one of
    them alone is, as many are asked as probably name a second one among all (`named_again`)."""
    kin, nouns = Kin(captions), _nouns_of(captions)
    phrases: dict[str, str] = {}  # phrase: as it is asked with its article
    for one in captions:
        for caption in one:
            for plain, asked in _phrases(caption, nouns):
                phrases.setdefault(plain, asked)
    needed = np.array([agreement(len(one)) for one in captions], np.int64)  # (n,)
    found: list[ShortQuery] = []
    order = sorted(phrases)
    rng = np.random.default_rng(seed)
    order = [order[at] for at in rng.permutation(len(order)).tolist()]
    again, chances = named_again(share), rng.random(len(order))
    for number, plain in enumerate(order):
        if len(found) >= most:
            break
        said = said_by(kin, plain)
        agreed, named = int((said >= needed).sum()), int((said > 0).sum())
        if agreed == FEWEST - 1 and chances[number] >= again:
            continue
        if agreed >= max(1, AGREEING * named) and named <= LARGEST * len(captions):
            found.append(ShortQuery(plain if number % 2 else phrases[plain], said))
    return found


def named_again(share: float) -> float:
    """How probably a phrase that names one photograph of a `share` of all, 0 to 1, names several of all: where as many
    phrases name K photographs as 1 / K^2 says (Zipf 1949), it names K with weight share (1 - share)^(K - 1) / K."""
    return 1.0 if share <= 0 else 0.0 if share >= 1 else 1.0 + (1.0 - share) / math.log(share)


def agreement(captions: int) -> int:
    """How many of so many captions have to say that a photograph is something: two of five."""
    return max(1, round(0.4 * captions))


def said_by(kin: Kin, text: str) -> Int64:
    """(n,) int64: how many captions of each photograph say it."""
    stems = tuple(dict.fromkeys(stem(word) for word in _TOKENS.findall(text.lower()) if _says(word)))
    said = np.zeros(kin.photographs, np.int64)
    for caption in kin.having(stems):
        places = [kin.places(caption, one) for one in stems]
        if any(max(chosen) - min(chosen) < len(stems) + APART for chosen in product(*places)):
            said[kin.photograph_of[caption]] += 1
    return said


def _says(word: str) -> bool:
    return word.isascii() and word[0].isalpha() and word not in STOP_WORDS


def _nouns_of(captions: Sequence[Sequence[str]]) -> frozenset[str]:
    """The words that end a phrase right behind its article, at least half as often as other words follow there."""
    ends: Counter[str] = Counter()
    goes_on: Counter[str] = Counter()
    for caption in (caption for one in captions for caption in one):
        tokens = [*_TOKENS.findall(caption.lower()), "."]
        for at in range(len(tokens) - 2):
            if tokens[at] in _ARTICLES and tokens[at + 1][0].isalpha():
                (ends if _ends(tokens[at + 2]) else goes_on)[tokens[at + 1]] += 1
    return frozenset(word for word, count in ends.items() if 2 * count >= goes_on[word] and word not in _VAGUE)


def _phrases(caption: str, nouns: frozenset[str]) -> Iterator[tuple[str, str]]:
    """(phrase, the same with its article) of each."""
    tokens = [*_TOKENS.findall(caption.lower()), "."]
    for at, token in enumerate(tokens):
        if token in _ARTICLES:
            yield from _named(token, tokens, at + 1, nouns)
        elif _is_verb(token):
            yield from _done(tokens, at, nouns)


def _is_verb(token: str) -> bool:
    return len(token) > 4 and token.endswith("ing") and token not in _THINGS


def _ends(token: str) -> bool:
    return _is_verb(token) or token in _BEHIND or not token[0].isalpha()


def _phrase(tokens: Sequence[str], start: int, nouns: frozenset[str]) -> list[str]:
    """The words from `start` on up to what ends a phrase; none where they are no phrase."""
    words: list[str] = []
    for token in tokens[start:]:
        if token in _ARTICLES:
            return []
        if _ends(token):
            break
        words.append(token)
    fits = words and len(words) <= MOST_WORDS and words[-1] in nouns and not _VAGUE.intersection(words)
    return words if fits else []


def _named(article: str, tokens: Sequence[str], start: int, nouns: frozenset[str]) -> Iterator[tuple[str, str]]:
    words = _phrase(tokens, start, nouns)
    if words:
        plain, noun = " ".join(words), words[-1]
        yield plain, f"{article} {plain}" if article in _ASKED else plain
        yield noun, noun if noun.endswith("s") else f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _done(tokens: Sequence[str], at: int, nouns: frozenset[str]) -> Iterator[tuple[str, str]]:
    after = at + 1
    while after < len(tokens) - 1 and tokens[after] in _BETWEEN and after - at < 3:
        after += 1
    words = _phrase(tokens, after, nouns)
    if words and after > at + 1 and len(words) < MOST_WORDS:
        yield f"{tokens[at]} {' '.join(words)}", " ".join(tokens[at : after + len(words)])
    who = tokens[at - 1] if at else "."
    if is_one_who_does(who):
        yield f"{who} {tokens[at]}", f"{who} {tokens[at]}"
