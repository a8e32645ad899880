"""Which words of a text an encoder has any idea of: a text that it cannot read has a vector all the same, and the
vector's neighbours look like answers.

No tokenizer says it: byte pairs spell everything, and word pieces hold letters of scripts that the training texts
hardly had. Of a model whose training texts are known a list of words says it (`vocabulary.py`). Else it is told by what
a tokenizer makes of a word: one that was seen in training is few pieces, one that was not falls apart into letters.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexer.encoders.base import Encoder

#: Shorter words of the encoder's own script are never told: "4x4", "tv", "bmx".
_SHORT = 5
#: A word whose pieces have no more letters than this on average was not seen. With 1.7 "corgi" and "khaki" would not
#: be; so few are slips of the pen and what hands make on a keyboard.
_LETTERS_A_PIECE = 1.5

#: Of how many words of a query it is said what was meant.
MOST_SUGGESTED = 3

#: How many pieces a word becomes; None where one of them stands for "unknown".
Pieces = Callable[[str], "int | None"]


def unread_words(encoder: Encoder, text: str) -> list[str]:
    """The words of `text` that `encoder` has no idea of, in their order.

    An encoder may have a method `unread` that says it (`indexer.encoders.base`); of one that has none every word is
    taken for read.
    """
    told: Callable[[str], Iterable[str]] | None = getattr(encoder, "unread", None)
    return [] if told is None else list(told(text))


def suggestions(encoder: Encoder, unread: Sequence[str]) -> dict[str, str]:
    """By word what was meant by the first `MOST_SUGGESTED` of those that are not read, where the encoder says it by a
    method `suggested`: 3 ms a word."""
    told: Callable[[str], str | None] | None = getattr(encoder, "suggested", None)
    found = {} if told is None else {word: told(word) for word in unread[:MOST_SUGGESTED]}
    return {word: meant for word, meant in found.items() if meant is not None}


def is_read(encoder: Encoder, text: str) -> bool:
    """Whether the encoder has an idea of anything in `text`; also where it has no words at all ("?")."""
    return not (words := list(words_of(text))) or len(unread_words(encoder, text)) < len(words)


def unread_english(
    text: str, pieces: Pieces, *, other_scripts: bool, learned: Callable[[str], bool] | None = None
) -> list[str]:
    """The words of `text` that a tokenizer of English texts has not seen: those that it cuts into letters, and those
    of other scripts, but with `other_scripts` for what it holds whole. `learned`: whether the model has learned a word
    of Latin letters alone, where that is known."""
    return [word for word in words_of(text) if not _is_seen(word, pieces, other_scripts, learned)]


def unread_unknown(text: str, pieces: Pieces) -> list[str]:
    """The words of `text` that a tokenizer of many languages does not know."""
    return [word for word in words_of(text) if pieces(word) is None]


def words_of(text: str) -> Iterator[str]:
    """Words, and what else stands for something: runs of letters, digits and marks, and of symbols such as emoji.
    Punctuation stands for nothing."""
    word, was = "", ""
    for char in text:
        category = unicodedata.category(char)
        kind = "letters" if category[0] in "LN" else "symbols" if category in ("So", "Sk", "Co", "Cn") else ""
        if category[0] == "M" or char in "'’\u200d":  # part of what it stands behind
            kind = was
        if kind != was and word:
            yield word
            word = ""
        word, was = (word + char, kind) if kind else ("", "")
    if word:
        yield word


def _is_seen(word: str, pieces: Pieces, other_scripts: bool, learned: Callable[[str], bool] | None) -> bool:
    count = pieces(word)
    if count is None:
        return False
    if in_latin(word):
        if learned is not None and not any(char.isdigit() for char in word):
            return learned(word)
        return len(word) < _SHORT or len(word) > _LETTERS_A_PIECE * count
    return other_scripts and count == 1


def in_latin(word: str) -> bool:
    """Whether a word is written in the letters that English is: one that is told may be a name or a slip."""
    return all(_is_latin(char) for char in word)


def _is_latin(char: str) -> bool:
    """Of the script that English is written in, accents too; or a digit."""
    if char.isascii():
        return True
    return unicodedata.category(char)[0] == "M" or unicodedata.name(char, "").startswith(("LATIN ", "RIGHT SINGLE"))
