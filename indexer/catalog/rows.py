"""Plain rows that are not what was written: by their checksum, by the types of their values, or because a value does
not read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, and_, or_, select

from indexer.catalog import stored
from indexer.catalog.bounds import HIGHEST
from indexer.catalog.expressions import has_sum, is_typed, is_whole, row_id
from indexer.catalog.items import BURIED, TOTAL
from indexer.catalog.meta import ENCODER, GENERATION, LOST_EXCLUSIONS, SETTLED, STORE
from indexer.catalog.possible import is_possible
from indexer.catalog.schema import encoder, file, meta, metadata, photo, root, tombstone
from indexer.catalog.tokens import CHOICE, SHAPE
from indexer.catalog.transaction import Part
from indexer.errors import StoreDamagedError

#: The tables whose rows carry a checksum.
SUMMED: Final[tuple[Table, ...]] = tuple(table for table in metadata.sorted_tables if "sum" in table.columns)

#: The columns that hold something to parse.
_PARSED: Final = {
    meta.name: (meta.c.key, meta.c.value),
    encoder.name: (encoder.c.identity,),
    root.name: (root.c.ignores, root.c.scanned_at),
    photo.name: (photo.c.captions, photo.c.keywords, photo.c.taken_at),
    file.name: (file.c.said,),
}


_MOMENTS: Final = {root.c.scanned_at, photo.c.taken_at}


class Rows(Part):
    """The rows of the tables with checksums, and those of the tombstones, which have none."""

    def damaged(self) -> dict[str, list[int]]:
        """Row ids, by table, of the rows that are not what was written. Reads every row.

        Nothing of the tables of an older store that cannot be written which have no checksums, or lack columns.
        """
        found: dict[str, list[int]] = {}
        ended = self._transaction.ids_ended()
        for table in (*SUMMED, tombstone):
            if table in SUMMED and not self._transaction.keeps_sums(table):
                continue
            end = HIGHEST // 2 if table.name in ended else HIGHEST  # new ones are to have room below
            numbers = set(self._read(select(row_id(table)).select_from(table).where(~_is_right(table, end))).scalars())
            numbers.update(self._unread(table))
            if numbers:
                found[table.name] = sorted(numbers)
        return found

    def _unread(self, table: Table) -> Iterator[int]:
        """Row ids of those of which a value does not read, though its type is right."""
        columns = _PARSED.get(table.name, ())
        if not columns:
            return
        statement = select(row_id(table), *columns).where(is_typed(table))
        if table is file:
            statement = statement.where(file.c.said.is_not(None))
        if table is photo:
            statement = statement.where(or_(*(column != "[]" for column in columns)))  # NULL is not asked about
        for number, *values in self._read(statement):
            if not _reads(table, values):
                yield number


def _is_right(table: Table, end: int) -> ColumnElement[bool]:
    """Whether a row is what was written; `end`: no id comes so far."""
    right = and_(is_possible(table), row_id(table).between(1, end - 1))
    return and_(right, has_sum(table), is_whole(table)) if "sum" in table.columns else right


def _reads(table: Table, values: list[Any]) -> bool:
    try:
        if table is meta:
            return meta_reads(*values)
        if table is encoder:
            stored.encoder_id(values[0])
        else:
            for column, value in zip(_PARSED[table.name], values, strict=True):
                if column in _MOMENTS:
                    stored.moment(value, "")
                elif column is file.c.said:
                    stored.said(value)
                else:
                    stored.texts(value, "")
    except StoreDamagedError:
        return False
    return True


def meta_reads(key: str, value: str) -> bool:
    """Whether a single value is one that is written under its key. Raises StoreDamagedError, which says the same."""
    if key in (GENERATION, ENCODER, SETTLED) or key.startswith((TOTAL, BURIED)):
        return stored.whole_number(value) is not None
    if key.startswith(SHAPE):
        stored.token_shape(value)
    elif key == "recall":
        stored.share(value, key)
    elif key == CHOICE:
        stored.one_of(value, ("on", "off"), key)
    elif key == LOST_EXCLUSIONS:
        stored.texts(value, key)
    elif key == STORE:
        return bool(value)
    return True
