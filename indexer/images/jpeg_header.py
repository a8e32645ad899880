"""The segments of a JPEG before its coded data: what of them Pillow is not to see, and whether it comes to an end.

Pillow reads the header byte by byte where bytes stand between its segments, and joins pieces of EXIF one by one.
"""

from __future__ import annotations

from indexer.errors import DamagedImageError

#: Segments, and fill bytes between them. A picture has some twenty; an extended XMP of 100 MB has 1,600.
_MAX_STEPS = 20_000
#: Bytes between two segments that belong to none.
_MAX_JUNK = 65_536
#: EXIF is one segment, as a rule.
_MAX_EXIF = 32

_SOS, _EOI, _EXIF = 0xDA, 0xD9, 0xE1
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})


def surplus(data: bytes) -> list[tuple[int, int]]:
    """(start, end) of the pieces of EXIF that are too many; none in nearly every file.

    Raises DamagedImageError for a header that does not come to its end within reason.
    """
    if _is_plain(data):
        return []
    found: list[tuple[int, int]] = []
    position = 2
    for _ in range(_MAX_STEPS):
        start = data.find(b"\xff", position, position + _MAX_JUNK)
        if start < 0:
            if position + _MAX_JUNK < len(data):
                break
            return found[_MAX_EXIF:]
        marker = data[start + 1] if start + 1 < len(data) else _EOI
        if marker in (_SOS, _EOI):
            return found[_MAX_EXIF:]
        if marker in (0x00, 0xFF) or marker in _BARE:
            position = start + (1 if marker == 0xFF else 2)
            continue
        position = start + 2 + max(2, int.from_bytes(data[start + 2 : start + 4], "big"))
        if marker == _EXIF and data.startswith(b"Exif\0\0", start + 4):
            found.append((start, position))
    raise DamagedImageError("its header does not come to an end")


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
