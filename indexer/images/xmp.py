"""XMP packets: titles, descriptions, subjects, dates, lens and place (XMP specification parts 1 and 2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_EXIF = "{http://ns.adobe.com/exif/1.0/}"
_EXIF_EX = "{http://cipa.jp/exif/1.0/}"
_AUX = "{http://ns.adobe.com/exif/1.0/aux/}"
_PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
_XMP = "{http://ns.adobe.com/xap/1.0/}"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"

#: An XMP packet has no business with these; without them the parser expands no entity and opens no file.
_DECLARATIONS = re.compile(r"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)

#: Where a packet says when the picture was taken, the best first.
_TIMES = (
    f"{_EXIF}DateTimeOriginal",
    f"{_PHOTOSHOP}DateCreated",
    f"{_EXIF}DateTimeDigitized",
    f"{_XMP}CreateDate",
)

_MAX_CHARACTERS = 1_000_000
_MAX_VALUES = 200


@dataclass(frozen=True, slots=True)
class XmpFields:
    """As they stand in the packet, not cleaned. Descriptions and titles: the default language first; `times`, when it
    was taken, and `lenses`: the best first."""

    descriptions: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    lenses: tuple[str, ...] = ()
    latitude: str = ""
    longitude: str = ""


def read_xmp(packet: bytes) -> XmpFields:
    """The fields of an XMP packet; none when it is damaged, over a megabyte or declares entities. Never raises."""
    text = _decode(packet).strip("\0 \t\r\n\ufeff")
    if not text or len(text) > _MAX_CHARACTERS or _DECLARATIONS.search(text):
        return XmpFields()
    try:
        # From str, so that an encoding that the packet claims cannot smuggle in what was searched for above.
        root = ElementTree.fromstring(text)  # noqa: S314
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError, MemoryError):
        return XmpFields()
    rdf = root if root.tag == f"{_RDF}RDF" else root.find(f".//{_RDF}RDF")
    # Only the descriptions of the picture itself: deeper ones are about its parts and its history.
    about = [] if rdf is None else rdf.findall(f"{_RDF}Description")
    return XmpFields(
        descriptions=_values(about, f"{_DC}description"),
        titles=_values(about, f"{_DC}title"),
        subjects=_values(about, f"{_DC}subject"),
        times=tuple(time for name in _TIMES for time in _values(about, name)[:1]),
        lenses=(*_values(about, f"{_EXIF_EX}LensModel"), *_values(about, f"{_AUX}Lens")),
        latitude=next(iter(_values(about, f"{_EXIF}GPSLatitude")), ""),
        longitude=next(iter(_values(about, f"{_EXIF}GPSLongitude")), ""),
    )


def _decode(packet: bytes) -> str:
    """XMP may be UTF-8, UTF-16 or UTF-32; a byte order mark or the place of the first zero byte tells."""
    if packet.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        encoding = "utf-32"
    elif packet.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif packet.startswith(b"<\0"):
        encoding = "utf-16-le"
    elif packet.startswith(b"\0<"):
        encoding = "utf-16-be"
    else:
        encoding = "utf-8-sig"
    return packet.decode(encoding, "replace")


def _values(about: list[ElementTree.Element], name: str) -> tuple[str, ...]:
    """A property's values, whether it is an attribute, an element, or a list (`rdf:Alt`, `rdf:Bag`, `rdf:Seq`)."""
    values: list[tuple[bool, str]] = []  # False, the default language, sorts first
    for description in about:
        if name in description.attrib:
            values.append((False, description.attrib[name]))
        for element in description.findall(name):
            items = list(element.iter(f"{_RDF}li"))
            values.extend(
                (item.get(_LANGUAGE, "x-default") != "x-default", item.text) for item in items or [element] if item.text
            )
    return tuple(text for _, text in sorted(values[:_MAX_VALUES], key=lambda value: value[0]))
