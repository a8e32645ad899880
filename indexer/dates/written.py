"""Times as cameras, phones and programs write them into photographs: EXIF's form, its damaged forms, ISO 8601, IPTC's.

Local time; an offset from UTC is kept only where it is written.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Final

#: The years of a date; the last one is the next where a file is read. A clock that stands further ahead stands wrong.
FIRST_YEAR: Final = 1000

#: What clocks show that were never set: the zero of Windows, of the Macintosh and of Unix.
_UNSET: Final = frozenset({datetime(1601, 1, 1), datetime(1904, 1, 1), datetime(1970, 1, 1)})

_MORNING: Final = ("am", "a.m.", "a.m", "上午", "凌晨", "早上", "午前", "오전")
_AFTERNOON: Final = ("pm", "p.m.", "p.m", "下午", "中午", "晚上", "午後", "오후")
_MARK: Final = "|".join(map(re.escape, (*_MORNING, *_AFTERNOON)))
_DAY: Final = re.compile(r"(\d{4})(?:\s*[:/._\-年]\s*(\d{1,2})(?:\s*[:/._\-月]\s*(\d{1,2})日?)?月?)?年?", re.ASCII)
_TIME: Final = re.compile(
    rf"""(?P<before>{_MARK})? \s* (?P<hour>\d{{1,2}}) \s* (?P<between>[:.\-]) \s* (?P<minute>\d{{1,2}})
        (?: \s* (?P=between) \s* (?P<second>\d{{1,2}}) (?:[.,]\d*)? )? \s* (?P<after>{_MARK})?""",
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)
_COMPACT: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T?(\d\d)(\d\d)(\d\d)?(?:[.,]\d*)?)?((?!\d).*)", re.ASCII)
_OFFSET: Final = re.compile(r"(Z)|([+-])(\d\d):?(\d\d)", re.ASCII)
#: Longer texts are no time; nor is there work in them.
_LONGEST: Final = 100


def parse_time(text: str, offset: str = "") -> str | None:
    """A time of EXIF ("2024:05:03 18:20:11", with its offset apart) or of XMP (ISO 8601); None when it is nonsense.

    Always "YYYY-MM-DDThh:mm:ss", then the offset when there is one; a day, month or year alone is its first moment.
    Spaces stand for zeros ("2021: 5: 4  9:03:07"); hours up to 12 have a mark of their half of the day before or
    behind them, in English, Chinese, Japanese or Korean; 24 is the hour 0 of that same day, as phones mean it.
    """
    if len(text) > _LONGEST:
        return None
    written, offset = text.strip("\0 "), offset.strip("\0 ")
    compact = _COMPACT.fullmatch(written)
    if compact is not None:
        return _moment([int(group or 0) for group in compact.groups()[:6]], offset or compact[7].strip())
    day = _DAY.match(written)
    if day is None:
        return None
    rest = written[day.end() :]
    if day[3] is None and rest:  # a year or a month alone stand alone
        return None
    numbers = [int(part or 1) for part in day.groups()]
    time = _TIME.match(rest.lstrip("Tt "))
    if time is None:
        return None if rest[:1].isdigit() else _moment(numbers, offset or rest.strip())
    hour = _hour(int(time["hour"]), (time["before"] or time["after"] or "").lower())
    numbers += [hour, int(time["minute"]), int(time["second"] or 0)]
    return _moment(numbers, offset or rest.lstrip("Tt ")[time.end() :].strip())


def parse_iptc_time(day: str, time: str) -> str | None:
    """IIM's date ("20240503", of which month and day may be 00, unknown) with its time ("182011+0200", or "")."""
    digits = day.strip("\0 ").replace("-", "")
    if not re.fullmatch(r"\d{8}", digits, re.ASCII):
        return None
    known = digits[:4] + "".join(part if part != "00" else "01" for part in (digits[4:6], digits[6:]))
    clock = time.strip("\0 ").replace(":", "", 2)
    return parse_time(f"{known}T{clock}" if clock else known) or parse_time(known)


def is_sane(moment: datetime, last_year: int | None = None) -> bool:
    """Whether a photograph may have been taken then: not by a clock that was never set, nor after `last_year`, which is
    the next one where none is given."""
    last = date.today().year + 1 if last_year is None else last_year
    return FIRST_YEAR <= moment.year <= last and moment not in _UNSET


def _hour(hour: int, mark: str) -> int:
    """Of 24; where the hour does not fit its mark ("18:20 PM"), the mark says nothing."""
    if hour == 24:
        return 0
    if not mark or hour > 12:
        return hour
    return hour % 12 + (12 if mark in _AFTERNOON else 0)


def _moment(numbers: list[int], offset: str) -> str | None:
    try:
        moment = datetime(*numbers)  # type: ignore[arg-type]
    except ValueError:
        return None
    return moment.isoformat() + parse_offset(offset) if is_sane(moment) else None


def parse_offset(text: str) -> str:
    """An offset from UTC as "+hh:mm"; "" for nonsense."""
    match = _OFFSET.fullmatch(text)
    if match is None:
        return ""
    if match[1]:
        return "+00:00"
    return f"{match[2]}{match[3]}:{match[4]}" if int(match[3]) <= 14 and int(match[4]) < 60 else ""
