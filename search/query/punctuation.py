"""A text as an encoder is asked for it: without the punctuation that says nothing of a picture.

An encoder reads "dog!" as a caption that somebody shouts, and "#dog" as one of a social network: of the first hits of
"dog" 9 and 12 in 100 are left. Signs that are part of a word stay: t-shirt, man's, 3.5, C++, AC/DC, U.S., St. Bernard.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: A text of more words is a sentence, and keeps its full stop: captions end with one, and with it they find more.
MOST_WITHOUT_STOP: Final = 6

#: Punctuation that says something: 50%, R&B, @home, w/o.
_SAYING: Final = frozenset("%&@/")
#: Symbols (in Unicode) that are written as punctuation.
_ALSO: Final = frozenset("<>=|~`^")
#: Between two letters these part two words; between digits a comma is part of a number.
_PARTING: Final = re.compile(r"[!?;…—\"“”„«»()\[\]{}]+|,(?!\d)|(?<!\d),|(?<=[^\W\d_]):(?=[^\W\d_])|\.{2,}|--+")
#: Shortened words, whose full stop is not that of a sentence.
_SHORTENED: Final = frozenset(
    (
        "st",
        "mt",
        "ft",
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "jr",
        "sr",
        "vs",
        "sgt",
        "lt",
        "capt",
        "col",
        "gen",
        "rev",
        "ave",
    )
)
_INITIALS: Final = re.compile(r"([^\W\d_]\.)+[^\W\d_]")
_LANGUAGE: Final = re.compile(r"[A-Za-z]#")  # C#, F#


def without_punctuation(text: str) -> str:
    """`text` without punctuation at its ends and around its words, single spaces between these; the full stop of a
    sentence stays. The text itself where nothing would be left. A fixed point: what it returns it returns again."""
    text = " ".join(text.split())
    if text.replace(" ", "").isalnum():  # nearly every query
        return text
    bare = map(_bare, _PARTING.sub(_parted, text).split())
    found = [(core, stop) for core, stop in bare if core]
    if not found:
        return text
    words = [
        f"{core}." if stop and _is_shortened(core, is_last=at == len(found)) else core
        for at, (core, stop) in enumerate(found, 1)
    ]
    is_sentence = len(words) > MOST_WITHOUT_STOP and "." in _tail(text) and not words[-1].endswith(".")
    return " ".join(words) + ("." if is_sentence else "")


def _parted(found: re.Match[str]) -> str:
    """A full stop that ends a text stands before what closes it: 'by the sea."'."""
    return ". " if found[0].startswith(".") else " "


def _bare(word: str) -> tuple[str, bool]:
    """A word without punctuation at its ends, and whether a full stop stood right behind it."""
    begin, end = 0, len(word)
    while begin < end and _says_nothing(word[begin]):
        begin += 1
    while end > begin and _says_nothing(word[end - 1]):
        end -= 1
    first = word[begin:end][:1]
    if first.isdigit() and word[:begin] in ("-", ".", "-."):
        begin = 0
    elif begin and first and unicodedata.category(first)[0] == "M":
        begin -= 1  # the emoji of a key is # and two marks
    if _LANGUAGE.fullmatch(word, begin, end + 1):
        end += 1
    return word[begin:end], word[end : end + 1] == "."


def _says_nothing(char: str) -> bool:
    if char in _ALSO:
        return True
    return char not in _SAYING and unicodedata.category(char)[0] == "P"


def _is_shortened(core: str, *, is_last: bool) -> bool:
    """Whether a full stop behind a word belongs to it: U.S.; before another word also St. and J."""
    if _INITIALS.fullmatch(core):
        return True
    return not is_last and (core.lower() in _SHORTENED or (len(core) == 1 and core.isupper()))


def _tail(text: str) -> str:
    """The punctuation that ends a text."""
    end = len(text)
    while end and (text[end - 1].isspace() or _says_nothing(text[end - 1])):
        end -= 1
    return text[end:]
