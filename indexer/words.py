"""The words of a text, as they are kept and looked for: folded, and cut where a script writes no spaces.

"Café" and "CAFE" are one word, "２０２１" is "2021". Chinese, Japanese, Thai, Lao, Khmer and Burmese are cut into
characters, so that a word inside a sentence is found as a phrase of them. What is kept and what is asked go the same
way, so nothing depends on the tables of Unicode in a database.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from typing import Final

from indexer.text import folded

#: A word: its tokens, one, or one a character where the script writes no spaces.
Word = tuple[str, ...]

#: Stands between two texts, so that no phrase goes over their ends; no word folds to it.
BREAK: Final = "¦"
#: A token is cut after this many characters; what is longer is no word.
MAX_TOKEN: Final = 64
#: Scripts without spaces: Thai and Lao, Burmese, Khmer, kana and ideographs.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
_ASCII_TOKEN: Final = re.compile(r"[0-9a-z]+")
#: Where a file's name goes from one word to the next without a sign between them: beachSunset, IMG2021, 2021Rome.
_JOINT: Final = re.compile(
    r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][^\W\d_A-Z])|(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)"
)

_LETTERS_OR_DIGITS: Final = re.compile(r"\d+|[^\W\d_]+")
#: Letters and digits that no person writes: a hexadecimal number of so many digits that goes over from digits to
#: letters, or back, so often; and any that does so more often and has no longer run of letters. Their runs of letters
#: are no words: of a hundred such names one holds "bed", "dad" or "cab".
_HEXADECIMAL: Final = re.compile(r"[0-9a-fA-F]{8,}")
_HEXADECIMAL_CHANGES: Final = 2
_CHANGES: Final = 4
_LONGEST_LETTERS: Final = 4
_UUID: Final = re.compile(r"(?<![^\W_])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![^\W_])")


def words(text: str) -> list[Word]:
    """The words of `text`, in order; the same for every spelling that folds to the same letters."""
    if text.isascii():
        return [(token[:MAX_TOKEN],) for token in _ASCII_TOKEN.findall(text.lower())]
    found: list[Word] = []
    for is_word, run in groupby(folded(text), _is_part):
        if is_word:
            for unspaced, part in groupby(run, _is_unspaced):
                characters = tuple(part)
                found.append(characters if unspaced else ("".join(characters)[:MAX_TOKEN],))
    return found


def column(texts: Iterable[str], limit: int) -> str:
    """The tokens of `texts` in order, at most `limit`, as a column of words keeps them: a space between each two, and a
    break between two texts."""
    found: list[str] = []
    for text in texts:
        own = [token for word in words(text) for token in word]
        if own:
            found += [BREAK, *own] if found else own
        if len(found) >= limit:
            break
    return " ".join(found[:limit])


def name_parts(name: str) -> str:
    """The name of a file or folder with spaces where one word goes over into the next: at signs, at digits and where
    capitals begin; what was cut without a sign stands there in one as well. The number or hash by which a program names
    a file is one word each between signs."""
    found: list[str] = []
    for piece, parts in _cut(name):
        found += (*parts, piece) if len(parts) > 1 else parts
    return " ".join(found)


def name_joints(name: str) -> str:
    """The same without what was cut."""
    return " ".join(part for _, parts in _cut(name) for part in parts)


def _cut(name: str) -> Iterator[tuple[str, list[str]]]:
    """Each piece of a name between signs, and its parts."""
    ids = {piece for found in _UUID.findall(name) for piece in found.split("-")}
    for piece in re.split(r"[\W_]+", name):
        yield piece, [piece] if piece in ids or _is_id(piece) else _JOINT.split(piece)


def _is_id(piece: str) -> bool:
    """Whether a program made it: a hash, a number in another base."""
    runs = _LETTERS_OR_DIGITS.findall(piece)
    if len(runs) > _HEXADECIMAL_CHANGES and _HEXADECIMAL.fullmatch(piece):
        return True
    letters = (len(run) for run in runs if not run[0].isdigit())
    return len(runs) > _CHANGES and max(letters, default=0) <= _LONGEST_LETTERS


@lru_cache(maxsize=20_000)
def _is_part(character: str) -> bool:
    """Whether it belongs to a word: a letter, a digit, or a mark that is written with letters."""
    return character.isalnum() or unicodedata.category(character) in ("Mn", "Mc")


def _is_unspaced(character: str) -> bool:
    return _UNSPACED.match(character) is not None
