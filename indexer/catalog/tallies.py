"""How many visible photographs have each value of a fact: one statement a question, whatever the size of the answer.

Values are grouped by the database; a day of the calendar is a number of days since 1970, by local clocks.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from typing import Any, Final, Literal

from sqlalchemy import Column, ColumnElement, Select, func, select

from indexer.catalog.criteria import Criterion
from indexer.catalog.matching import DAY
from indexer.catalog.schema import ABSENT, device, fact, file, folder, photo
from indexer.catalog.selection import Selection
from indexer.catalog.sqlite import off_index

#: Days from the first of the year 1 to 1970: added before seconds are divided, so that none is below 0, where databases
#: round in different ways.
_DAYS: Final = 719_162
#: What a date can be; what else stands there is damage.
_FIRST_DAY: Final = (date.min - date(1970, 1, 1)).days
_LAST_DAY: Final = (date.max - date(1970, 1, 1)).days
#: Of few files that are gone a list is made, by an index of their own; to look each photograph's file up takes seven
#: times as long (of 200,000).
_PRESENT: Final = fact.c.file_id.not_in(select(file.c.id).where(ABSENT))
Named = Literal["camera", "lens", "folder"]
Coded = Literal["country", "city", "type", "month"]
_NAMES: Final[dict[Named, tuple[Column[Any], Column[Any], Column[Any]]]] = {
    "camera": (fact.c.camera_id, device.c.id, device.c.text),
    "lens": (fact.c.lens_id, device.c.id, device.c.text),
    "folder": (fact.c.folder_id, folder.c.id, folder.c.path),
}
_CODES: Final[dict[Coded, Column[Any]]] = {
    "country": fact.c.country,
    "city": fact.c.city,
    "type": fact.c.type,
    "month": fact.c.month,
}


class Tallies(Selection):
    """Of visible photographs. Raises StoreUnwritableError for a store without facts."""

    def names(self, what: Named) -> dict[str, int]:
        """By the text of cameras and lenses, and by the path of folders: those right in it, not below."""
        key, number, text = _NAMES[what]
        grouped = self._grouped(key, None).subquery()
        statement = select(text, grouped.c.tally).join(grouped, grouped.c.key == number)
        return {name: count for name, count in self._read(statement) if isinstance(name, str)}

    def codes(self, what: Coded) -> dict[str | int, int]:
        """By two letters of countries, by ids of GeoNames of cities, by types of files, by numbers of months."""
        return {row.key: row.tally for row in self._read(self._grouped(off_index(_CODES[what]), None))}

    def days(self, criterion: Criterion | None = None) -> dict[int, int]:
        """By the day on which they were taken, in days since the first day of 1970; of those that fit."""
        day = (fact.c.date + _DAYS * DAY) // DAY
        tallies = ((key - _DAYS, count) for key, count in self._read(self._grouped(day, criterion)))
        return {number: count for number, count in tallies if _FIRST_DAY <= number <= _LAST_DAY}

    def keywords(self) -> dict[str, int]:
        """By keyword, as photographs write it; each counts once for a photograph."""
        statement = (
            select(photo.c.keywords, func.count())
            .select_from(fact)
            .join(file, file.c.id == fact.c.file_id)
            .join(photo, photo.c.content_id == file.c.content_id)
            .where(fact.c.keyworded == 1, _PRESENT)
            .group_by(photo.c.keywords)
        )
        found: Counter[str] = Counter()
        for written, count in self._read(statement):
            for keyword in _texts(written):
                found[keyword] += count
        return dict(found)

    def _grouped(self, key: ColumnElement[Any], criterion: Criterion | None) -> Select[Any]:
        route = None if criterion is None else self.plan(criterion, "image").route
        wanted = self._matching(criterion, "image").where(_PRESENT)
        wanted = wanted if route is None else wanted.where(route)
        counted = wanted.with_only_columns(key.label("key"), func.count().label("tally"))
        return counted.where(key.is_not(None)).group_by(key)


def _texts(written: object) -> set[str]:
    """The keywords in a list of JSON; none where it is damaged."""
    try:
        found = json.loads(written) if isinstance(written, str) else []
    except ValueError:
        return set()
    return {each for each in found if isinstance(each, str)} if isinstance(found, list) else set()
