"""The words of a list that are nearest to one that is not in it: what somebody may have meant.

Distance is that of optimal string alignment: letters added, left out, changed, and two neighbours that have changed
places, each counts one (Damerau 1964; Wagner and Fischer 1974). All words are compared at once: 5 ms of 82,000.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

#: From so many letters on, two slips are forgiven.
TWO_SLIPS_FROM: Final = 6
_LETTERS: Final = 26

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.intp]


def most_slips(word: str) -> int:
    """How far a word may be from one that was meant."""
    return 2 if len(word) >= TWO_SLIPS_FROM else 1


class NearWords:
    """A list of words, of which the nearest are asked for; what all questions share is made once: 3 MB."""

    def __init__(self, lines: Bytes, ends: Places) -> None:
        """`lines`: (n,) the words, of letters of ASCII, each with a line break; `ends`: (w,) where these are."""
        self._lines = lines
        self._starts = np.concatenate([[0], ends[:-1] + 1])  # (w,)
        self._lengths = ends - self._starts
        of_word = np.repeat(np.arange(len(ends)), self._lengths + 1)  # (n,)
        kinds = np.minimum(lines - np.uint8(ord("a")), _LETTERS)  # (n,) of a line break, and others, the last
        counts = np.bincount(of_word * (_LETTERS + 1) + kinds, minlength=len(ends) * (_LETTERS + 1))
        self._counts = counts.reshape(len(ends), _LETTERS + 1).astype(np.uint8)[:, :_LETTERS].T.copy()  # (26, w)

    def of(self, word: str) -> list[str]:
        """Those with the least distance to `word`, of small letters of ASCII, at most `most_slips`; in their order."""
        typed = np.frombuffer(word.encode("ascii"), np.uint8)  # (m,)
        shared = np.zeros(len(self._starts), np.uint8)  # letters that both have: a bound that leaves some hundred words
        for letter, count in zip(*np.unique(typed, return_counts=True), strict=True):
            shared += np.minimum(self._counts[letter - ord("a")], np.uint8(count))
        bound = np.maximum(self._lengths, len(typed)) - shared
        for most in range(1, most_slips(word) + 1):
            rows = np.flatnonzero(bound <= most)
            if len(rows):
                lengths = self._lengths[rows]
                words = _padded(self._lines, self._starts[rows], lengths)
                rows = rows[_distances(words, lengths, typed) <= most]
            if len(rows):
                ends = self._starts[rows] + self._lengths[rows]
                return [
                    self._lines[start:end].tobytes().decode()
                    for start, end in zip(self._starts[rows].tolist(), ends.tolist(), strict=True)
                ]
        return []


def _padded(lines: Bytes, starts: Places, lengths: Places) -> Bytes:
    """(r, longest): a word a row, zeros behind it."""
    places = np.arange(int(lengths.max()))
    taken: Bytes = lines[np.minimum(starts[:, None] + places, len(lines) - 1)]
    taken[places >= lengths[:, None]] = 0
    return taken


def _distances(words: Bytes, lengths: Places, typed: Bytes) -> Places:
    """(r,): of each of the `words` (r, longest), of these `lengths`, to `typed` (m,)."""
    count, longest = words.shape
    above = np.zeros((count, 0), np.intp)
    last = np.broadcast_to(np.arange(longest + 1), (count, longest + 1))
    for at, letter in enumerate(typed.tolist()):
        row = np.empty((count, longest + 1), np.intp)
        row[:, 0] = at + 1
        for place in range(longest):
            other = words[:, place] != letter
            best = np.minimum(np.minimum(row[:, place], last[:, place + 1]) + 1, last[:, place] + other)
            if at and place:
                turned = (words[:, place] == typed[at - 1]) & (words[:, place - 1] == letter)
                best = np.where(turned, np.minimum(best, above[:, place - 1] + 1), best)
            row[:, place + 1] = best
        above, last = last, row
    return np.asarray(last[np.arange(count), lengths], np.intp)
