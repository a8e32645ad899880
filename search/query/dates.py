"""Dates as people write them in a query: a year, a month, a day, or how long ago; and spans of them.

What is written is kept as it is ("2w" stays "two weeks ago"), and becomes days when a query runs.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from indexer.errors import UsageError

#: The years that a query may name: what `datetime` can count with, with room on either side.
FIRST_YEAR, LAST_YEAR = 1000, 9998

_POINT: Final = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", re.ASCII)
_AGO: Final = re.compile(r"(\d{1,5})([dwmy])(?: ?ago)?", re.ASCII | re.IGNORECASE)
_FORMS: Final = "2021, 2021-06, 2021-06-03, today, yesterday, or 3d, 2w, 6m, 1y for so long ago"


@dataclass(frozen=True, slots=True)
class DatePoint:
    """A day, a month or a year, as it was written (`text`, lower case): see `parse_point`."""

    text: str

    def days(self, today: date) -> tuple[date, date]:
        """The first day of it, and the first one after it; `today` is the day on which the query is asked."""
        if self.text == "today":
            return _day(today)
        if self.text == "yesterday":
            return _day(today - timedelta(1))
        ago = _AGO.fullmatch(self.text)
        if ago is not None:
            return _day(_before(today, int(ago[1]), ago[2]))
        point = _POINT.fullmatch(self.text)
        assert point is not None
        year, month, day = (int(part) if part else None for part in point.groups())
        assert year is not None
        if month is None:
            return date(year, 1, 1), date(year + 1, 1, 1)
        if day is None:
            return date(year, month, 1), date(year + month // 12, month % 12 + 1, 1)
        return _day(date(year, month, day))

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class DateSpan:
    """From the first day of `start` to the last day of `end`; None: without a bound. One of them is there."""

    start: DatePoint | None
    end: DatePoint | None

    def days(self, today: date) -> tuple[date | None, date | None]:
        """The first day, and the first one after it."""
        start = None if self.start is None else self.start.days(today)[0]
        return start, None if self.end is None else self.end.days(today)[1]

    def __str__(self) -> str:
        if self.start == self.end:
            return str(self.start)
        return f"{self.start or ''}..{self.end or ''}"


def parse_point(text: str) -> DatePoint:
    """Raises UsageError for what is no date, and for one that no calendar has."""
    written = text.strip().lower()
    point = _POINT.fullmatch(written)
    if point is not None:
        parts = [int(part) for part in point.groups() if part]
        _check(text, *parts)
        return DatePoint("-".join(f"{part:02d}" for part in parts))
    ago = _AGO.fullmatch(written)
    if ago is not None:
        written = f"{int(ago[1])}{ago[2]}"
        if int(ago[1]) > {"d": 99_999, "w": 50_000, "m": 12_000, "y": 1_000}[ago[2]]:
            raise UsageError(f"{text!r} is before any photograph; name a date, as in 2021-06-03.")
    elif ".." in written:
        raise UsageError(f"{text!r} is more than one date; a span of dates is in:{written}.")
    elif len(written) > 2 and any(name.lower().startswith(written) for name in calendar.month_name):
        raise UsageError(f"{text!r} is no date; for that month of any year write month:{written}.")
    elif written not in ("today", "yesterday"):
        raise UsageError(f"{text!r} is no date; write {_FORMS}.")
    return DatePoint(written)


def parse_span(text: str) -> DateSpan:
    """One date, or two with ".." between them, of which one may be missing. Raises UsageError."""
    first, dots, last = text.partition("..")
    if not dots:
        point = parse_point(text)
        return DateSpan(point, point)
    if not first.strip() and not last.strip():
        raise UsageError("a span of dates has at least one end, as in 2019-06..2019-09 or 2019.. .")
    span = DateSpan(parse_point(first) if first.strip() else None, parse_point(last) if last.strip() else None)
    if span.start is not None and span.end is not None:
        today = date(2024, 12, 31)  # any day: what is so long ago keeps its order
        comparable = _is_fixed(span.start) == _is_fixed(span.end)
        if comparable and span.start.days(today)[0] >= span.end.days(today)[1]:
            raise UsageError(f"the span {text} ends before it begins; write {last.strip()}..{first.strip()}.")
    return span


def looks_like_a_span(text: str) -> bool:
    """Whether this is written as two dates with ".." between them; they may be none that a calendar has."""
    first, dots, last = text.partition("..")
    ends = [end for end in (first, last) if end]
    return bool(dots) and bool(ends) and all(re.fullmatch(r"\d{4}(-\d{1,2}){0,2}", end, re.ASCII) for end in ends)


def _is_fixed(point: DatePoint) -> bool:
    """Whether it is on the calendar, and not so long ago."""
    return _POINT.fullmatch(point.text) is not None


def is_date_with_month(text: str) -> bool:
    """Whether this is a month or a day of the calendar, as a query writes it: no words look so."""
    match = re.fullmatch(r"[12]\d{3}-(\d\d)(-\d\d)?", text, re.ASCII)
    return match is not None and 1 <= int(match[1]) <= 12


def _check(text: str, year: int, month: int = 1, day: int = 1) -> None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise UsageError(f"the year of {text} is out of reach; years go from {FIRST_YEAR} to {LAST_YEAR}.")
    if not 1 <= month <= 12:
        raise UsageError(f"{text} is no date: there is no month {month}.")
    if not 1 <= day <= calendar.monthrange(year, month)[1]:
        raise UsageError(f"{text} is no date: {calendar.month_name[month]} {year} has no day {day}.")


def _day(day: date) -> tuple[date, date]:
    return day, day + timedelta(1)


def _before(today: date, count: int, unit: str) -> date:
    """The day so long before; of a shorter month the last day. As far back as the calendar goes."""
    try:
        if unit in "dw":
            return today - timedelta(count * (7 if unit == "w" else 1))
        months = today.year * 12 + today.month - 1 - count * (12 if unit == "y" else 1)
        year, month = divmod(months, 12)
        return date(year, month + 1, min(today.day, calendar.monthrange(year, month + 1)[1]))
    except (ValueError, OverflowError, IndexError):
        return date.min
