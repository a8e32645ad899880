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

#: A PNG has one; so many are tried where they are broken.
_MAX_PROFILES = 4

#: Chunks that are looked at: a file of a gigabyte has 125,000 of the usual 8 kB.
_MAX_CHUNKS = 500_000

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
    """The chunks of a PNG in order, up to the first that is cut short or has no name of letters; `_MAX_CHUNKS`."""
    position = _SIGNATURE
    for _ in range(_MAX_CHUNKS):
        if position + 12 > len(data):
            return
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
    data = stream.getvalue()
    pixels, profile, ended = _pixels_only(data)
    if not ended and empty_bytes(data):
        pixels, profile, _ = _pixels_only(data.rstrip(b"\0"))
    image = PngImageFile(stream if pixels is data else io.BytesIO(pixels))
    if profile:
        image.info["icc_profile"] = profile
    return image


def _pixels_only(data: bytes) -> tuple[bytes, bytes, bool]:
    """`data` without the chunks that Pillow need not see, the colour profile, and whether the last chunk is there."""
    parts: list[bytes] = []
    kept, profile, position, seen_pixels, ended, tried = 0, b"", _SIGNATURE, False, False, 0
    for chunk in chunks(data):
        position = chunk.end + 4
        kind = chunk.kind
        if kind in _PIXELS or (kind == b"tRNS" and not seen_pixels and _is_transparency(data, chunk)):
            seen_pixels |= kind == b"IDAT"
            ended |= kind == b"IEND"
            continue
        if kind == b"iCCP" and not profile and tried < _MAX_PROFILES and _sound(data, chunk):
            profile = _profile(data[chunk.content : chunk.end])
            tried += 1
        if kept < chunk.start:
            parts.append(data[kept : chunk.start])
        kept = position
    if data[position + 4 : position + 8] == b"IDAT":  # cut
        position = len(data)
    if kept == 0 and position == len(data):
        return data, profile, ended
    return b"".join((*parts, data[kept:position])), profile, ended


def load_png(image: ImageFile.ImageFile, data: bytes) -> str | None:
    """Load the pixels of `image`, which was opened from `data`. Returns the note about what of them is missing.

    Raises DamagedImageError, or what Pillow raises.
    """
    try:
        image.load()
    except MemoryError:
        raise
    except Exception:
        if any(chunk.kind == b"IEND" for chunk in chunks(data)):
            raise
        if image.info.get("interlace"):  # its rows do not come in order
            raise interrupted(data) from None
        return partial(image, data)
    return None


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
