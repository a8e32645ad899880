"""Numbers and parts of a calendar as people write them in a query, alone or as a range."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from indexer.errors import UsageError
from search.query.dates import FIRST_YEAR, LAST_YEAR

_BYTES: Final = {"": 1, "b": 1, "kb": 1000, "k": 1000, "mb": 1000**2, "m": 1000**2, "gb": 1000**3, "g": 1000**3}
_BYTES_OF_TWO: Final = {"kib": 1024, "mib": 1024**2, "gib": 1024**3}
_PIXELS: Final = {"": 1, "px": 1}
_MEGAPIXELS: Final = {"": 1_000_000, "mp": 1_000_000, "mpx": 1_000_000}
#: Units of each field's numbers: how many of what is stored they are. Only the first is written back.
UNITS: Final[Mapping[str, Mapping[str, int]]] = {
    "size": {**_BYTES, **_BYTES_OF_TWO},
    "width": _PIXELS,
    "height": _PIXELS,
    "megapixels": _MEGAPIXELS,
}
_NUMBER: Final = re.compile(r"(>=|<=|>|<|=)?\s*(\d{1,12}(?:\.\d{1,6})?)\s*([a-z]*)", re.ASCII | re.IGNORECASE)
MOST: Final = 2**62

MONTHS: Final = ("january", "february", "march", "april", "may", "june",
                 "july", "august", "september", "october", "november", "december")  # fmt: skip
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKEND: Final = "weekend"
_WEEK_PARTS: Final = {
    **dict.fromkeys((_WEEKEND, "weekends"), (6, 7)),
    **dict.fromkeys(("weekday", "weekdays", "workday", "workdays"), (1, 5)),
}


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Both ends included; None: without a bound. Bytes, pixels, or years; `unit`: how many of them make one that is
    written; `written`: as it was typed."""

    low: int | None
    high: int | None
    unit: int = 1
    written: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        if self.written is not None:
            return self.written
        if self.low == self.high and self.unit == 1:
            return str(self.low)
        return f"{self._written(self.low)}..{self._written(self.high)}"

    def _written(self, value: int | None) -> str:
        if value is None:
            return ""
        return str(value) if self.unit == 1 else f"{(Decimal(value) / self.unit).normalize():f}"


@dataclass(frozen=True, slots=True)
class CyclicRange:
    """Both ends included, and round the end of the cycle where `last` is before `first`: months 1 to 12, weekdays 1
    (Monday) to 7, minutes of the day 0 to 1,439. `written`: as it was typed."""

    first: int
    last: int
    cycle: str
    written: str | None = field(default=None, compare=False)

    def __contains__(self, value: int) -> bool:
        if self.first <= self.last:
            return self.first <= value <= self.last
        return value >= self.first or value <= self.last

    def __str__(self) -> str:
        if self.written is not None:
            return self.written
        if self.cycle == "time":
            return f"{_clock(self.first)}..{_clock(self.last)}"
        if self.cycle == "weekday" and (self.first, self.last) == (6, 7):
            return _WEEKEND
        names = MONTHS if self.cycle == "month" else WEEKDAYS
        first, last = names[self.first - 1], names[self.last - 1]
        return first if first == last else f"{first}..{last}"


def parse_numbers(field: str, text: str) -> NumberRange:
    """A number of this field, a range of two with "..", or one after <, <=, > or >=. Raises UsageError.

    Alone, a number with a unit or a fraction stands for all that round to it: 12 megapixels are 11.5 to 12.5.
    """
    return replace(_numbers(field, text), written=text.strip())


def _numbers(field: str, text: str) -> NumberRange:
    unit = 1_000_000 if field == "megapixels" else 1
    first, dots, last = text.partition("..")
    if not dots:
        number = _number(field, text)
        match number.sign:
            case ">":
                return NumberRange(number.exact + 1, None, unit)
            case ">=":
                return NumberRange(number.exact, None, unit)
            case "<" if number.exact == 0:
                raise UsageError(f"nothing has fewer than 0: {text}.")
            case "<":
                return NumberRange(None, number.exact - 1, unit)
            case "<=":
                return NumberRange(None, number.exact, unit)
        return NumberRange(number.low, number.high, unit)
    low, high = (_end(field, end) if end.strip() else None for end in (first, last))
    if low is None and high is None:
        raise UsageError(f"a range has at least one end, as in {field}:{_example(field)}.. .")
    if low is not None and high is not None and low > high:
        raise UsageError(f"the range {text} ends before it begins; write {last.strip()}..{first.strip()}.")
    return NumberRange(low, high, unit)


def parse_years(text: str) -> NumberRange:
    """A year of four digits, a range of two, or one after <, <=, > or >=. Raises UsageError."""
    signed = re.fullmatch(r"(>=|<=|>|<)\s*(.*)", text.strip())
    if signed is not None:
        year, sign = _year(signed[2]), signed[1]
        beyond = 0 if "=" in sign else 1
        low, high = (year + beyond, None) if ">" in sign else (None, year - beyond)
        return NumberRange(low, high, written=text.strip())
    first, dots, last = text.partition("..")
    years = [None if dots and not end.strip() else _year(end) for end in ((first, last) if dots else (first, first))]
    low, high = years
    if low is None and high is None:
        raise UsageError("a range has at least one end, as in year:2019.. .")
    if low is not None and high is not None and low > high:
        raise UsageError(f"the range {text} ends before it begins; write {last.strip()}..{first.strip()}.")
    return NumberRange(low, high, written=text.strip())


def parse_cycle(field: str, text: str) -> CyclicRange:
    """A month, weekday or time of day, or a range of two, which may go round (november..february).

    Raises UsageError.
    """
    return replace(_cycle(field, text), written=text.strip())


def _cycle(field: str, text: str) -> CyclicRange:
    written = text.strip().lower()
    if field == "weekday" and written in _WEEK_PARTS:
        return CyclicRange(*_WEEK_PARTS[written], field)
    first, dots, last = written.partition("..")
    if dots and not (first.strip() and last.strip()):
        raise UsageError(f"the range {text} has one end; both are needed, as in {field}:{_example(field)}.")
    if field == "time":
        start = _minute(first)[0]
        return CyclicRange(start, _minute(last if dots else first)[1], field)
    names = MONTHS if field == "month" else WEEKDAYS
    start = _named(field, first, names)
    return CyclicRange(start, _named(field, last, names) if dots else start, field)


@dataclass(frozen=True, slots=True)
class _Number:
    """As written after its `sign`: `exact`, and from `low` to `high` all that round to it."""

    sign: str
    exact: int
    low: int
    high: int


def _number(field: str, text: str) -> _Number:
    """Raises UsageError."""
    match, units = _NUMBER.fullmatch(text.strip()), UNITS[field]
    if match is None or match[3].lower() not in units:
        example = _example(field)
        if re.fullmatch(r"[<>=\s]*\d+(,\d+)+\s*[A-Za-z]*", text.strip()):
            raise UsageError(f"{text.strip()!r} is no number for {field}:; numbers have a decimal point and no commas.")
        raise UsageError(f"{text.strip()!r} is no number for {field}:, as in {field}:{example} or {field}:>{example}.")
    unit, written = units[match[3].lower()], Decimal(match[2])
    value = written * unit
    if value > MOST:
        raise UsageError(f"{text.strip()} is larger than anything that is stored.")
    _, _, exponent = written.as_tuple()
    assert isinstance(exponent, int)
    half = Decimal(0) if unit == 1 and exponent >= 0 else unit * Decimal(10) ** exponent / 2
    low, high = -int(-(value - half) // 1), int((value + half) // 1)
    return _Number(match[1] or "", int(value), max(low, 0), high)


def _end(field: str, text: str) -> int:
    """The end of a range. Raises UsageError."""
    number = _number(field, text)
    if number.sign:
        raise UsageError(f"{text.strip()} is no end of a range; write {field}:{text.strip()} alone, or two numbers.")
    return number.exact


def _year(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{3}", text.strip(), re.ASCII):
        raise UsageError(f"{text.strip()!r} is no year of four digits, as in year:2021 or year:2019..2021.")
    if not FIRST_YEAR <= int(text) <= LAST_YEAR:
        raise UsageError(f"the year {text.strip()} is out of reach; years go from {FIRST_YEAR} to {LAST_YEAR}.")
    return int(text)


def _minute(text: str) -> tuple[int, int]:
    """The minute of the day, and the last one that is written the same: 18 is all of that hour."""
    match = re.fullmatch(r"(\d{1,2})(?::(\d\d))?\s*(am|pm)?", text.strip(), re.ASCII)
    hour = -1 if match is None else int(match[1])
    if match is not None and match[3]:
        hour = hour % 12 + (12 if match[3] == "pm" else 0) if 1 <= hour <= 12 else -1
    minute = 0 if match is None else int(match[2] or 0)
    if match is not None and (hour, minute) == (24, 0):
        return 1439, 1439
    if not 0 <= hour < 24 or not 0 <= minute < 60:
        raise UsageError(f"{text.strip()!r} is no time of day, as in time:18:00..23:00.")
    assert match is not None
    start = hour * 60 + minute
    return start, start if match[2] else start + 59


def _named(field: str, text: str, names: Sequence[str]) -> int:
    """Raises UsageError."""
    written = text.strip().rstrip(".")
    if written.isascii() and written.isdigit() and 1 <= int(written) <= len(names):
        return int(written)
    found = [number for number, name in enumerate(names, 1) if len(written) >= 3 and name.startswith(written)]
    if len(found) != 1:
        listed = f"1 to {len(names)} or a name such as {names[0]} or {names[0][:3]}"
        raise UsageError(f"{text.strip()!r} is no {field}; write {listed}.")
    return found[0]


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _example(field: str) -> str:
    return {"size": "5MB", "megapixels": "12", "time": "18:00..23:00", "month": "6..8", "weekday": "mon..fri"}.get(
        field, "1000"
    )
