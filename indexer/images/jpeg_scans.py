"""In how many scans a JPEG is coded: each is decoded over all of its blocks, however few bytes it has."""

from __future__ import annotations

import re

from indexer.errors import UnsupportedImageError

#: Progressive files have about ten, optimised ones up to a few dozen.
_MAX_SCANS = 100
#: Blocks, times scans, from which on more of them take too long: some two seconds.
_MAX_WORK = 100_000_000
#: Segments between scans, scans among them.
_MAX_SEGMENTS = 100_000

_SOS = b"\xff\xda"
#: A marker: neither a stuffed 0xFF, nor a restart, nor a fill byte.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_EOI, _BARE = 0xD9, frozenset({0x01, 0xD8})


def refuse_scans(data: bytes, start: int, blocks: int) -> None:
    """Raise UnsupportedImageError for a picture of `blocks` blocks in so many scans that decoding it takes minutes.

    `start`: of the coded data of its first scan. Pictures and videos behind its end marker do not count.
    """
    # What is behind a picture may hold these bytes by chance, so that only too many of them are looked at.
    if data.count(_SOS, start) < _MAX_SCANS:
        return
    scans, position = 1, start
    for _ in range(_MAX_SEGMENTS):
        match = _MARKER.search(data, position)
        if match is None or data[match.start() + 1] == _EOI:
            return
        at, marker = match.start(), data[match.start() + 1]
        position = at + 2 + (0 if marker in _BARE else int.from_bytes(data[at + 2 : at + 4], "big"))
        scans += marker == _SOS[1]
        if scans > _MAX_SCANS and scans * blocks > _MAX_WORK:
            break
    raise UnsupportedImageError(
        f"it is a JPEG in more than {_MAX_SCANS} scans, which takes too long to decode (others have about "
        "ten); save it as an ordinary JPEG, PNG or TIFF"
    )
