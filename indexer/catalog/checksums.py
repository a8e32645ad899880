"""Rows of bytes with a checksum, by content and encoder: which of them are damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, or_, select

from indexer.catalog.transaction import Transaction


def damaged(
    transaction: Transaction,
    table: Table,
    columns: Sequence[ColumnElement[Any]],
    whole: Callable[..., bool],
    batch: int = 4_096,
) -> Iterator[tuple[int, int]]:
    """(content id, encoder id) of the rows whose `columns` are not `whole`. Reads the whole table, a page at a time."""
    keys = (table.c.content_id, table.c.encoder_id)
    last = (-1, -1)
    while True:
        after = or_(keys[0] > last[0], and_(keys[0] == last[0], keys[1] > last[1]))
        statement = select(*keys, *columns).where(after).order_by(*keys).limit(batch)
        rows = transaction.connection.execute(statement).all()
        for content_id, encoder_row, *values in rows:
            if not whole(*values):
                yield content_id, encoder_row
        if len(rows) < batch:
            return
        last = (rows[-1][0], rows[-1][1])
