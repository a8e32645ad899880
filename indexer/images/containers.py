"""Files made of boxes, WebP (RIFF) and HEIF and AVIF (ISO/IEC 14496-12): where their pixels end, and WebP without
whatever behind its pixels is broken.

Their decoders take zeros for coded data, and refuse a file of which any byte is missing.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator

from PIL import Image, ImageFile
from PIL.WebPImagePlugin import WebPImageFile

from indexer.images.endings import interrupted, largest_guess, load_coded

Opener = Callable[[io.BytesIO], ImageFile.ImageFile]

_WEBP_PIXELS = (b"VP8 ", b"VP8L", b"ANMF")
_WEBP_KEPT = (b"VP8X", b"ANIM", b"ALPH", b"ICCP", *_WEBP_PIXELS)
_PROFILE_FLAG, _METADATA_FLAGS = 0x20, 0x08 | 0x04


def open_webp(stream: io.BytesIO) -> ImageFile.ImageFile:
    """A WebP; one whose file is cut or broken behind the first picture, of that picture alone."""
    try:
        return WebPImageFile(stream)
    except MemoryError:
        raise
    except Exception:
        data = stream.getvalue()
        _, end = _webp_pixels(data)
        if end > largest_guess(data):
            raise interrupted(data) from None
        if not end:
            raise
        whole = data + bytes(end - len(data)) if end > len(data) else data
        return WebPImageFile(io.BytesIO(_webp_of_pixels(whole)))


def load_webp(image: ImageFile.ImageFile, data: bytes) -> tuple[Image.Image, str | None]:
    """`image`, which was opened from `data`, with its pixels, and the note about what of it is missing."""

    def decode(whole: bytes) -> Image.Image:
        found = WebPImageFile(io.BytesIO(_webp_of_pixels(whole)))
        found.load()
        return found

    return load_coded(image, data, _webp_pixels(data), decode)


def open_boxes(stream: io.BytesIO, opener: Opener) -> ImageFile.ImageFile:
    """A HEIF or AVIF; one whose end is missing, with zeros in its place."""
    try:
        return opener(stream)
    except MemoryError:
        raise
    except Exception:
        data = stream.getvalue()
        _, end = _media(data)
        if end > largest_guess(data):
            raise interrupted(data) from None
        if end <= len(data):
            raise
        return opener(io.BytesIO(data + bytes(end - len(data))))


def load_boxes(image: ImageFile.ImageFile, data: bytes, opener: Opener) -> tuple[Image.Image, str | None]:
    """`image`, which was opened from `data`, with its pixels, and the note about what of it is missing."""

    def decode(whole: bytes) -> Image.Image:
        found = opener(io.BytesIO(whole))
        found.load()
        return found

    return load_coded(image, data, _media(data), decode)


def _riff(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, end) of the chunks of a WebP; the last one may end behind the file."""
    position = 12
    while position + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, position + 4)
        yield data[position : position + 4], position + 8, position + 8 + length
        position += 8 + length + length % 2


def _webp_pixels(data: bytes) -> tuple[int, int]:
    """Where the coded pixels of the first picture start and end; (0, 0) when there are none."""
    return next(((start, end) for kind, start, end in _riff(data) if kind in _WEBP_PIXELS), (0, 0))


def _webp_of_pixels(data: bytes) -> bytes:
    """A WebP of the first picture of `data` alone: no metadata, nothing behind it."""
    found: dict[bytes, memoryview | bytes] = {}
    view = memoryview(data)
    for kind, start, end in _riff(data):
        if kind in _WEBP_KEPT and end <= len(data):
            found.setdefault(kind, view[start:end])
        if kind in _WEBP_PIXELS:
            break
    if found.get(b"VP8X"):
        flags = found[b"VP8X"][0] & ~_METADATA_FLAGS & (0xFF if b"ICCP" in found else ~_PROFILE_FLAG)
        found[b"VP8X"] = bytes((flags,)) + bytes(found[b"VP8X"][1:])
    parts: list[memoryview | bytes] = [b"WEBP"]
    for kind, content in found.items():
        parts += (kind, struct.pack("<I", len(content)), content, b"\0" * (len(content) % 2))
    return b"".join((b"RIFF", struct.pack("<I", sum(map(len, parts))), *parts))


def _media(data: bytes) -> tuple[int, int]:
    """Where the last box of media data starts and ends, when no box is behind it; (0, 0) otherwise."""
    position = 0
    found = (0, 0)
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if length == 1 and position + 16 <= len(data):
            (length,) = struct.unpack_from(">Q", data, position + 8)
        elif length == 0:
            length = len(data) - position
        if length < 8:
            break
        found = (position + 8, position + length) if kind == b"mdat" else (0, 0)
        position += length
    return found
