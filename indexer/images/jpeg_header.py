"""The segments of a JPEG before its coded data: what of them Pillow is not to see, and whether it comes to an end.

Pillow reads the header byte by byte where bytes stand between its segments, and joins pieces of EXIF one by one.
"""

from __future__ import annotations

import re

from indexer.errors import DamagedImageError

#: Segments that are looked at, of files of megabytes that are nothing but small ones: half a second.
_MAX_SEGMENTS = 300_000
#: Those of them that Pillow sees. A picture has some twenty; an extended XMP of 100 MB has 1,600.
_MAX_KEPT = 20_000
#: Comments, and application data that nobody asks for.
_MAX_IDLE = 2_000
#: EXIF is one segment, as a rule.
_MAX_EXIF = 32
#: Bytes between two segments that belong to none: so many are damage, and so few are left where they are.
_MAX_JUNK, _SOME_JUNK = 65_536, 256

_SOS, _EOI, _APP1, _COM = 0xDA, 0xD9, 0xE1, 0xFE
_BARE = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
_FILL = re.compile(rb"\xff*")
_EXIF = b"Exif\0\0"
#: How the application data begin that are asked for: of each marker.
_ASKED_FOR = {
    0xE0: b"JFIF",
    _APP1: b"http://ns.adobe.com/x",
    0xE2: b"ICC_PROFILE\0",
    0xED: b"Photoshop",
    0xEE: b"Adobe",
}


def surplus(data: bytes) -> list[tuple[int, int]]:
    """(start, end) of what may be cut out: pieces of EXIF, comments, application data and fill bytes that are too
    many; none in nearly every file.

    Raises DamagedImageError for a header that does not come to its end within reason.
    """
    if _is_plain(data):
        return []
    cut: list[tuple[int, int]] = []
    position, kept, idle, pieces = 2, 0, 0, 0
    for _ in range(_MAX_SEGMENTS):
        start = data.find(b"\xff", position, position + _MAX_JUNK)
        if start < 0:
            if position + _MAX_JUNK < len(data):
                raise DamagedImageError("its header does not come to an end")
            return cut
        fill = _FILL.match(data, start)
        assert fill is not None
        start = fill.end() - 1  # where the marker is
        if start - position > _SOME_JUNK:
            _cut(cut, position, start)
        marker = data[start + 1] if start + 1 < len(data) else _EOI
        if marker in (_SOS, _EOI):
            return cut
        position = start + 2
        if marker not in _BARE:
            position += max(2, int.from_bytes(data[position : position + 2], "big"))
        if marker == _APP1 and data.startswith(_EXIF, start + 4):
            pieces += 1
            is_surplus = pieces > _MAX_EXIF
        elif marker == _COM or 0xE0 <= marker <= 0xEF:
            asked_for = _ASKED_FOR.get(marker)
            is_idle = asked_for is None or not data.startswith(asked_for, start + 4)
            idle += is_idle
            is_surplus = is_idle and idle > _MAX_IDLE
        else:
            is_surplus = False
        if is_surplus:
            _cut(cut, start, position)
            continue
        kept += 1
        if kept > _MAX_KEPT:
            break
    most = _MAX_KEPT if kept > _MAX_KEPT else _MAX_SEGMENTS
    raise DamagedImageError(f"its header does not come to an end within {most:,} segments")


def _cut(cut: list[tuple[int, int]], start: int, end: int) -> None:
    if cut and cut[-1][1] == start:
        cut[-1] = cut[-1][0], end
    else:
        cut.append((start, end))


def _is_plain(data: bytes) -> bool:
    """Whether few segments, one behind the other, lead to the coded data: nearly always."""
    position, end = 2, len(data) - 4
    for _ in range(_MAX_EXIF):
        if position > end or data[position] != 0xFF:
            return False
        marker = data[position + 1]
        if marker == _SOS:
            return True
        if marker < 0xC0 or 0xD0 <= marker <= _EOI or marker == 0xFF:
            return False
        position += 2 + max(2, data[position + 2] << 8 | data[position + 3])
    return False
