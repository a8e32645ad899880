"""JSON beside a photograph as Google Takeout writes it: when it was taken, where, and its description.

    IMG_1.jpg.json    IMG_1.jpg.supplemental-metadata.json    IMG_1.jpg.supplemental-met.json
    IMG_1.jpg(2).json and IMG_1.jpg.supplemental-metadata(2).json, of IMG_1(2).jpg

Names are cut to 46 characters before ".json", in the middle of the addition or of the photograph's own name. What it
says of people is not read.
"""

from __future__ import annotations

import json
import math
import os
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from indexer.dates.written import is_sane
from indexer.errors import CaptionFileError
from indexer.images.sniff import IMAGE_SUFFIXES
from indexer.text import clean_text
from indexer.types import Said

SUFFIX: Final = ".json"
#: A larger file is not one of these; they have a few hundred bytes.
MAX_BYTES: Final = 1_000_000

_ADDITION: Final = ".supplemental-metadata"
#: Characters to which names are cut, without ".json" and the number of a copy.
_CUT: Final = 46
_COPY: Final = re.compile(r"(.*)(\([0-9]{1,4}\))", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Takeout:
    """`said`: the time in UTC and the place; `description`, clean: "" where there is none."""

    said: Said
    description: str


def may_be_takeout(name: str) -> bool:
    """Whether a file of this name (no folder) is one, if the photograph that it names is beside it."""
    stem, copy = _stem(name)
    return stem is not None and (_photograph(stem, copy) is not None or len(stem) == _CUT)


def takeout_image(names: Sequence[str], name: str) -> str | None:
    """Which of the `names` of a folder, in ascending order, the JSON beside them is about; None where it is none."""
    stem, copy = _stem(name)
    if stem is None:
        return None
    wanted = _photograph(stem, copy)
    if wanted is not None:
        named, suffix = os.path.splitext(wanted)
        for spelling in (wanted, *(f"{named}{each}" for each in (suffix.lower(), suffix.upper(), suffix.title()))):
            if _is_in(names, spelling):
                return spelling
    return _cut_image(names, stem, copy) if len(stem) == _CUT else None


def parse_takeout(data: bytes) -> Takeout | None:
    """What Takeout says in a file; None where it is another kind of JSON. Raises CaptionFileError where it is none."""
    if len(data) > MAX_BYTES:
        return None
    try:
        fields = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise CaptionFileError(
            "it is broken JSON, so its photograph is found without the date and place in it; copy or export it again"
        ) from None
    if not isinstance(fields, dict) or not isinstance(fields.get("photoTakenTime", fields.get("geoData")), dict):
        return None
    description = fields.get("description")
    latitude, longitude = _position(fields)
    said = Said(taken_at=_taken(fields.get("photoTakenTime")), latitude=latitude, longitude=longitude)
    return Takeout(said, clean_text(description) if isinstance(description, str) else "")


def _stem(name: str) -> tuple[str | None, str]:
    """The name without ".json" and the number of a copy, and that number; None for another kind of name."""
    stem, suffix = os.path.splitext(name)
    if suffix.lower() != SUFFIX or not stem:
        return None, ""
    match = _COPY.fullmatch(stem)
    return (match[1], match[2]) if match else (stem, "")


def _photograph(stem: str, copy: str) -> str | None:
    """The photograph whose name stands in `stem` in full."""
    named, suffix = os.path.splitext(stem)
    if suffix.lower() not in IMAGE_SUFFIXES:
        if not _ADDITION.startswith(suffix):
            return None
        named, suffix = os.path.splitext(named)
    return f"{named}{copy}{suffix}" if suffix.lower() in IMAGE_SUFFIXES else None


def _cut_image(names: Sequence[str], stem: str, copy: str) -> str | None:
    """The one photograph whose name begins with `stem`, which is cut; Takeout cuts photographs' names too, later."""
    found = []
    for name in names[bisect_left(names, stem) :]:
        if not name.startswith(stem):
            break
        named, suffix = os.path.splitext(name)
        numbered = named.endswith(copy) if copy else _COPY.fullmatch(named) is None
        if suffix.lower() in IMAGE_SUFFIXES and numbered:
            found.append(name)
    return found[0] if len(found) == 1 else None


def _is_in(names: Sequence[str], name: str) -> bool:
    at = bisect_left(names, name)
    return at < len(names) and names[at] == name


def _taken(time: Any) -> str | None:
    """Seconds since 1970, as text or a number, in ISO 8601."""
    written = time.get("timestamp") if isinstance(time, dict) else None
    if isinstance(written, int) and not isinstance(written, bool):
        written = str(written) if abs(written) < 10**12 else None
    if not isinstance(written, str) or not re.fullmatch(r"-?[0-9]{1,12}", written):
        return None
    try:
        moment = datetime.fromtimestamp(int(written), UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment.isoformat() if is_sane(moment.replace(tzinfo=None)) else None


def _position(fields: dict[str, Any]) -> tuple[float | None, float | None]:
    """Where a person, or else the camera, has put it; exactly 0, 0 is nowhere."""
    for name in ("geoData", "geoDataExif"):
        place = fields.get(name)
        if not isinstance(place, dict):
            continue
        latitude, longitude = (_degrees(place.get(axis), most) for axis, most in (("latitude", 90), ("longitude", 180)))
        if latitude is not None and longitude is not None and not latitude == longitude == 0:
            return latitude, longitude
    return None, None


def _degrees(value: Any, most: int) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= most:
        return None
    return round(float(value), 7) if math.isfinite(value) else None
