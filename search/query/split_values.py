"""The value of a field that went on behind a space: of `camera:iphone 12` the camera is "iphone", and "12" is words.

Words may follow a field, so this is only said, and only where no words stand before (those of `a dog camera:pixel` are
meant as words), and the first looks like a part of a name: a number, a capital, a series of cameras. `camera:pixel dog`
is an everyday line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from search.query.lexer import Token
from search.query.quoting import quoted

#: Fields whose values may be several words. (Those of `country:` and of places are joined by the table of places.)
_OF_WORDS: Final = frozenset({"camera", "lens", "keyword", "text", "name", "path", "tag"})
_NUMBER: Final = re.compile(r"\d{1,5}(\.\d+)?(km|m)?", re.ASCII | re.IGNORECASE)
_MOST_SHOWN: Final = 60
#: Names of series, as they follow those of makers.
_SERIES: Final = frozenset(
    ("alpha", "coolpix", "cybershot", "cyber-shot", "eos", "finepix", "galaxy", "ii", "iii", "ipad", "iphone", "iv",
     "lumix", "mark", "mini", "note", "pixel", "plus", "powershot", "pro", "rebel", "redmi")
)  # fmt: skip


def words_behind(token: Token, name: str, following: Sequence[Token]) -> list[Token]:
    """The words right behind a field that may belong to its value; none of a value in quotation marks."""
    if token.kind != "word" or "*" in token.text:
        return []
    words = list(takewhile(lambda each: each.is_bare, following))
    if name == "near":  # near:Paris 5
        return words[:1] if words and _NUMBER.fullmatch(words[0].text) else []
    return words if words and name in _OF_WORDS and _goes_on(words[0].text, name) else []


def _goes_on(word: str, name: str) -> bool:
    """Whether a word looks like a part of the name before it."""
    if any(char.isdigit() or char.isupper() for char in word) or not word[:1].isalnum():
        return True
    return name in ("camera", "lens") and word.lower() in _SERIES


def said_of_split(token: Token, name: str, words: Sequence[Token]) -> str:
    """That these words are no part of the value, and how they would be."""
    behind = " ".join(each.text for each in words)
    shown = behind if len(behind) <= _MOST_SHOWN else f"{behind[: _MOST_SHOWN - 1]}…"
    meant = f"{token.text},{shown}" if name == "near" else quoted(f"{token.text} {shown}")
    return f"{shown} was taken for words; as a part of the value write {name}:{meant}."
