"""What a caller of the library wants the answers to be, besides what they show: dates, places, cameras, files.

Filter(taken=("2021-01-01", "2022-01-01"), near=("Paris", 5))
Filter(type=["png", "webp"]) & ~Filter(has="gps") | Filter.parse("in:2021 country:FR")
"""

from __future__ import annotations

import math
import numbers
import os
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from typing import Any, Final

from indexer.arguments import shown
from indexer.errors import UsageError
from search.query.conditions import AnyOf, Condition, Test, all_of, any_of, check_size, opposite
from search.query.dates import DatePoint, parse_point
from search.query.field_tests import test_of
from search.query.fields import FIELDS
from search.query.ranges import MOST, UNITS, CyclicRange, NumberRange
from search.query.values import RANGED, Near, parse_value

#: Attributes whose field has another name: `in` is a word of Python's own.
_FIELD_OF: Final = {"taken": "in"}
#: Fields that take a number of Python's or of numpy's.
_NUMBERED: Final = frozenset({*UNITS, "in", "after", "before", "year", "month", "weekday", "time", "id"})

Written = str | int | float | date | time | os.PathLike[str] | tuple[Any, ...]
"""One value: as the query language writes it, or as Python has it."""
Given = Written | Iterable[Written] | None
"""A value, or several in a list or set, of which one has to hold."""


class Filter:
    """Tests of what is known of a photograph; all that are given have to hold. Immutable; `&`, `|` and `~` join.

    Each attribute takes what the field of its name takes in the query language, as a str, or Python's own values; a
    list or a set of them means any of these. Of ranges either end may be None.

    `taken`: a day, month or year; a `date`; (start, end), from the beginning of the one to the beginning of the other.
    `after`, `before`: from the beginning of a date, up to it. `year`, `month`, `weekday` (1 is Monday): a number, or
    (first, last), both included; so `time`, times of the day. `date`: where the date has to come from, "taken", "name",
    "sidecar" or "file". `near`: a place, (place, km), (latitude, longitude) or (latitude, longitude, km), in degrees.
    `country`: a name or two letters. `camera`, `lens`, `name`: a part of it, letter case and accents aside. `path`: a
    folder or a glob. `type`: "jpeg", "png" ... `size` in bytes, `width` and `height` in pixels, `megapixels`: a number,
    or (least, most), both included. `orientation`: "landscape", "portrait", "square". `has`: "gps", "caption",
    "keyword", "date". `text`: words in captions, keywords and other texts; `keyword`, `tag`. `id` of a hit.

    Raises UsageError for a value that means nothing, TypeError for one of another type.
    """

    __slots__ = ("condition",)

    condition: Condition

    def __init__(
        self,
        *,
        taken: Given = None,
        after: Given = None,
        before: Given = None,
        year: Given = None,
        month: Given = None,
        weekday: Given = None,
        time: Given = None,
        date: Given = None,
        near: Given = None,
        country: Given = None,
        camera: Given = None,
        lens: Given = None,
        path: Given = None,
        name: Given = None,
        type: Given = None,
        size: Given = None,
        width: Given = None,
        height: Given = None,
        megapixels: Given = None,
        orientation: Given = None,
        has: Given = None,
        text: Given = None,
        keyword: Given = None,
        tag: Given = None,
        id: Given = None,
    ) -> None:
        given = {name: value for name, value in locals().items() if name != "self" and value is not None}
        if not given:
            raise UsageError("A filter has at least one condition, as in Filter(year=2021).")
        conditions = []
        for attribute, value in given.items():
            several = list(value) if _holds_several(value) else [value]
            if not several:
                raise UsageError(f"`{attribute}` is an empty list, which nothing matches; leave it out for all.")
            conditions.append(any_of(*(_test(attribute, each) for each in several)))
        self._set(all_of(*conditions))

    @classmethod
    def of(cls, condition: Condition) -> Filter:
        """That of a parsed query."""
        made = cls.__new__(cls)
        made._set(condition)
        return made

    @classmethod
    def parse(cls, line: str) -> Filter:
        """A line of the query language that has fields alone, as in "in:2021 (type:png | type:jpeg)".

        Raises UsageError where it is none.
        """
        from search.query.parser import parse

        if not isinstance(line, str):
            raise TypeError(f"`line` takes a str, not {shown(line)}.")
        parsed = parse(line)
        if parsed.terms or parsed.sort or parsed.min_probability is not None or parsed.to or parsed.where is None:
            raise _no_filter(line)
        return cls.of(parsed.where)

    def _set(self, condition: Condition) -> None:
        check_size(condition)
        object.__setattr__(self, "condition", condition)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("A Filter does not change; make another one.")

    def __and__(self, other: Filter) -> Filter:
        if not isinstance(other, Filter):
            return NotImplemented
        return Filter.of(all_of(self.condition, other.condition))

    def __or__(self, other: Filter) -> Filter:
        if not isinstance(other, Filter):
            return NotImplemented
        return Filter.of(any_of(self.condition, other.condition))

    def __invert__(self) -> Filter:
        return Filter.of(opposite(self.condition))

    def __bool__(self) -> bool:
        raise TypeError("A Filter is neither true nor false; join filters by & and |, not by `and` and `or`.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filter) and self.condition == other.condition

    def __hash__(self) -> int:
        return hash(self.condition)

    def __str__(self) -> str:
        """A line of the query language that reads as an equal filter."""
        return f"({self.condition})" if isinstance(self.condition, AnyOf) else str(self.condition)

    def __repr__(self) -> str:
        return f"Filter.parse({str(self)!r})"

    def __reduce__(self) -> tuple[Callable[[Condition], Filter], tuple[Condition]]:
        return Filter.of, (self.condition,)


def _holds_several(value: object) -> bool:
    """Whether it is a list, a set, or an array of one axis, as of the ids of `vectors`."""
    return isinstance(value, list | set | frozenset) or getattr(value, "ndim", 0) == 1


def _no_filter(line: str) -> UsageError:
    """What to say of a line that is no filter alone: the field that is none, or that says how to answer, or words."""
    from search.query.lexer import QuerySyntaxError, tokens

    for token in tokens(line):
        name = token.field
        if name is None and token.kind == "word" and re.fullmatch("[A-Za-z]+:+", token.text):
            name = token.text.rstrip(":")
        if name is None or token.text.startswith("//"):  # an address
            continue
        if name.lower() not in FIELDS:
            fields = ", ".join(each.name for each in FIELDS.values() if each.role == "filter")
            return QuerySyntaxError(f"there is no field {name}:; those of a filter are {fields}.", token.start, line)
        if FIELDS[name.lower()].role != "filter":
            said = f"{name}: chooses nothing by what is known of a photograph, so it is in no filter; leave it out."
            return QuerySyntaxError(said, token.start, line)
    return UsageError(f"A filter has fields alone, as in year:2021, and {line[:60]!r} says more; leave the words out.")


def _test(attribute: str, value: object) -> Condition:
    field = _FIELD_OF.get(attribute, attribute)
    try:
        return _tuple(field, value) if isinstance(value, tuple) else test_of(field, _text(field, value))
    except TypeError as error:
        raise TypeError(f"`{attribute}` {error}") from None
    except UsageError as error:
        raise UsageError(f"`{attribute}`: {error}") from None


def _text(field: str, value: object) -> str:
    """A value as the query language writes it."""
    match value:
        case str():
            return value
        case datetime() if field in ("in", "after", "before"):
            raise TypeError(f"takes a day, a month or a year, not the moment {value}; give its .date().")
        case date() if field in ("in", "after", "before"):
            return value.isoformat()
        case time() if field == "time":
            return f"{value:%H:%M}"
        case os.PathLike() if field in ("path", "name"):
            return str(os.fspath(value))
        case bool():
            pass
        case numbers.Integral() if field in _NUMBERED:
            if abs(int(value)) > MOST:
                raise UsageError(f"no {field} is so large.")
            return str(int(value))
        case numbers.Real() if field in UNITS and math.isfinite(value):
            return _decimal(float(value))
    raise TypeError(
        f"takes what {field}: takes in a query, as in {FIELDS[field].example.split('  ')[0]!r}, not {shown(value)}."
    )


def _tuple(field: str, value: tuple[Any, ...]) -> Condition:
    if field == "near":
        return Test(field, _near(value))
    if len(value) != 2:
        raise TypeError(f"takes one value or a range of two, not {len(value)}.")
    if field not in RANGED:
        raise TypeError(f"takes one value and no range; a list means any of its values, {list(value)}.")
    ends = [None if end is None else _text(field, end) for end in value]
    if ends == [None, None]:
        raise UsageError("a range has at least one end.")
    if field == "in":
        return _between(*(None if end is None else parse_point(end) for end in ends))
    written = parse_value(field, "..".join(end or "" for end in ends))
    assert isinstance(written, NumberRange | CyclicRange)
    return Test(field, written)


def _between(start: DatePoint | None, end: DatePoint | None) -> Condition:
    """From the beginning of `start` up to the beginning of `end`."""
    today = date(2024, 12, 31)
    if start is not None and end is not None and start.days(today)[0] >= end.days(today)[0]:
        raise UsageError(f"the range ({start}, {end}) ends before it begins.")
    points = [Test(field, point) for field, point in (("after", start), ("before", end)) if point is not None]
    return all_of(*points)


def _near(value: tuple[Any, ...]) -> Near:
    """(place, km), (latitude, longitude) or (latitude, longitude, km)."""
    forms = "takes (place, km), (latitude, longitude) or (latitude, longitude, km), each a number but the place, not"
    given = f"({', '.join(map(shown, value[:4]))})"
    rest = value[1:] if value and isinstance(value[0], str) else value
    if not rest or any(isinstance(part, bool) or not isinstance(part, numbers.Real) for part in rest):
        raise TypeError(f"{forms} {given}.")
    if not all(abs(part) <= MOST for part in rest):  # nan neither
        raise UsageError("takes degrees and kilometres, and one of these is none.")
    if isinstance(value[0], str) and len(value) == 2:
        found = parse_value("near", f"0,0,{_decimal(value[1])}")
        assert isinstance(found, Near)
        return Near(" ".join(value[0].split()), found.km)
    if not isinstance(value[0], str) and 2 <= len(value) <= 3:
        found = parse_value("near", ",".join(map(_decimal, value)))
        assert isinstance(found, Near)
        return found
    raise TypeError(f"{forms} {given}.")


def _decimal(value: float) -> str:
    """A number as the query language writes it: to a metre in a kilometre and ten centimetres in a degree."""
    return f"{float(value):.6f}".rstrip("0").rstrip(".")
