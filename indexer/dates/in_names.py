"""Dates in the names of files, as phones, messengers, screenshots and people write them: year, month and day in this
order, with the time of the day or without.

    IMG_20210504_101112   PXL_20210504_101112345   IMG-20210504-WA0001   Screenshot 2021-05-04 at 10.11.12 AM
    FB_IMG_1620123456789  WhatsApp Image 2021-05-04 at 10.11.12   20210504101112   2021-05-04 10.11.12

A number that only might be one (a telephone number, a counter, a digest) is none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from indexer.dates.written import is_sane

#: Cameras and phones write no earlier date into a name.
FIRST_YEAR: Final = 1970


@dataclass(frozen=True, slots=True)
class NameDate:
    """`moment` without a zone: local time, or UTC where `is_utc` (Google's Pixel phones; milliseconds since 1970).
    `has_time` False: midnight stands for the whole day."""

    moment: datetime
    has_time: bool
    is_utc: bool = False


#: 20210504 at the beginning of a run of digits, with its time: 101112, 101112345, 10_11_12. Letters before it are a
#: whole word (IMG20210504), those behind it none but the T of ISO 8601, so that a digest holds no date.
_COMPACT: Final = re.compile(
    r"(?:^|(?<=[\W_]))[^\W\d_]{0,12}(?P<year>[0-9]{4})(?P<month>[0-9][0-9])(?P<day>[0-9][0-9])"
    r"(?:[-_ T]?(?P<hour>[0-9][0-9])(?P<minute>[0-9][0-9])(?P<second>[0-9][0-9])(?:[0-9]{3})?(?P<zulu>Z)?(?![0-9])"
    r"|[-_ T](?P<hour2>[0-9][0-9])(?P<between>[-_.:])(?P<minute2>[0-9][0-9])"
    r"(?P=between)(?P<second2>[0-9][0-9])(?![0-9]))?"
    r"(?=[\W_]|$)"
)
#: 2021-05-04 and behind it, with a short word between (at, um, a las) or without, 10.11.12, 101112, or 10.11.
_SEPARATED: Final = re.compile(
    r"(?<![0-9])(?P<year>[0-9]{4})(?P<split>[-_. ])(?P<month>[0-9][0-9])(?P=split)(?P<day>[0-9][0-9])(?![0-9])"
    r"(?:(?:[-_T]|,?\s(?:[^\W\d_]{1,4}\.?\s){0,2})"
    r"(?P<hour>[0-9][0-9]?)(?P<between>[-_.: ]?)(?P<minute>[0-9][0-9])(?:(?P=between)(?P<second>[0-9][0-9]))?(?![0-9])"
    r"(?:\s?(?P<mark>[AaPp])[Mm](?![^\W\d_]))?)?"
)
#: Milliseconds since 1970; alone only those that are no bar code of a product.
_MILLISECONDS: Final = re.compile(
    r"(?:FB_IMG_|mmexport|wx_camera_)([0-9]{13})(?![0-9])|^(1[4-9][0-9]{11})$", re.IGNORECASE
)
_IS_UTC: Final = re.compile(r"PXL_", re.IGNORECASE)


def date_in_name(name: str, last_year: int) -> NameDate | None:
    """The date in a file's name (no folder), from 1970 to `last_year`; None where there is none.

    One with the time of the day comes before one without, then the first.
    """
    stem = name.rpartition(".")[0] or name
    found = [each for match in _COMPACT.finditer(stem) if (each := _compact(match, stem, last_year))]
    found += [each for match in _SEPARATED.finditer(stem) if (each := _separated(match, stem, last_year))]
    milliseconds = _MILLISECONDS.search(stem)
    if milliseconds is not None:
        moment = datetime.fromtimestamp(int(milliseconds[1] or milliseconds[2]) // 1000, UTC).replace(tzinfo=None)
        if _is_possible(moment, last_year):
            found.append(NameDate(moment, has_time=True, is_utc=True))
    return max(found, key=lambda each: each.has_time, default=None)


def _compact(match: re.Match[str], stem: str, last_year: int) -> NameDate | None:
    clock = [match[name] or match[f"{name}2"] for name in ("hour", "minute", "second")]
    return _date(match, clock, last_year, is_utc=bool(match["zulu"] or _IS_UTC.match(stem)))


def _separated(match: re.Match[str], stem: str, last_year: int) -> NameDate | None:
    before = stem[: match.start()]
    if before.endswith(match["split"]) and before[-2:-1].isdigit():
        return None  # the middle of a longer number, in groups
    clock = [match["hour"], match["minute"], match["second"]]
    if not match["between"] and None in clock:  # 2021-05-04 1234: a counter
        clock = [None, None, None]
    if clock[0] is not None and match["mark"] and int(clock[0]) <= 12:
        clock[0] = str(int(clock[0]) % 12 + (12 if match["mark"] in "Pp" else 0))
    return _date(match, clock, last_year)


def _date(match: re.Match[str], clock: list[str | None], last_year: int, *, is_utc: bool = False) -> NameDate | None:
    day = [int(match["year"]), int(match["month"]), int(match["day"])]
    numbers = [int(part or 0) for part in clock]
    for parts, has_time in ((numbers, clock[0] is not None), ([0, 0, 0], False)):
        try:
            moment = datetime(*day, *parts)  # type: ignore[arg-type]
        except ValueError:
            continue  # what stands behind a date need not be a time
        return NameDate(moment, has_time, is_utc and has_time) if _is_possible(moment, last_year) else None
    return None


def _is_possible(moment: datetime, last_year: int) -> bool:
    return moment.year >= FIRST_YEAR and is_sane(moment, last_year)
