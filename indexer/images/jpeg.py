"""JPEG as it is found: without its end, with broken segments, or coded in a way that is not decoded (ITU-T T.81)."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from PIL import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from indexer.errors import DamagedImageError, UnsupportedImageError
from indexer.images.endings import MISSING_SHARE, bits, difference, empty_bytes, interrupted, note
from indexer.images.jpeg_header import surplus
from indexer.images.jpeg_scans import refuse_scans

_EOI = b"\xff\xd9"
_SOS, _DRI, _JPEG_LS = 0xDA, 0xDD, 0xF7
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_PROGRESSIVE = frozenset({0xC2, 0xCA})
#: Frames whose samples are not those of a plain discrete cosine transform.
_KINDS = {
    **dict.fromkeys((0xC3, 0xCB), "lossless"),
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "hierarchical"),
    **dict.fromkeys((0xC9, 0xCA), "arithmetic-coded"),
}
_ARITHMETIC = frozenset({0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
#: Application data and comments: nothing that the coefficients need.
_ANCILLARY = frozenset({*range(0xE0, 0xF0), 0xFE})
#: What may stand between two scans: tables, a restart interval, the number of lines, and what is ancillary.
_BETWEEN_SCANS = frozenset({0xC4, 0xCC, 0xDB, 0xDC, _DRI}) | _ANCILLARY

#: Markers that are followed: of a header and of some hundred scans.
_MAX_MARKERS = 100_000

#: A sector of a disk that was never written.
_HOLE = bytes(512)

#: A marker: neither a stuffed 0xFF, nor a restart, nor a fill byte.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


@dataclass(slots=True)
class _Structure:
    """Where the parts of the first picture lie.

    `end`: where its coded data end; `marked`: an end marker stands there. `strip`: rows of one row of blocks.
    `ancillary`: (start, end) of segments. `unseen`: (component, coefficient) that no scan gives in full.
    """

    frame: int = 0
    bits: int = 8
    layers: int = 0
    height: int = 0
    strip: int = 8
    restarts: bool = False
    scans: int = 0
    end: int = 0
    marked: bool = False
    ancillary: list[tuple[int, int]] = field(default_factory=list)
    unseen: set[tuple[int, int]] = field(default_factory=set)


def open_jpeg(stream: io.BytesIO) -> ImageFile.ImageFile:
    """A multi-picture JPEG as well: its first picture is a plain one. Segments of metadata that are broken are skipped.

    Raises UnsupportedImageError, DamagedImageError.
    """
    data = stream.getvalue()
    many = surplus(data)
    if many:
        data = _without(data, many)
        stream = io.BytesIO(data)
    try:
        return JpegImageFile(stream)
    except MemoryError:
        raise
    except Exception:
        found = _structure(data)
        _refuse_unsupported(found)
        if not found.ancillary:
            raise
        try:
            unneeded = [one for one in found.ancillary if not _needed(data, one)]
            return JpegImageFile(io.BytesIO(_without(data, unneeded)))
        except Exception:
            return JpegImageFile(io.BytesIO(_without(data, found.ancillary)))


def first_scan(image: ImageFile.ImageFile) -> tuple[bytes, int]:
    """What an image that `open_jpeg` opened is decoded from, and where the coded data of its first scan start in it."""
    assert isinstance(image.fp, io.BytesIO)
    return image.fp.getvalue(), image.fp.tell()  # the bytes themselves, no copy


def keeps_coefficients(image: ImageFile.ImageFile) -> int:
    """Bytes of the coefficients that are kept until all of them are there: of a picture in several scans, and of its
    full size even where it is shrunk."""
    layers: list[tuple[int, int, int, int]] = getattr(image, "layer", [])
    if not layers or (_in_first_scan(image) >= len(layers) and not image.info.get("progressive")):
        return 0
    return 128 * _blocks(image)


def _in_first_scan(image: ImageFile.ImageFile) -> int:
    """How many components the first scan has; 0 where its header is none that T.81, B.2.3 describes."""
    data, start = first_scan(image)
    return next(
        (
            count
            for count in range(1, 5)
            if data.startswith(bytes((0xFF, _SOS, 0, 6 + 2 * count, count)), start - 8 - 2 * count)
        ),
        0,
    )


def _blocks(image: ImageFile.ImageFile) -> int:
    """How many blocks of 8 x 8 levels it is coded in; 0 where it does not say."""
    layers: list[tuple[int, int, int, int]] = getattr(image, "layer", [])
    across, down = max((one[1] for one in layers), default=0), max((one[2] for one in layers), default=0)
    if not across or not down:
        return 0
    return sum(-(-image.width * one[1] // (8 * across)) * -(-image.height * one[2] // (8 * down)) for one in layers)


def _refuse_claim(image: ImageFile.ImageFile, data: bytes) -> None:
    """Raise DamagedImageError for coded data that cannot be of so many pixels: the decoder would fill up with grey.

    Every block takes a bit at least, because no Huffman code is shorter (T.81, F.1.2 and G.1.2); arithmetic coding has
    no such bound. Half of it may be missing here: what is missing at the end is measured elsewhere.
    """
    if _blocks(image) > 16 * len(data) and _structure(data).frame not in _ARITHMETIC:
        raise DamagedImageError(f"its data are far too few for the {image.width:,} x {image.height:,} pixels it claims")


def refuse_many_scans(image: ImageFile.ImageFile) -> None:
    """Raise UnsupportedImageError for a picture in so many scans that decoding it takes minutes."""
    if keeps_coefficients(image):
        refuse_scans(*first_scan(image), _blocks(image))


def is_whole(data: bytes) -> bool:
    """Whether an end marker ends the picture, as far as can be told from its markers."""
    return data.endswith(_EOI) or _structure(data).marked


def load_jpeg(
    image: ImageFile.ImageFile, prepare: Callable[[ImageFile.ImageFile], None]
) -> tuple[ImageFile.ImageFile, str | None]:
    """`image`, which `open_jpeg` opened, with its pixels, and the note about what of it is missing.

    `prepare` is called before anything is decoded. A picture without its end marker is complete if all of its blocks
    are there. Raises DamagedImageError, UnsupportedImageError, or what Pillow raises.
    """
    data, start = first_scan(image)
    _refuse_claim(image, data)
    refuse_many_scans(image)
    # Every 256th byte is looked at first: three zeros in a row are rare, but where a kilobyte was never written.
    hole = data.find(_HOLE, start) if b"\0\0\0" in data[start::256] else -1
    if hole < 0 and empty_bytes(data):
        hole = len(data) - empty_bytes(data)
    if hole < 0 or data[: hole + 1].rstrip(b"\0").endswith(_EOI):
        prepare(image)
        try:
            image.load()
            return image, None
        except MemoryError:
            raise
        except Exception:
            found = _structure(data)
            if found.marked or not found.scans:
                _refuse_unsupported(found)
                raise
    else:
        found = _structure(data)
        if found.marked:  # the zeros are of a trailer, or of a very flat picture
            prepare(image)
            image.load()
            return image, None
        found.end = min(found.end, hole + 1)
    return _without_end(data, found, prepare)


def _without_end(
    data: bytes, found: _Structure, prepare: Callable[[ImageFile.ImageFile], None]
) -> tuple[ImageFile.ImageFile, str | None]:
    """Decode a picture that no end marker ends, when all of it, or all but a strip of blocks, is there.

    What is there is decoded twice: with nothing behind it, and with bits that mean something else. From the first row
    on in which the two differ, the file does not say what is to be seen.
    """
    if found.unseen or not found.scans:
        raise interrupted(data)
    coded = data[: found.end]
    if coded.endswith(b"\0"):
        coded = coded.rstrip(b"\0")
        coded += b"\0" if coded.endswith(b"\xff") else b""  # a stuffed 0xFF
    else:
        coded = coded.rstrip(b"\xff")
    restarts = b"".join(bytes((0xFF, 0xD0 + number)) + bits(64) for number in range(8)) if found.restarts else b""
    plain, other = (open_jpeg(io.BytesIO(coded + tail + _EOI)) for tail in (b"", bits(1024) + restarts))
    plain.load()
    other.load()
    box = difference(plain, other)
    missing = 0 if box is None else plain.height - box[1]
    # Colours of half the resolution reach into a row or two of the strip above.
    if missing > max(found.strip + 2, MISSING_SHARE * plain.height):
        raise interrupted(data)
    image = open_jpeg(io.BytesIO(coded + _EOI))
    prepare(image)
    image.load()
    return image, note(missing / plain.height) if missing else None


def _structure(data: bytes) -> _Structure:
    """Follow the markers from the start. Never raises: what cannot be followed ends the picture there."""
    found = _Structure(end=len(data))
    position = 2
    for _ in range(_MAX_MARKERS):
        match = _MARKER.search(data, position)
        if match is None:
            break
        at, marker = match.start(), data[match.start() + 1]
        if marker == 0xD9 or (found.scans and not _goes_on(found, marker)):
            found.end, found.marked = at, marker == 0xD9
            break
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + length]
        if marker == _JPEG_LS and not found.frame:
            found.frame = marker
            break
        if length < 2 or len(body) < length - 2 or not _read_segment(found, marker, body):
            position = at + 2
            continue
        position = at + 2 + length
        if marker in _ANCILLARY:
            found.ancillary.append((at, position))
    return found


def _goes_on(found: _Structure, marker: int) -> bool:
    """Whether a picture goes on at this marker behind coded data: not when all of it was seen."""
    return bool(found.unseen) and (marker == _SOS or marker in _BETWEEN_SCANS)


def _read_segment(found: _Structure, marker: int, body: bytes) -> bool:
    """Take what `body` says; False when it is too short to say it."""
    if marker in _FRAMES and not found.frame:
        if len(body) < 6 or len(body) < 6 + 3 * body[5]:
            return False
        found.frame, found.bits, found.layers = marker, body[0], body[5]
        found.height = int.from_bytes(body[1:3], "big")
        components = [body[6 + 3 * number : 9 + 3 * number] for number in range(found.layers)]
        found.strip = 8 * max((one[1] & 15 for one in components), default=1)
        coefficients = 64 if marker in _PROGRESSIVE else 1
        found.unseen = {(one[0], at) for one in components for at in range(coefficients)}
    elif marker == _DRI and len(body) >= 2:
        found.restarts = body[:2] != b"\0\0"
    elif marker == _SOS:
        if not body or len(body) < 4 + 2 * body[0]:
            return False
        found.scans += 1
        parts = [body[1 + 2 * number] for number in range(body[0])]
        first, last, approximation = body[1 + 2 * body[0] : 4 + 2 * body[0]]
        if found.frame not in _PROGRESSIVE:
            first, last, approximation = 0, 0, 0
        if approximation & 15 == 0:
            found.unseen -= {(part, at) for part in parts for at in range(first, last + 1)}
    return True


def _refuse_unsupported(found: _Structure) -> None:
    kind = _KINDS.get(found.frame)
    if found.frame == _JPEG_LS:
        kind = "JPEG-LS"
    elif found.bits not in (0, 8):  # 0: never written
        kind = f"{found.bits}-bit {kind or ''}".strip()
    elif found.layers not in (0, 1, 3, 4):
        kind = f"{found.layers}-channel"
    if kind is not None:
        name = kind if kind == "JPEG-LS" else f"{kind} JPEG"
        raise UnsupportedImageError(f"it is a {name}, which is not read; save it as an 8-bit JPEG, PNG or TIFF")


def _needed(data: bytes, segment: tuple[int, int]) -> bool:
    """Whether a segment says something that is wanted, and is long enough to say it: colours, EXIF, XMP."""
    marker, body = data[segment[0] + 1], data[segment[0] + 4 : segment[1]]
    if marker == 0xE1:
        return body.startswith((b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"))
    if marker == 0xE2:
        return body.startswith(b"ICC_PROFILE\0") and len(body) > 14
    return marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12


def _without(data: bytes, segments: list[tuple[int, int]]) -> bytes:
    parts, position = [], 0
    for start, end in segments:
        parts.append(data[position:start])
        position = end
    return b"".join((*parts, data[position:]))
