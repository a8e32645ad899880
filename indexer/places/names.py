"""Names of places as they are compared, and the entries of the table's index of them.

An entry is 64 bits: 44 of the name's digest, 3 of its rank (`MAIN`, ...), 17 of the row that it names. Sorted, they are
found by bisection; a name that is in no list is taken for one that is once in 10 million.
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Final

from indexer.text import folded

#: How well a name names a place: what it is called, what others call it, and what is a code (of its airport). Of places
#: of one name those with fewer people come later, by these factors too.
MAIN, ALTERNATE, WEAK = 0, 1, 2
FACTORS: Final = (1.0, 0.1, 0.001)

ROW_BITS: Final = 17
RANK_BITS: Final = 3
SHIFT: Final = ROW_BITS + RANK_BITS

#: Longer names are none; nor is there work in them.
LONGEST: Final = 200


def place_key(name: str) -> str:
    """A name as it is compared: letter case, accents, punctuation and spaces do not count ("Saint-Étienne")."""
    apart = folded(name[:LONGEST])
    if not apart.isalnum():
        apart = "".join(character if _counts(character) else " " for character in apart)
    return " ".join(apart.split())


def _counts(character: str) -> bool:
    """Vowel signs of Indian and other scripts are no letters, and count."""
    return character.isalnum() or unicodedata.category(character)[0] == "M"


def key_hash(key: str) -> int:
    """The 44 bits of a `place_key` that entries hold, in their place."""
    digest = hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> SHIFT << SHIFT


def entry(key: str, rank: int, row: int) -> int:
    """The entry of a `place_key` that names `row`."""
    return key_hash(key) | rank << ROW_BITS | row


def row_of(number: int) -> int:
    """The row that an entry names."""
    return number & (1 << ROW_BITS) - 1


def rank_of(number: int) -> int:
    """How well it does."""
    return number >> ROW_BITS & (1 << RANK_BITS) - 1
