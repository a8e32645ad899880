"""How many visible photographs have each value of a fact: two statements a question, whatever the size of the answer.

Files are grouped by the database, as an index answers that; then those of copies are taken off, which are few beside
all. A day of the calendar is a number of days since 1970, by local clocks.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Generic, Literal, TypeVar

from sqlalchemy import Column, ColumnElement, Select, func, select

from indexer.catalog.criteria import Criterion
from indexer.catalog.expressions import among, gathered_in_group, off_index
from indexer.catalog.matching import DAY
from indexer.catalog.schema import ABSENT, device, fact, file, folder, photo
from indexer.catalog.selection import Selection
from indexer.catalog.transaction import Transaction

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


K = TypeVar("K", bound=str | int)
G = TypeVar("G", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Tally(Generic[K]):
    """How many files have each value. `copied`: of photographs that more than one file holds, the values of all their
    files, and how many photographs have just these."""

    files: Mapping[K, int]
    copied: Sequence[tuple[Sequence[K], int]] = ()

    def photographs(self, groups: Callable[[K], Iterable[G]]) -> dict[G, int]:
        """How many photographs belong to each group: copies of one that belong to a group are one of it.

        `groups`: the groups of a value.
        """
        found: Counter[G] = Counter()
        of = {value: tuple(dict.fromkeys(groups(value))) for value in self.files}
        for value, count in self.files.items():
            for group in of[value]:
                found[group] += count
        for values, count in self.copied:
            times = Counter(group for value in values for group in of.get(value, ()))
            for group, files in times.items():
                found[group] -= count * (files - 1)
        return dict(found)

    def each(self) -> dict[K, int]:
        """How many photographs have each value."""
        return self.photographs(lambda value: (value,))


class Tallies(Selection):
    """Of visible photographs. `copies`: the contents that more than one file holds (`Contents.copied`). Raises
    StoreUnwritableError for a store without facts."""

    def __init__(self, transaction: Transaction, copies: Sequence[int]) -> None:
        super().__init__(transaction)
        self._copies = copies

    def names(self, what: Named) -> Tally[str]:
        """By the text of cameras and lenses, and by the path of folders: those right in it, not below."""
        key, number, text = _NAMES[what]
        grouped = self._grouped(key, None).subquery()
        rows = self._read(select(number, text, grouped.c.tally).join(grouped, grouped.c.key == number)).all()
        named = {row[0]: row[1] for row in rows if isinstance(row[1], str)}
        copied = [
            ([named[value] for value in values if value in named], count) for values, count in self._copied(key, None)
        ]
        return Tally({row[1]: row.tally for row in rows if row[0] in named}, copied)

    def codes(self, what: Coded) -> Tally[str | int]:
        """By two letters of countries, by ids of GeoNames of cities, by types of files, by numbers of months."""
        key = _CODES[what]
        files = {row.key: row.tally for row in self._read(self._grouped(off_index(key), None))}
        return Tally(files, self._copied(key, None))

    def days(self, criterion: Criterion | None = None) -> Tally[int]:
        """By the day on which they were taken, in days since the first day of 1970; of those that fit."""
        day = (fact.c.date + _DAYS * DAY) // DAY
        tallies = ((key - _DAYS, count) for key, count in self._read(self._grouped(day, criterion)))
        files = {number: count for number, count in tallies if _FIRST_DAY <= number <= _LAST_DAY}
        copied = [([value - _DAYS for value in values], count) for values, count in self._copied(day, criterion)]
        return Tally(files, copied)

    def keywords(self) -> dict[str, int]:
        """By keyword, as photographs write it; each counts once for a photograph. (Copies share what they say.)"""
        there = (
            select(file.c.content_id)
            .select_from(fact)
            .join(file, file.c.id == fact.c.file_id)
            .where(fact.c.keyworded == 1, _PRESENT)
        )
        statement = (
            select(photo.c.keywords, func.count()).where(photo.c.content_id.in_(there)).group_by(photo.c.keywords)
        )
        found: Counter[str] = Counter()
        for written, count in self._read(statement):
            for keyword in _texts(written):
                found[keyword] += count
        return dict(found)

    def _grouped(self, key: ColumnElement[Any], criterion: Criterion | None) -> Select[Any]:
        counted = self._fitting(criterion).with_only_columns(key.label("key"), func.count().label("tally"))
        return counted.where(key.is_not(None)).group_by(key)

    def _copied(self, key: ColumnElement[Any], criterion: Criterion | None) -> list[tuple[list[Any], int]]:
        """The keys of the files of each photograph that more than one file holds, and how many photographs have these:
        as few rows as there are sets of keys, whatever the number of copies."""
        if not self._copies:
            return []
        narrow = criterion is not None and self.plan(criterion, "image").rows < len(self._copies)
        content = off_index(file.c.content_id) if narrow else file.c.content_id
        copies = self._fitting(criterion).join(file, file.c.id == fact.c.file_id)
        copies = copies.with_only_columns(gathered_in_group(key).label("keys"))
        copies = copies.where(among(content, self._copies), key.is_not(None))
        sets = copies.group_by(file.c.content_id).having(func.count() > 1).subquery()
        rows = self._read(select(sets.c["keys"], func.count()).group_by(sets.c["keys"]))
        return [(json.loads(keys), count) for keys, count in rows]

    def _fitting(self, criterion: Criterion | None) -> Select[Any]:
        route = None if criterion is None else self.plan(criterion, "image").route
        wanted = self._matching(criterion, "image").where(_PRESENT)
        return wanted if route is None else wanted.where(route)


def _texts(written: object) -> set[str]:
    """The keywords in a list of JSON; none where it is damaged."""
    try:
        found = json.loads(written) if isinstance(written, str) else []
    except ValueError:
        return set()
    return {each for each in found if isinstance(each, str)} if isinstance(found, list) else set()
