"""The values that the fields of a query take: read from text, and written back as text that reads the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from indexer.errors import UsageError
from indexer.text import composed
from search.query.dates import DatePoint, DateSpan, parse_point, parse_span
from search.query.fields import OF_ANY_TEXT
from search.query.quoting import DASHES, plain_forms
from search.query.ranges import CyclicRange, NumberRange, parse_cycle, parse_numbers, parse_years
from search.query.settings import ORDERS, TARGETS

DATE_SOURCES: Final = ("taken", "name", "sidecar", "file")
SHAPES: Final = ("landscape", "portrait", "square")
HOLDINGS: Final = ("gps", "caption", "keyword", "date")
TYPES: Final = ("jpeg", "png", "webp", "gif", "bmp", "tiff", "heic", "avif")

#: How far a place reaches where no radius is given, and at most: half round the earth.
DEFAULT_KM: Final = 20.0
MOST_KM: Final = 20_040.0
MAX_VALUE: Final = 1_000
#: Of a list of ids.
MAX_LIST: Final = 10_000

_OTHER_WORDS: Final = {
    "type": {"jpg": "jpeg", "jpe": "jpeg", "tif": "tiff", "heif": "heic"},
    "has": {
        **dict.fromkeys(("place", "location", "position", "geo"), "gps"),
        **dict.fromkeys(("captions", "text", "title", "description"), "caption"),
        **dict.fromkeys(("keywords", "tags", "tag"), "keyword"),
        **dict.fromkeys(("dates", "time", "taken"), "date"),
    },
    "orientation": {"horizontal": "landscape", "vertical": "portrait", "wide": "landscape", "tall": "portrait"},
    "date": {"exif": "taken", "camera": "taken", "filename": "name", "json": "sidecar", "takeout": "sidecar"},
    "to": {**dict.fromkeys(("images", "photo", "photos", "picture", "pictures"), "image"),
           **dict.fromkeys(("texts", "caption", "captions", "word", "words"), "text"),
           **dict.fromkeys(("all", "both", "everything"), "any")},
    "sort": {**dict.fromkeys(("newest", "latest", "recent"), "-date"), "oldest": "date",
             **dict.fromkeys(("relevance", "probability", "best"), "score"), "+date": "date", "filename": "name"},
}  # fmt: skip
#: Fields that take one of a list of words.
CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "type": TYPES,
    "has": HOLDINGS,
    "orientation": SHAPES,
    "date": DATE_SOURCES,
    "sort": ORDERS,
    "to": TARGETS,
}
#: What is said of a value that is none, by its field and form.
_ADVICE: Final = (
    ("date", r"\d.*", "for photographs of that time write in:{text}"),
    ("has", r".+,.+", "for several write has:gps has:caption"),
    ("sort", r"-score", "that would show what fits least first"),
)
#: Fields that take ranges.
RANGED: Final = frozenset({"in", "year", "month", "weekday", "time", "size", "width", "height", "megapixels"})
_COORDINATE: Final = r"([+-]?\d{1,3}(?:\.\d{1,12})?)"
_POSITION: Final = re.compile(rf"{_COORDINATE}\s*,\s*{_COORDINATE}(?:\s*,\s*(\S.*))?", re.ASCII)
#: Directions beside the numbers: 48.85N,2.35E
_COMPASS: Final = re.compile(r"[NS]?\s*[\d.]+\s*[NS]?\s*,\s*[EWO]?\s*[\d.]+\s*[EWO]", re.ASCII | re.IGNORECASE)
_RADIUS: Final = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*(km|m)?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Near:
    """Within `km` kilometres of a place: a name, or latitude and longitude in degrees (south and west negative)."""

    place: str | tuple[float, float]
    km: float = DEFAULT_KM

    def __str__(self) -> str:
        place = self.place if isinstance(self.place, str) else ",".join(f"{part:.12g}" for part in self.place)
        return f"{place},{self.km:.12g}"


Value = str | int | float | DatePoint | DateSpan | NumberRange | CyclicRange | Near


def parse_value(field: str, text: str) -> Value:
    """The value of a field, from what stands behind its colon. Raises UsageError, in a sentence that goes on from
    the name of the field or its place."""
    written = as_written(field, text)
    try:
        return _value(field, written)
    except UsageError:
        meant = _with_dots(field, written)
        if meant is None:
            raise
    raise UsageError(f"a range has two dots, as in {field}:{meant}.")


def as_written(field: str, text: str) -> str:
    """A value without what is no part of it. Raises UsageError for one that is empty or too long."""
    # A path and a name are kept as they are: two spaces in a row are no mistake there.
    written = text.strip() if field in ("path", "name") else " ".join(text.split())
    if not written:
        raise UsageError(f"{field}: has no value.")
    most = MAX_LIST if field == "id" else MAX_VALUE
    if len(written) > most:
        raise UsageError(f"the value of {field}: has {len(written):,} characters, and {most:,} are allowed.")
    return composed(written) if field in OF_ANY_TEXT else plain_forms(composed(written))


def _with_dots(field: str, written: str) -> str | None:
    """A range that was written with a dash, as it is read; None where it is none."""
    if field in RANGED and ".." not in written:
        for dash in re.finditer(rf"[{DASHES}-]", written):
            meant = f"{written[: dash.start()].strip()}..{written[dash.end() :].strip()}"
            try:
                _value(field, meant)
            except UsageError:
                continue
            return None if meant.startswith("..") or meant.endswith("..") else meant
    return None


def _value(field: str, written: str) -> Value:
    match field:
        case "in":
            return parse_span(written)
        case "after" | "before":
            return parse_point(written)
        case "year":
            return parse_years(written)
        case "month" | "weekday" | "time":
            return parse_cycle(field, written)
        case "size" | "width" | "height" | "megapixels":
            return parse_numbers(field, written)
        case "near":
            return parse_near(written)
        case "min":
            return parse_share(written)
        case "id":
            if not re.fullmatch(r"[1-9]\d{0,17}", written.lstrip("#"), re.ASCII):
                raise UsageError(f"{written!r} is no id of a hit; JSON has them.")
            return int(written.lstrip("#"))
    if field in CHOICES:
        return _choice(field, written)
    return written


def parse_near(text: str) -> Near:
    """PLACE, PLACE,KM, LAT,LON or LAT,LON,KM. Raises UsageError."""
    if _COMPASS.fullmatch(text) or re.search(r"\d\s*[°º′']|^[+-]?\d{1,3},\d+\s*,\s*[+-]?\d{1,3},\d+", text):
        raise UsageError(f"{text!r} has no decimal degrees, as in near:48.85,2.35; south and west have a minus.")
    position = _POSITION.fullmatch(text)
    if position is not None:
        latitude, longitude = float(position[1]), float(position[2])
        if abs(latitude) > 90:
            raise UsageError(f"{position[1]} is no latitude; they go from -90 to 90, and come before the longitude.")
        if abs(longitude) > 180:
            raise UsageError(f"{position[2]} is no longitude; they go from -180 to 180.")
        return Near((latitude, longitude), DEFAULT_KM if position[3] is None else _radius(position[3]))
    place, comma, last = (part.strip() for part in text.rpartition(","))
    if comma and re.match(r"[+-]?[\d.]", last):
        if not place:
            raise UsageError(f"{text!r} is a radius without a place; write near:Paris{text}.")
        return Near(place.rstrip(", "), _radius(last))
    if re.fullmatch(r"[\d.+-]+\s*(km|m)?", text, re.ASCII | re.IGNORECASE):
        raise UsageError(f"{text!r} is a radius without a place; write near:PLACE,{text} or near:LAT,LON.")
    return Near(text.strip(", ") or text)


def parse_share(text: str) -> float:
    """A probability, "50%" or "0.5". Raises UsageError."""
    match = re.fullmatch(r"(\d{1,3}(?:\.\d{0,10})?(?:e-\d)?|\.\d{1,10})\s*(%?)", text, re.ASCII | re.IGNORECASE)
    value = float(match[1]) / (100 if match[2] else 1) if match else -1.0
    if not 0 <= value <= 1:
        percent = f"; {text} % is {float(text) / 100:g}" if match and not match[2] and value <= 100 else ""
        raise UsageError(f"{text!r} is no probability from 0 to 1, as in 50% or 0.5{percent}.")
    return round(value, 10)


def _radius(text: str) -> float:
    match = _RADIUS.fullmatch(text)
    km = 0.0 if match is None else float(match[1]) / (1000 if (match[2] or "").lower() == "m" else 1)
    if not 0 < km <= MOST_KM:
        raise UsageError(f"{text!r} is no radius in km, as in near:Paris,5: more than 0, at most {MOST_KM:,.0f}.")
    return km


def _choice(field: str, text: str) -> str:
    import difflib

    written = text.lower().lstrip(".") if field == "type" else text.lower()
    written = _OTHER_WORDS.get(field, {}).get(written, written)
    known = CHOICES[field]
    if written in known:
        return written
    advice = next((said for of, form, said in _ADVICE if of == field and re.fullmatch(form, text)), None)
    guess = difflib.get_close_matches(written, known, 1)
    hint = f"; did you mean {guess[0]}?" if guess else "."
    if advice is not None:
        hint = f"; {advice.format(text=text)}."
    raise UsageError(f"{field}: takes {', '.join(known[:-1])} or {known[-1]}, not {text!r}{hint}")
