"""What an image says about itself: size, time, place, camera, lens, captions and keywords, from EXIF, IPTC, XMP, PNG.

Nothing here is trusted to be sane. Whatever cannot be read, or is out of range, is left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from indexer.dates.written import parse_iptc_time, parse_time
from indexer.images.embedded import Blocks, find_blocks, turn
from indexer.images.formats import open_image, pillow_errors
from indexer.images.iptc import IptcTexts, read_iptc
from indexer.images.xmp import XmpFields, read_xmp
from indexer.text import clean_text, decode_text
from indexer.types import Metadata

MAX_CAPTIONS = 20
MAX_KEYWORDS = 100
_MAX_KEYWORD_LENGTH = 100
_MAX_DEVICE_LENGTH = 100

# EXIF 2.32: tags of the main directory (the XP ones are Windows Explorer's, UTF-16LE), of Exif, and of GPS.
_DESCRIPTION, _MAKE, _MODEL = 0x010E, 0x010F, 0x0110
_XP_TITLE, _XP_COMMENT, _XP_KEYWORDS = 0x9C9B, 0x9C9C, 0x9C9E
_CHANGED, _CHANGED_OFFSET = 0x0132, 0x9010
_TAKEN, _TAKEN_OFFSET, _DIGITIZED, _DIGITIZED_OFFSET = 0x9003, 0x9011, 0x9004, 0x9012
_LENS_MAKE, _LENS_MODEL = 0xA433, 0xA434
_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE = 1, 2, 3, 4

#: What cameras write where a caption belongs (lower case, without punctuation at the end).
_JUNK = re.compile(
    r"""(olympus|minolta|konica\ minolta|sony|sanyo|kodak|casio|nikon|fujifilm|samsung|pentax|ricoh|jvc|vivitar|hp)?
        \s*(digital\s*(still\s*)?camera|camera|dsc|dcim|dig(i)?max.*|imported\s*photo.*|default|untitled|image
        |screenshot|exif_jpeg(_\w+)*|jpeg|photo|picture|user\ comments|hdr|ascii|charset=.*|\w*_?nocaption)?""",
    re.VERBOSE,
)
#: What is written for a lens that the camera does not know: no focal length, no aperture.
_NO_LENS = re.compile(r"[\W0]*(mm)?[\W0]*(f/?[\W0]*)?|unknown.*|none|n/a", re.IGNORECASE | re.DOTALL)
#: XMP's degrees: "48,51.507N", "48,51,30N" or, of programs that know no better, "48.8584".
_XMP_DEGREES = re.compile(
    r"([+-]?)(\d{1,3}(?:\.\d*)?)(?:,(\d{1,2}(?:\.\d*)?)(?:,(\d{1,2}(?:\.\d*)?))?)?\s*([NSEW]?)",
    re.ASCII | re.IGNORECASE,
)


def read_metadata(data: bytes) -> Metadata:
    """What the image in `data` says about itself. Reads headers only, no pixels.

    Captions are clean (`text.clean_text`), each once, at most `MAX_CAPTIONS`; keywords at most `MAX_KEYWORDS`.
    `taken_at` is always "YYYY-MM-DDThh:mm:ss", then the offset when there is one; a date alone is its midnight.

    Raises NotAnImageError, DamagedImageError or ImageTooLargeError when `data` cannot even be opened as an image;
    damaged metadata raises nothing.
    """
    image = open_image(data)
    width, height = image.size
    with pillow_errors("its metadata cannot be read"):
        blocks = find_blocks(image, data)
    if turn(blocks.main, image.format) >= 5:
        width, height = height, width
    iptc, xmp = read_iptc(blocks.iptc), read_xmp(blocks.xmp)
    latitude, longitude = _place(blocks.gps, xmp)
    captions = (*xmp.descriptions, *iptc.captions, *_exif_captions(blocks), *xmp.titles, *_png_captions(blocks.texts))
    keywords = (*xmp.subjects, *iptc.keywords, *_text(blocks.main.get(_XP_KEYWORDS), wide=True).split(";"))
    return Metadata(
        width=width,
        height=height,
        format=image.format or "",
        taken_at=_taken(blocks, xmp, iptc),
        camera=_device(_text(blocks.main.get(_MAKE)), _text(blocks.main.get(_MODEL))),
        lens=_lens(blocks.exif, xmp),
        latitude=latitude,
        longitude=longitude,
        captions=_distinct((clean_text(text) for text in captions if not is_junk(text)), MAX_CAPTIONS),
        keywords=_distinct((clean_text(word, _MAX_KEYWORD_LENGTH) for word in keywords), MAX_KEYWORDS),
    )


def is_junk(text: str) -> bool:
    """Whether a "caption" is only what the camera or its software writes into every picture."""
    return _JUNK.fullmatch(text.strip("\0 \t\r\n.-_").casefold()) is not None


def _taken(blocks: Blocks, xmp: XmpFields, iptc: IptcTexts) -> str | None:
    """When it was taken: what says so of the moment itself first, what a later change of the file may have written
    (EXIF's DateTime) last. The first that makes sense."""

    def exif(directory: Mapping[int, Any], tag: int, offset: int) -> str | None:
        return parse_time(_text(directory.get(tag)), _text(blocks.exif.get(offset)))

    return (
        exif(blocks.exif, _TAKEN, _TAKEN_OFFSET)
        or exif(blocks.exif, _DIGITIZED, _DIGITIZED_OFFSET)
        or next(filter(None, map(parse_time, xmp.times)), None)
        or next(filter(None, (parse_iptc_time(*time) for time in iptc.times)), None)
        or exif(blocks.main, _CHANGED, _CHANGED_OFFSET)
    )


def _lens(exif: Mapping[int, Any], xmp: XmpFields) -> str | None:
    make, model = _text(exif.get(_LENS_MAKE)), _text(exif.get(_LENS_MODEL))
    named = [("" if _is_no_lens(make) else make, model), *(("", lens) for lens in xmp.lenses)]
    return next((_device(*names) for names in named if not _is_no_lens(names[1])), None)


def _is_no_lens(text: str) -> bool:
    return _NO_LENS.fullmatch(text.strip()) is not None


def _device(make: str, model: str) -> str | None:
    """ "Make Model", the make not said twice: ("NIKON CORPORATION", "NIKON D90") -> "NIKON D90"."""
    make, model = (clean_text(" ".join(part.split()), _MAX_DEVICE_LENGTH) for part in (make, model))
    if not make or not model:
        return make or model or None
    if model.casefold().startswith(make.split()[0].casefold()):
        return model
    return f"{make} {model}"[:_MAX_DEVICE_LENGTH]


def _place(gps: Mapping[int, Any], xmp: XmpFields) -> tuple[float | None, float | None]:
    """Latitude and longitude in degrees, both or neither, of EXIF or else of XMP. Exactly 0, 0 is a receiver without a
    fix."""
    of_exif = (
        _degrees(gps.get(_LATITUDE), gps.get(_LATITUDE_REF), "N", "S", 90),
        _degrees(gps.get(_LONGITUDE), gps.get(_LONGITUDE_REF), "E", "W", 180),
    )
    of_xmp = _xmp_degrees(xmp.latitude, "NS", 90), _xmp_degrees(xmp.longitude, "EW", 180)
    known = (place for place in (of_exif, of_xmp) if None not in place and place != (0, 0))
    return next(known, (None, None))


def _xmp_degrees(text: str, hemispheres: str, limit: int) -> float | None:
    match = _XMP_DEGREES.fullmatch(text.strip())
    if match is None or (match[1] and match[5]) or (match[5] and match[5].upper() not in hemispheres):
        return None
    total = sum(float(part or 0) / unit for part, unit in zip(match.groups()[1:4], (1, 60, 3600), strict=True))
    if total > limit:
        return None
    return round(-total if match[1] == "-" or match[5].upper() == hemispheres[1] else total, 7)


def _degrees(value: object, reference: object, plus: str, minus: str, limit: int) -> float | None:
    """Degrees, minutes and seconds with their hemisphere, as one number; None when they make no sense."""
    hemisphere = _text(reference).strip("\0 ")[:1].upper()
    if not isinstance(value, tuple) or not 1 <= len(value) <= 3 or hemisphere not in (plus, minus):
        return None
    parts = [_number(part) for part in value]
    # Minutes or seconds of 0/0 mean "not given"; without degrees there is no place.
    parts[1:] = [0.0 if math.isnan(part) else part for part in parts[1:]]
    total = sum(part / unit for part, unit in zip(parts, (1.0, 60.0, 3600.0), strict=False))
    if not math.isfinite(total) or min(parts) < 0 or total > limit:
        return None
    return round(-total if hemisphere == minus else total, 7)  # a centimetre


def _number(value: object) -> float:
    """An EXIF number as a float; NaN for one over zero, which Pillow gives as NaN or refuses, by version."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ArithmeticError):
        return math.nan


def _exif_captions(blocks: Blocks) -> Iterator[str]:
    yield _text(blocks.main.get(_DESCRIPTION))
    yield _text(blocks.main.get(_XP_TITLE), wide=True)
    yield _text(blocks.main.get(_XP_COMMENT), wide=True)


def _png_captions(texts: Mapping[str, str]) -> Iterator[str]:
    for keyword in ("Description", "Title", "Comment"):
        yield texts.get(keyword, "")


def _text(value: object, *, wide: bool = False) -> str:
    """An EXIF value as text, up to its first NUL: bytes or Latin-1 that may really be UTF-8; `wide`: UTF-16LE."""
    if isinstance(value, tuple) and all(isinstance(part, int) and 0 <= part < 256 for part in value):
        value = bytes(value)
    if isinstance(value, bytes):
        text = value.decode("utf-16-le", "replace") if wide else decode_text(value)
    elif isinstance(value, str):
        text = decode_text(value.encode("latin-1", "ignore"))
    else:
        return ""
    return text.partition("\0")[0]


def _distinct(texts: Iterable[str], limit: int) -> tuple[str, ...]:
    """The first `limit` texts that are not empty, each once (letter case aside)."""
    found: dict[str, str] = {}
    for text in texts:
        if text and len(found) < limit:
            found.setdefault(text.casefold(), text)
    return tuple(found.values())
