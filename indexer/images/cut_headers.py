"""Whether a file ends before the parts that its header speaks of: a copy that was cut short, whatever decoders say."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Literal

from indexer.images.png import chunks
from indexer.images.sniff import SNIFFED_BYTES, sniff

#: Markers of JPEG that no length follows: a temporary one, restarts, the start.
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
_EOI, _SOS = 0xD9, 0xDA
#: Segments of JPEG that are looked at.
_MAX_SEGMENTS = 100_000
_FILL = re.compile(rb"\xff+")


def ends_early(data: bytes) -> bool:
    """Whether `data`, which does not decode, is the beginning of a longer image. Never raises.

    Looked at is the order of parts: segments, chunks, boxes, directories. False for a file that is broken within.
    """
    found = sniff(data[:SNIFFED_BYTES])
    return found is not None and _CUT[found](data)


def _jpeg(data: bytes) -> bool:
    """A segment reaches over the end, or none is left before the coded data begin (ITU-T T.81, annex B)."""
    position = 2
    for _ in range(_MAX_SEGMENTS):
        if position + 2 > len(data):
            return True
        if data[position] != 0xFF:
            return False
        marker = data[position + 1]
        if marker == 0xFF:  # fill bytes
            match = _FILL.match(data, position)
            assert match is not None
            position = match.end() - 1
            continue
        if marker in (_EOI, 0):
            return False
        if marker in _BARE:
            position += 2
            continue
        position += 2 + max(2, int.from_bytes(data[position + 2 : position + 4], "big"))
        if marker == _SOS:
            return position >= len(data)
    return False


def _png(data: bytes) -> bool:
    """The last chunk reaches over the end, and none says that it is the last one."""
    end = 8
    for chunk in chunks(data):
        if chunk.kind == b"IEND":
            return False
        end = chunk.end + 4
    if end + 8 > len(data):
        return True
    length, kind = struct.unpack_from(">I4s", data, end)
    return bool(kind.isalpha()) and end + 12 + int(length) > len(data)


def _gif(data: bytes) -> bool:
    """A table of colours or a block reaches over the end, or none says that it is the last one (GIF89a)."""
    position = 13 + _gif_colours(data, 10)
    while position < len(data):
        kind = data[position]
        if kind == 0x2C:  # an image
            position += 11 + _gif_colours(data, position + 9)
        elif kind == 0x21:  # an extension
            position += 2
        else:
            return False
        while position < len(data) and data[position]:
            position += 1 + data[position]
        position += 1
    return True


def _gif_colours(data: bytes, flags: int) -> int:
    """How long the table of colours is of which the byte at `flags` speaks."""
    said = data[flags] if flags < len(data) else 0
    return 3 << ((said & 7) + 1) if said & 0x80 else 0


def _bmp(data: bytes) -> bool:
    """The second header, or the place where the pixels begin, lies behind the end."""
    headers = 14 + int.from_bytes(data[14:18], "little")
    return len(data) <= max(headers, int.from_bytes(data[10:14], "little"))


def _tiff(data: bytes) -> bool:
    """The first directory, or what it points to, lies behind the end (TIFF 6.0, section 2; BigTIFF)."""
    order: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"
    word, count = (8, 8) if data[2:4] in (b"+\0", b"\0+") else (4, 2)

    def number(start: int, length: int) -> int:
        return int.from_bytes(data[start : start + length], order)

    first = number(word, word)
    entries = first + count
    entry = 4 + 2 * word
    end = entries + entry * number(first, count) + word
    if len(data) < 2 * word or end > len(data):
        return True
    for at in range(entries, end - word, entry):
        size = _SIZES.get(number(at + 2, 2), 1) * number(at + 4, word)
        if size > word and number(at + 4 + word, word) + size > len(data):
            return True
    return False


#: Bytes of a value of each type of TIFF; of the others, one.
_SIZES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


def _webp(data: bytes) -> bool:
    return len(data) < 20 or 8 + int.from_bytes(data[4:8], "little") > len(data)


def _boxes(data: bytes) -> bool:
    """A box reaches over the end, or there is none of media data (ISO/IEC 14496-12)."""
    position, media = 0, False
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if length == 1 and position + 16 <= len(data):
            (length,) = struct.unpack_from(">Q", data, position + 8)
        if length < 8:  # broken; 0: up to the end
            return False
        media |= kind == b"mdat"
        position += length
    return position != len(data) or not media


_CUT: dict[str, Callable[[bytes], bool]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "GIF": _gif,
    "BMP": _bmp,
    "TIFF": _tiff,
    "WEBP": _webp,
    "HEIF": _boxes,
    "AVIF": _boxes,
}
