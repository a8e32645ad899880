"""The values of each field that a store has, each with how it is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, Literal

from indexer.catalog.roots import Roots
from indexer.catalog.tallies import Tallies
from indexer.catalog.transaction import Transaction
from search.query.quoting import quoted_where_needed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.places.gazetteer import City

Listed = Literal["camera", "lens", "country", "place", "keyword", "path", "type", "year", "month"]
#: The fields whose values can be listed.
LISTED: Final[tuple[Listed, ...]] = (
    "camera", "lens", "country", "place", "keyword", "path", "type", "year", "month",
)  # fmt: skip
_EPOCH: Final = date(1970, 1, 1)
_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)


@dataclass(frozen=True, slots=True)
class FieldValue:
    """A value of a field that the store has. `value`: for people; `count`: visible photographs that have it, copies of
    one as one; `query`: how the query language asks for it. A part of a name finds longer names as well, and near: what
    is around, so that `query` may find more than `count`."""

    value: str
    count: int
    query: str


def values_of(snapshot: Transaction, field: Listed, copies: Sequence[int]) -> list[FieldValue]:
    """All of them, in no order. `copies`: the contents that more than one file holds;
    keywords ask for none. Raises StoreError."""
    tallies = Tallies(snapshot, copies)
    match field:
        case "camera" | "lens":
            return [_said(field, name, count) for name, count in tallies.names(field).each().items() if name.strip()]
        case "keyword":
            return [_said(field, name, count) for name, count in tallies.keywords().items() if name.strip()]
        case "type":
            return [_said(field, str(name), count) for name, count in tallies.codes(field).each().items()]
        case "country":
            return list(_countries(tallies))
        case "place":
            return list(_cities(tallies))
        case "month":
            return list(_months(tallies))
        case "year":
            return list(_years(tallies))
        case "path":
            roots = [root.path for root in Roots(snapshot).all()]
            below = tallies.names("folder").photographs(lambda path: folders_around(path, roots))
            return [_said(field, name, count) for name, count in below.items()]


def _said(field: str, value: str, count: int) -> FieldValue:
    return FieldValue(value, count, f"{field}:{quoted_where_needed(value)}")


def _countries(tallies: Tallies) -> Iterator[FieldValue]:
    from indexer.places.gazetteer import places

    for code, count in tallies.codes("country").each().items():
        name = places().country_name(str(code))
        if name is not None:
            yield FieldValue(name, count, f"country:{code}")


def _cities(tallies: Tallies) -> Iterator[FieldValue]:
    from indexer.places.gazetteer import places

    def whole(number: str | int) -> Iterator[City]:
        city = places().city(number) if isinstance(number, int) else None
        if city is not None:
            yield _whole(city)

    for city, count in tallies.codes("city").photographs(whole).items():
        yield FieldValue(str(city), count, f"near:{_near(city)}")


def _whole(city: City) -> City:
    """The city of a quarter; any other itself."""
    from indexer.places.gazetteer import places

    around = [] if city.near is None else places().cities(f"{city.near},{city.country}")
    return around[0] if around else city


def _near(city: City) -> str:
    """The shortest way to name this very city; its position where no name does."""
    from indexer.places.gazetteer import places

    for name in (city.name, f"{city.name},{city.country}", f"{city.name},{city.region}"):
        found = places().cities(name)
        if found and found[0].id == city.id:
            return quoted_where_needed(name)
    return f"{city.latitude:g},{city.longitude:g}"


def _months(tallies: Tallies) -> Iterator[FieldValue]:
    for number, count in tallies.codes("month").each().items():
        if isinstance(number, int) and 1 <= number <= 12:
            name = _MONTHS[number - 1]
            yield FieldValue(name.capitalize(), count, f"month:{name}")


def _years(tallies: Tallies) -> Iterator[FieldValue]:
    years = tallies.days().photographs(lambda day: ((_EPOCH + timedelta(days=day)).year,))
    for year, count in years.items():
        yield FieldValue(f"{year:04d}", count, f"year:{year:04d}")


def folders_around(path: str, roots: Sequence[str]) -> list[str]:
    """The folders in which a folder lies, from the indexed one on, and itself: each by the name of the indexed folder
    and the path below it, "/" between. None where it lies in none of `roots`."""
    root = min((each for each in roots if is_below(path, each)), key=len, default=None)
    if root is None:
        return []
    name = os.path.basename(root.rstrip(os.sep))
    inner = os.path.relpath(path, root)
    parts = [each for each in (name, *([] if inner == os.curdir else inner.split(os.sep))) if each]
    return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]


def is_below(path: str, root: str) -> bool:
    """Whether a folder is `root` or lies in it."""
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)
