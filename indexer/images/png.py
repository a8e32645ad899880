"""PNG with chunks that Pillow stumbles over: ancillary ones that are too large, damaged or cut (PNG, third edition)."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from PIL import ImageFile
from PIL.PngImagePlugin import PngImageFile

from indexer.images.endings import empty_bytes, interrupted, partial

#: Profiles for print are up to a few megabytes; more is no profile.
MAX_PROFILE_BYTES = 8_000_000

_SIGNATURE = 8
#: Chunks that the pixels are made of. All others, and the frames of an animation behind the first, are left out.
_PIXELS = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})


class Chunk(NamedTuple):
    """A chunk and the places where it and its content start, and where its content ends; the checksum is behind it."""

    kind: bytes
    start: int
    content: int
    end: int


def chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks of a PNG in order, up to the first that is cut short or has no name of letters."""
    position = _SIGNATURE
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind = data[position + 4 : position + 8]
        if position + 12 + length > len(data) or not kind.isalpha():
            return
        yield Chunk(kind, position, position + 8, position + 8 + length)
        position += 12 + length


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, content) of a PNG's chunks other than pixels, in order; ends at the first that is cut short.

    Pillow knows the chunks behind the pixels only once it has decoded them, and that is where exiftool writes XMP.
    """
    for chunk in chunks(data):
        if chunk.kind not in (b"IDAT", b"fdAT"):
            yield chunk.kind, data[chunk.content : chunk.end]


def inflate(data: bytes, limit: int) -> bytes:
    """zlib data unpacked, at most `limit` bytes of it; b"" when it is damaged."""
    try:
        return zlib.decompressobj().decompress(data, limit)
    except zlib.error:
        return b""


def open_png(stream: io.BytesIO) -> ImageFile.ImageFile:
    """A PNG of its pixels, its transparency and its colour profile: Pillow sees no other chunk, so none can harm."""
    original = stream.getvalue()
    unended = _unended(original)
    data = original if unended is None else unended
    parts: list[bytes] = []
    kept, profile, position, seen_pixels = 0, b"", _SIGNATURE, False
    for chunk in chunks(data):
        position = chunk.end + 4
        seen_pixels |= chunk.kind == b"IDAT"
        if chunk.kind in _PIXELS or (chunk.kind == b"tRNS" and not seen_pixels and _is_transparency(data, chunk)):
            continue
        if chunk.kind == b"iCCP" and _sound(data, chunk):
            profile = profile or _profile(data[chunk.content : chunk.end])
        if kept < chunk.start or not parts:
            parts.append(data[kept : chunk.start])
        kept = position
    if data[position + 4 : position + 8] == b"IDAT":  # cut
        position = len(data)
    if parts or position < len(original):
        stream = io.BytesIO(b"".join((*parts, data[kept:position])))
    image = PngImageFile(stream)
    if profile:
        image.info["icc_profile"] = profile
    return image


def load_png(image: ImageFile.ImageFile, data: bytes) -> str | None:
    """Load the pixels of `image`, which was opened from `data`. Returns the note about what of them is missing.

    Raises DamagedImageError, or what Pillow raises.
    """
    try:
        image.load()
    except MemoryError:
        raise
    except Exception:
        if _unended(data) is None:
            raise
        if image.info.get("interlace"):  # its rows do not come in order
            raise interrupted(data) from None
        return partial(image, data)
    return None


def _unended(data: bytes) -> bytes | None:
    """What of a PNG is there when it has no end, less the zeros that stand for its rest; None for one that has."""
    if any(chunk.kind == b"IEND" for chunk in chunks(data)):
        return None
    return data.rstrip(b"\0") if empty_bytes(data) else data


def _sound(data: bytes, chunk: Chunk) -> bool:
    """Whether its checksum holds."""
    (expected,) = struct.unpack_from(">I", data, chunk.end)
    return bool(zlib.crc32(data[chunk.start + 4 : chunk.end]) == expected)


def _is_transparency(data: bytes, chunk: Chunk) -> bool:
    """Whether a tRNS chunk is sound and as long as the type of colour (in IHDR) has it."""
    length = {0: 2, 2: 6}.get(data[_SIGNATURE + 17])
    return _sound(data, chunk) and (length is None or chunk.end - chunk.content >= length)


def _profile(content: bytes) -> bytes:
    """The colour profile in an iCCP chunk; b"" when it is too large or damaged."""
    _, _, rest = content.partition(b"\0")
    profile = inflate(rest[1:], MAX_PROFILE_BYTES + 1)
    return profile if len(profile) <= MAX_PROFILE_BYTES else b""
