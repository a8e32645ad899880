"""Which slips of the pen are likely ones: letters that are left out, and vowels."""

from __future__ import annotations

from itertools import groupby

from indexer.text import folded

_VOWELS = frozenset("aeiouy")


def frame(word: str) -> str:
    """The first letter of a word, and its consonants, of double ones one."""
    letters = folded(word)
    return letters[:1] + "".join(letter for letter, _ in groupby(each for each in letters[1:] if each not in _VOWELS))


def is_clear(typed: str, meant: str) -> bool:
    """Whether one word can hardly be anything but a slip of the other."""
    return frame(typed) == frame(meant)


def leaves_out(typed: str, meant: str) -> bool:
    """Whether it is the other with letters left out. Of words one slip away such a one was meant more often than one
    with another letter: 640 instead of 620 of 692 slips of all kinds are taken back, 612 instead of 522 of 642 where
    most are of this kind."""
    letters = iter(folded(meant))
    return all(letter in letters for letter in folded(typed))
