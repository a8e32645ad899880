"""The write-ahead log of a SQLite file, read without SQLite: what was committed and not yet moved into the database.

SQLite takes the first frame that is damaged for the end of the log. Each frame carries the running checksum, so that
those behind it can be verified too. Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

_HEADER: Final = struct.Struct(">8I")  # magic, version, page size, checkpoint, two salts, two checksums
_FRAME: Final = struct.Struct(">6I")  # page, pages of the database after a commit (else 0), two salts, two checksums
_MAGIC: Final = 0x377F0682  # the last bit: checksums of big-endian words
_PAGE_SIZES: Final = tuple(2**power for power in range(9, 17))

Sums = tuple[int, int]


def committed(log: bytes) -> dict[int, bytes]:
    """The newest state of each page that the log holds, by its number; of the last transaction that is complete."""
    if len(log) < _HEADER.size + _FRAME.size:
        return {}
    magic, _, size, _, *salts, first, second = _HEADER.unpack_from(log)
    big = bool(magic & 1)
    if magic & ~1 != _MAGIC or size not in _PAGE_SIZES:
        return {}
    pages: dict[int, bytes] = {}
    waiting: dict[int, bytes] = {}
    for number, last, page in _frames(log, size, (salts[0], salts[1]), (first, second), big=big):
        waiting[number] = page
        if last:
            pages |= waiting
            waiting = {}
    return pages


def _frames(log: bytes, size: int, salts: Sums, sums: Sums, *, big: bool) -> Iterator[tuple[int, int, bytes]]:
    """(page number, pages of the database if it ends a transaction, page) of the frames that are whole."""
    for start in range(_HEADER.size, len(log) - _FRAME.size - size + 1, _FRAME.size + size):
        number, last, salt, other, first, second = _FRAME.unpack_from(log, start)
        page = log[start + _FRAME.size : start + _FRAME.size + size]
        found = _sums(log[start : start + 8] + page, sums, big=big)
        if (salt, other) == salts and found == (first, second) and number:
            yield number, last, page
        sums = first, second


def _sums(data: bytes, sums: Sums, *, big: bool) -> Sums:
    first, second = sums
    words = struct.unpack(f"{'>' if big else '<'}{len(data) // 4}I", data)
    for one, other in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second
