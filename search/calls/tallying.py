"""Calls that say which values a store has, with how many photographs: for completion, and for a bar of dates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, Literal

from indexer import arguments
from indexer.arguments import checked, instance, one_of, optional, whole
from indexer.catalog.tallies import Tallies
from indexer.text import folded
from search.calls.field_values import LISTED, FieldValue, Listed, values_of
from search.calls.opened import Opened
from search.query.resolve import resolve

if TYPE_CHECKING:
    from search.query.filter import Filter

Step = Literal["year", "month", "day"]
STEPS: Final[tuple[Step, ...]] = ("year", "month", "day")
MOST_VALUES: Final = 1_000
_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class DateCount:
    """How many photographs were taken in the year, month or day that begins at `start`; `query`: how the query language
    asks for it."""

    start: date
    count: int
    query: str


class Tallying(Opened):
    """See `search.Library`."""

    @checked(field=one_of(LISTED), prefix=arguments.text, limit=whole(1, MOST_VALUES))
    def values(self, field: Listed, *, prefix: str = "", limit: int = 20) -> list[FieldValue]:
        """The values of a field that the store has, those of most photographs first (then by name); `prefix`: of which
        a word begins so, letter case and accents aside.

        "place": cities; "path": the indexed folders and those below; "month": of any year. Raises StoreMissingError,
        StoreError.
        """
        with self._reading() as opened, opened.store.catalog.snapshot() as snapshot:
            found = values_of(snapshot, field, opened.copies.of(snapshot))
        wanted = folded(prefix).strip()
        fitting = [each for each in found if begins(each.value, wanted)] if wanted else found
        return sorted(fitting, key=lambda each: (-each.count, each.value))[:limit]

    @checked(by=one_of(STEPS), where=optional(instance("search.query.filter", "Filter")))
    def histogram(self, by: Step, *, where: Filter | None = None) -> list[DateCount]:
        """How many photographs were taken when, the earliest first: of each year, month or day that has some. `where`:
        of those that fit alone. A photograph without a better date has that of its file (`has:date` leaves it out).
        Copies of one photograph are one, in each that they belong to.

        Raises UsageError for a place that nobody knows, StoreMissingError, StoreError.
        """
        criterion = None if where is None else resolve(where).criterion
        with self._reading() as opened, opened.store.catalog.snapshot() as snapshot:
            days = Tallies(snapshot, opened.copies.of(snapshot)).days(criterion)
        found = days.photographs(lambda number: (_begin(_EPOCH + timedelta(days=number), by),))
        return [DateCount(start, count, f"in:{_written(start, by)}") for start, count in sorted(found.items())]


def begins(value: str, prefix: str) -> bool:
    """Whether a word of `value` begins with a folded prefix."""
    plain = folded(value)
    at = plain.find(prefix)
    while at > 0 and plain[at - 1].isalnum():
        at = plain.find(prefix, at + 1)
    return at >= 0


def _begin(day: date, by: Step) -> date:
    return day if by == "day" else day.replace(day=1) if by == "month" else day.replace(month=1, day=1)


def _written(start: date, by: Step) -> str:
    """As the query language writes it; four digits of the year."""
    return start.isoformat()[: {"year": 4, "month": 7, "day": 10}[by]]
