"""The words that a model of English has learned: one file beside it, made by `tools/vocabulary`.

The digest of the rest, in hex, on the first line; then the words, folded (`indexer.text.folded`), one a line, sorted.
They are looked for by bisection in the bytes as they lie on the disk: 10 microseconds a word, without making 80,000
strings for one query.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from indexer import forking
from indexer.errors import EncoderUnavailableError
from indexer.page_sums import digest
from indexer.text import folded

if TYPE_CHECKING:
    from indexer.encoders.near_words import NearWords

#: Shorter words are never told: "bmx", "tv", "atv".
SHORTEST: Final = 4
#: Longer ones are none.
LONGEST: Final = 40
#: Endings of words whose stem is there, and what the stem may have instead: "corgis", "kayakers", "sunnier".
_ENDINGS: Final = (
    ("s", ("",)),
    ("es", ("", "e")),
    ("ed", ("", "e")),
    ("ing", ("", "e")),
    ("er", ("", "e")),
    ("ers", ("", "e")),
    ("y", ("", "e")),
    ("like", ("",)),
    ("less", ("",)),
)
_SHORTEST_STEM: Final = 3


class Vocabulary:
    """The words of `file`, read at first use. Safe to call from several threads."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lines: _Lines | None = None
        self._near: NearWords | None = None
        self._loading = forking.lock()

    def knows(self, word: str) -> bool:
        """Whether a word was learned: it is there, or what it is a form of, or both halves of it ("snowboarder").

        Raises EncoderUnavailableError for a file that is not what was written.
        """
        word = folded(word).replace("’", "'").partition("'")[0]
        if len(word) < SHORTEST:
            return True
        return len(word) <= LONGEST and (
            self._has_form(word)
            or any(
                self._has(word[:place]) and self._has_form(word[place:])
                for place in range(SHORTEST, len(word) - SHORTEST + 1)
            )
        )

    def near(self, word: str) -> list[str]:
        """The words of the list that are nearest to one that is not known; none where nothing is near, or the word is
        not one of the letters of English. Raises EncoderUnavailableError."""
        word = folded(word).replace("’", "'").partition("'")[0]
        if not SHORTEST <= len(word) <= LONGEST or not (word.isascii() and word.isalpha()):
            return []
        lines = self._read_lines()
        with self._loading:
            if self._near is None:
                self._near = lines.near_words()
        return self._near.of(word)

    def _has_form(self, word: str) -> bool:
        return any(self._has(form) for form in _forms(word))

    def _has(self, word: str) -> bool:
        return word.encode("utf-8", "replace") in self._read_lines()

    def _read_lines(self) -> _Lines:
        with self._loading:
            if self._lines is None:
                self._lines = _Lines(_read(self._file))
        return self._lines


class _Lines:
    """Sorted lines in one piece of bytes."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._ends = np.flatnonzero(np.frombuffer(body, np.uint8) == ord("\n"))

    def near_words(self) -> NearWords:
        from indexer.encoders.near_words import NearWords

        return NearWords(np.frombuffer(self._body, np.uint8), self._ends)

    def __contains__(self, line: bytes) -> bool:
        count = len(self._ends)
        place = bisect_left(range(count), line, key=self._line)
        return place < count and self._line(place) == line

    def _line(self, place: int) -> bytes:
        return self._body[self._ends[place - 1] + 1 if place else 0 : self._ends[place]]


def write_words(file: Path, words: Iterable[str]) -> None:
    """Write the file of these words, which are folded already."""
    body = b"".join(word.encode() + b"\n" for word in sorted(set(words)))
    file.write_bytes(digest(np.frombuffer(body, np.uint8)).hex().encode() + b"\n" + body)


def _read(file: Path) -> bytes:
    """What stands behind the digest."""
    try:
        head, _, body = file.read_bytes().partition(b"\n")
    except OSError as error:
        raise EncoderUnavailableError(
            f"The model file {file} is out of reach ({error.strerror}); install the package again."
        ) from error
    if head.decode("ascii", "replace") != digest(np.frombuffer(body, np.uint8)).hex():
        raise EncoderUnavailableError(f"The model file {file} is damaged; install the package again.")
    return body


def _forms(word: str) -> Iterator[str]:
    yield word
    for ending, instead in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= _SHORTEST_STEM:
            yield from (stem + each for each in instead)
            if len(stem) > _SHORTEST_STEM and stem[-1] == stem[-2]:
                yield stem[:-1]  # "jogging"
