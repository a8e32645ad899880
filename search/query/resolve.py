"""From what a person says to numbers, codes and folded texts, as a catalog compares them: days from dates, positions
from names of places. What depends on the day, on the working folder or on a table of places is settled here."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from indexer.catalog import criteria
from indexer.catalog.derivation import folded_name
from indexer.catalog.globs import is_glob
from indexer.errors import UsageError
from indexer.paths import absolute
from indexer.storage.places import is_url
from search.query.conditions import All, Condition, Not, Test, of_id, tests
from search.query.dates import DatePoint, DateSpan
from search.query.filter import Filter
from search.query.place_names import country_named, position_of
from search.query.ranges import CyclicRange, NumberRange
from search.query.values import Near

if TYPE_CHECKING:
    from indexer.catalog.criteria import Criterion

_EPOCH: Final = date(1970, 1, 1)
_DAY: Final = 86_400
#: How a path begins that does not begin at any folder: at the root, at a drive, at home or here.
_ANCHORED: Final = re.compile(r"[/~]|\.{1,2}(/|$)|[A-Za-z]:/")
#: How one ends that may be a file's.
_FILE: Final = re.compile(r"[^/]\.[a-z0-9]{1,5}$")


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a filter asks of the catalog; `notes`: what a person should know of how it was understood, sentences."""

    criterion: Criterion
    notes: tuple[str, ...] = ()


def resolve(where: Filter, today: date | None = None) -> Resolved:
    """What `where` asks on the day `today` (None: this one, by the clock of this machine).

    Raises UsageError for a place or a country that nobody knows, and PathNotFoundError for a path that is relative to a
    folder that is gone.
    """
    resolver = _Resolver(today or date.today())  # the day of whoever asks
    criterion = resolver.criterion(where.condition)
    return Resolved(criterion, tuple(dict.fromkeys(resolver.notes)))


class _Resolver:
    def __init__(self, today: date) -> None:
        self._today = today
        self.notes: list[str] = []

    def criterion(self, condition: Condition) -> Criterion:
        if isinstance(condition, Test):
            return self._test(condition.field, condition.value)
        if isinstance(condition, Not):
            return criteria.No(self.criterion(condition.condition))
        if isinstance(condition, All):
            return criteria.Both(tuple(map(self.criterion, condition.conditions)))
        ids = [each for each in condition.conditions if of_id(each)]
        others = tuple(self.criterion(each) for each in condition.conditions if not of_id(each))
        if len(ids) < 2:
            return criteria.Either(tuple(map(self.criterion, condition.conditions)))
        values = (test.value for each in ids for test in tests(each))
        listed = criteria.OfIds(tuple(sorted(value for value in values if isinstance(value, int))))
        return criteria.Either((listed, *others)) if others else listed

    def _test(self, field: str, value: Any) -> Criterion:
        match field, value:
            case "in", DateSpan():
                start, end = value.days(self._today)
                return criteria.Dated(_seconds(start), _seconds(end))
            case "after", DatePoint():
                return criteria.Dated(_seconds(value.days(self._today)[0]), None)
            case "before", DatePoint():
                return criteria.Dated(None, _seconds(value.days(self._today)[0]))
            case "year", NumberRange():
                first = None if value.low is None else date(value.low, 1, 1)
                return criteria.Dated(_seconds(first), None if value.high is None else _end_of_year(value.high))
            case "month" | "weekday", CyclicRange():
                return criteria.InCycle(field, value.first, value.last)
            case "time", CyclicRange():
                return criteria.InCycle("minute", value.first, value.last)
            case "near", Near():
                latitude, longitude = self._position(value.place)
                return criteria.Within(latitude, longitude, value.km)
            case "size" | "width" | "height", NumberRange():
                return criteria.Measured(field, value.low, value.high)
            case "megapixels", NumberRange():
                return criteria.Measured("pixels", value.low, value.high)
            case "id", int():
                return criteria.OfId(value)
            case _, str():
                return self._named(field, value)
        raise TypeError(f"no value of {field}: {value!r}")

    def _named(self, field: str, value: str) -> Criterion:
        match field:
            case "date":
                return criteria.DatedBy(value)
            case "country":
                return criteria.InCountry(country_named(value))
            case "camera" | "lens":
                return criteria.MadeWith(field, folded_name(value))
            case "path":
                return path_criterion(value)
            case "name":
                name = folded_name(value)
                return criteria.NameMatches(name) if is_glob(name) else criteria.Named(name)
            case "type":
                return criteria.OfType(value)
            case "orientation":
                return criteria.Shaped(value)  # type: ignore[arg-type]
            case "has":
                return criteria.Has(value)  # type: ignore[arg-type]
            case "text" | "keyword":
                said = criteria.Says.in_keyword(value) if field == "keyword" else criteria.Says.in_texts(value)
                if not said.phrases:
                    whatever = "has:keyword" if field == "keyword" else "has:caption"
                    raise UsageError(f"{field}: takes words, and {value!r} has none; for any write {whatever}.")
                return said
            case "tag":
                self.notes.append("Nothing has a tag yet, so tag: finds nothing.")
                return criteria.Tagged(folded_name(value))
        raise TypeError(f"no field of a filter: {field}")

    def _position(self, place: str | tuple[float, float]) -> tuple[float, float]:
        if not isinstance(place, str):
            return place
        position, note = position_of(place)
        self.notes += [] if note is None else [note]
        return position


def path_criterion(text: str) -> Criterion:
    """What a path means: absolute, of home ("~") or of the working folder ("./") that file or folder and what is below
    it, of a URL too; else a folder of that name at any depth, or a file where it ends like one; with "*" or "?" a
    pattern (`globs.py`). Backslashes part folders as well, as on Windows; elsewhere a name may hold them."""
    if os.sep != "\\" and "\\" in text:
        return criteria.Either((_path(text), _path(text.replace("\\", "/"))))
    return _path(text.replace(os.sep, "/"))


def _path(written: str) -> Criterion:
    if is_url(written) and not is_glob(written):
        return criteria.Below(folded_name(written.rstrip("/")))
    if _ANCHORED.match(written):
        end = "/" if written.endswith("/") else ""
        written = absolute(written).replace(os.sep, "/").rstrip("/") + end
    found = folded_name(written)
    if is_glob(found):
        return criteria.PathMatches(found)
    if _ANCHORED.match(written) or not found:
        return criteria.Below(found.rstrip("/"))
    # A pattern without a star is one of the whole name, of a folder or a file.
    return criteria.PathMatches(found) if _FILE.search(found) else criteria.BelowNamed(found.strip("/"))


def _seconds(day: date | None) -> int | None:
    return None if day is None else (day - _EPOCH).days * _DAY


def _end_of_year(year: int) -> int | None:
    return _seconds(date(year + 1, 1, 1))
