"""Which items a criterion selects: one statement of SQL each time. The catalog alone answers; no vector is touched.

Texts are selected by the photograph that they are about; one that is about none that is indexed is never selected.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from sqlalchemy import Column, ColumnElement, Select, and_, case, exists, func, or_, select

from indexer.catalog.criteria import Criterion, PathMatches
from indexer.catalog.expressions import ALL, among, gathered, numbers, off_index
from indexer.catalog.globs import PathPattern
from indexer.catalog.matching import Matcher
from indexer.catalog.meta import FACTS, Meta
from indexer.catalog.routes import NARROW, Plan, Routes, dates_of
from indexer.catalog.schema import fact, file, folder, item
from indexer.catalog.shared_statement import SharedStatement
from indexer.catalog.statements import VISIBLE, id_chunks
from indexer.catalog.transaction import Part, Transaction
from indexer.catalog.vectors import spread
from indexer.errors import StoreUnwritableError
from indexer.id_sets import are_among
from indexer.types import Int64, Kind

Sorted = Literal["date", "-date", "name", "-name", "size", "-size"]
#: What listings are ordered by, and whether the greatest comes first.
_ORDERS: Final[dict[Sorted, tuple[Column[Any], bool]]] = {
    "date": (fact.c.date, False),
    "-date": (fact.c.date, True),
    "name": (fact.c.name, False),
    "-name": (fact.c.name, True),
    "size": (fact.c.size, False),
    "-size": (fact.c.size, True),
}


#: Ids that are drawn to tell how many rows each index leaves.
SAMPLE: Final = 1_000
#: The file of the photograph that a text is about.
_photographed = file.alias("photographed")


class Listed(NamedTuple):
    """An item of a listing; `key`: what it is ordered by, None where that is not known or nothing is asked for."""

    id: int
    key: int | str | None


class Selection(Part):
    """Items by criteria, in one state of the catalog. Raises StoreUnwritableError for a store without facts."""

    def __init__(self, transaction: Transaction) -> None:
        super().__init__(transaction)
        if Meta(transaction).get(FACTS) is None:
            raise StoreUnwritableError(
                "An earlier version wrote this index, and it cannot be written now, so what filters ask is not known; "
                "make its folder writable, then `index()`."
            )
        self._folders: list[tuple[int, str]] | None = None
        self._plans: dict[tuple[Criterion, Kind], Plan] = {}

    def plan(self, criterion: Criterion, kind: Kind, sample: Int64 | None = None) -> Plan:
        """How the items of a kind that fit are looked up; made once. `sample`: some ids of that kind, (n,) int64, from
        all over; None: drawn."""
        key = (criterion, kind)
        if key not in self._plans:
            drawn, total = self._drawn(kind)
            routes = Routes(self._transaction, _target(kind), self._matching(None, kind), self._folders_of)
            condition = self._condition(criterion, kind)
            self._plans[key] = routes.plan(criterion, condition, drawn if sample is None else sample, total)
        return self._plans[key]

    def fit(self, criteria: Sequence[Criterion], kind: Kind) -> list[bool]:
        """Whether any visible item of a kind fits, of each of `criteria`."""
        held = [func.coalesce(func.max(case((self._condition(each, kind), 1), else_=0)), 0) for each in criteria]
        sample = self._visible(None, kind).where(among(_target(kind), self._drawn(kind)[0]))
        seen = self._read(sample.with_only_columns(*held)).one()
        return [bool(fits) or len(self.ids(each, kind, 1)) > 0 for each, fits in zip(criteria, seen, strict=True)]

    def _drawn(self, kind: Kind) -> tuple[Int64, int]:
        """Ids from all over, (n,) int64, and about how many items there are."""
        highest = self._read(select(func.max(_target(kind)))).scalar() or 0
        return spread(highest, SAMPLE), highest

    def ids(self, criterion: Criterion, kind: Kind, limit: int | None = None) -> Int64:
        """(m,) int64, in no order: the visible items of a kind that fit, of at most `limit` of them."""
        route = self.plan(criterion, kind).route
        found = self._visible(criterion, kind)
        # Ordered by dates the database goes by their index, which answers most tests; else it would read the table.
        found = found.order_by(fact.c.date) if route is None else found.where(route)
        return self._numbers(found.limit(ALL if limit is None else limit))  # a limit, or the order might be left out

    def among(self, criterion: Criterion, kind: Kind, ids: Sequence[int] | Int64) -> Int64:
        """(m,) int64: those of `ids` that fit, in their order; hidden ones among them."""
        of_ids = among(_target(kind), ids)
        asked = np.asarray(ids, np.int64)
        return asked[are_among(asked, self._numbers(self._matching(criterion, kind).where(of_ids)))]

    def shared(self, criterion: Criterion, kind: Kind) -> SharedStatement | None:
        """What selects the items of a kind that fit, hidden ones among them, for an index in the same database; None
        where there can be none."""
        return self._transaction.shared(self._matching(criterion, kind))

    def _numbers(self, statement: Select[Any]) -> Int64:
        return numbers(self._read(gathered(statement)).scalar_one())

    def page(
        self, criterion: Criterion | None, kind: Kind, order: Sorted | None, after: Listed | None, limit: int
    ) -> list[Listed]:
        """The next `limit` visible items of a kind that fit, those behind `after`: by `order` (date, name, size; with a
        minus the other way), then by id; without an order by id. What `order` asks and is not known comes last.

        Items that come or go meanwhile move no other.
        """
        column, falls = (None, False) if order is None else _ORDERS[order]
        key: ColumnElement[Any] | None = column
        number = _target(kind)
        plan = None if criterion is None else self.plan(criterion, kind)
        wanted = self._visible(criterion, kind)
        by_id: ColumnElement[Any] = number
        if plan is not None and plan.route is not None and plan.rows < NARROW:  # few are sorted, by no index
            wanted, by_id = wanted.where(plan.route), off_index(number)
            key = None if column is None else off_index(column)
        elif column is fact.c.date and (dates := dates_of(criterion)) is not None:
            wanted = wanted.where(dates)
        if key is None:
            wanted = wanted if after is None else wanted.where(by_id > after.id)
            return [Listed(found, None) for found in self._read(wanted.order_by(by_id).limit(limit)).scalars()]
        found: list[Listed] = []
        if after is None or after.key is not None:
            known = wanted.where(key.is_not(None)).add_columns(key)
            if after is not None:
                known = known.where(_behind(key, by_id, after, falls))
            by = (key.desc(), by_id.desc()) if falls else (key, by_id)
            found += [Listed(*row) for row in self._read(known.order_by(*by).limit(limit))]
        if len(found) < limit:
            rest = wanted.where(key.is_(None))
            if after is not None and after.key is None:
                rest = rest.where(by_id > after.id)
            ids = self._read(rest.order_by(by_id).limit(limit - len(found))).scalars()
            found += [Listed(each, None) for each in ids]
        return found

    def count(self, criterion: Criterion | None, kind: Kind, most: int, *, copies: bool = False) -> int:
        """How many visible items of a kind fit, counted no further than `most`; of each content one, unless `copies`.

        (What makes a text one with its copies: `Items.identities`.)
        """
        route = None if criterion is None else self.plan(criterion, kind).route
        counted = self._visible(criterion, kind)
        counted = counted if route is None else counted.where(route)
        if not copies:
            content = select(file.c.content_id).where(file.c.id == fact.c.file_id).scalar_subquery()
            same = (content,) if kind == "image" else (item.c.content_id, _photographed.c.content_id)
            counted = counted.with_only_columns(*same).distinct()
        return int(self._read(select(func.count()).select_from(counted.limit(most).subquery())).scalar_one())

    def keys(self, order: Sorted, kind: Kind, ids: Sequence[int]) -> dict[int, int | str]:
        """What `order` goes by, by id: seconds since 1970 of local clocks, folded names, bytes, where it is known."""
        key, number = _ORDERS[order][0], _target(kind)
        found: dict[int, int | str] = {}
        for chunk in id_chunks(ids):
            rows = self._read(self._matching(None, kind).add_columns(key).where(number.in_(chunk), key.is_not(None)))
            found.update((row[0], row[1]) for row in rows)
        return found

    def _matching(self, criterion: Criterion | None, kind: Kind) -> Select[Any]:
        """The ids of the items of a kind that fit, hidden ones among them."""
        number = _target(kind)
        statement = select(number).select_from(fact)
        if kind == "text":
            statement = statement.join(_photographed, _photographed.c.id == fact.c.file_id)
            statement = statement.join(item, item.c.about == _photographed.c.path)
            statement = statement.where(off_index(item.c.kind) == "text")
        return statement if criterion is None else statement.where(self._condition(criterion, kind))

    def _visible(self, criterion: Criterion | None, kind: Kind) -> Select[Any]:
        """Those of them that are visible."""
        statement = self._matching(criterion, kind)
        if kind == "image":  # no join, of which the database might begin at the files
            return statement.where(exists().where(file.c.id == fact.c.file_id, file.c.state == "present"))
        return statement.join(file, file.c.id == item.c.file_id).where(VISIBLE)

    def _condition(self, criterion: Criterion, kind: Kind) -> ColumnElement[bool]:
        return Matcher(_target(kind), self._folders_of).condition(criterion)

    def _folders_of(self, wanted: PathMatches) -> tuple[list[int], list[int]]:
        """Of a pattern: see `matching.FoldersOf`. There are few folders beside so many files."""
        if self._folders is None:
            self._folders = [(number, path) for number, path in self._read(select(folder.c.id, folder.c.folded))]
        pattern = PathPattern(wanted.pattern)
        whole = [number for number, path in self._folders if pattern.holds_folder(path)]
        of_files = [number for number, path in self._folders if pattern.holds_files_of(path)]
        return whole, of_files


def _target(kind: Kind) -> Column[Any]:
    """The column of the ids that are asked for."""
    return fact.c.item_id if kind == "image" else item.c.id


def _behind(key: ColumnElement[Any], number: ColumnElement[Any], after: Listed, falls: bool) -> ColumnElement[bool]:
    """What comes behind `after` in the order of a key and of the id, both rising or both falling."""
    if falls:
        return and_(key <= after.key, or_(key < after.key, number < after.id))
    return and_(key >= after.key, or_(key > after.key, number > after.id))
