"""Saving what can be read of a damaged catalog: every row that SQLite still gives, copied into a new file.

Rows are read by ranges of rowid. Where a range does not read, it is halved until the unreadable rows are alone, so
that one bad page costs the rows that lie on it and no others. What refers to a lost row is let go too: the next
`search index` reads those files again.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Table,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import DBAPIError

from indexer.catalog.catalog import Catalog
from indexer.catalog.database import connect, translated
from indexer.catalog.schema import content, encoder, file, item, meta, photo, root, token, vector
from indexer.catalog.statements import ITEMS
from indexer.types import KINDS

#: Parents before children. Tombstones are left out: every index is built anew.
TABLES: tuple[Table, ...] = (encoder, meta, root, content, vector, token, photo, file, item)
_ROWID: ColumnElement[int] = literal_column("rowid", Integer)
#: Rows that are read at once.
RANGE = 1_000
#: Where a table's last rowid cannot be read, it is looked for up to here.
HIGHEST = 2**40


@dataclass(slots=True)
class Salvage:
    """What was saved. `kept` rows by table; `lost` rows by table (at least so many)."""

    kept: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    damaged: Path | None = None  # where the damaged file now lies


def salvage(path: Path) -> Salvage:
    """Replace the catalog at `path` by what can be read of it; the damaged file is kept beside it.

    Needs the store's write lock. Raises StoreUnwritableError when the disk has no room for the copy.
    """
    result = Salvage()
    fresh = path.with_name("catalog.salvaged.sqlite")
    for leftover in _files(fresh):
        leftover.unlink(missing_ok=True)
    catalog = Catalog.create(fresh)
    source = connect(path, writable=True)
    try:
        with catalog.batch() as batch, translated(fresh):
            _copy(source, batch.connection, result)
    finally:
        source.dispose()
        catalog.close()
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    result.damaged = path.with_name(f"{path.name}.damaged-{stamp}")
    for old in _files(path):
        if old.exists():
            os.replace(old, old.with_name(old.name.replace(path.name, result.damaged.name, 1)))
    os.replace(fresh, path)
    return result


def _files(path: Path) -> list[Path]:
    return [path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")]


def _copy(source: Any, target: Connection, result: Salvage) -> None:
    try:
        reader = source.connect()
    except DBAPIError:  # not even a database any more
        return
    with reader:
        target.exec_driver_sql("PRAGMA defer_foreign_keys = ON")  # judged when all that reads is there
        target.execute(delete(meta))
        for table in TABLES:
            kept = lost = 0
            for rows, missing in _rows(reader, table):
                lost += missing
                if rows:
                    kept += target.execute(upsert(table).on_conflict_do_nothing(), rows).rowcount
            result.kept[table.name], result.lost[table.name] = kept, lost
        _let_go(target, result)
        _mend(target)
        _keep_sequences(reader, target)


def _let_go(target: Connection, result: Salvage) -> None:
    """Delete what refers to a lost row."""
    no_content = file.c.content_id.not_in(select(content.c.id))
    target.execute(update(file).where(no_content).values(content_id=None))
    for table, column, parent in (
        (vector, vector.c.content_id, content),
        (vector, vector.c.encoder_id, encoder),
        (token, token.c.content_id, content),
        (token, token.c.encoder_id, encoder),
        (photo, photo.c.content_id, content),
        (item, item.c.file_id, file),
        (item, item.c.content_id, content),
    ):
        gone = target.execute(delete(table).where(column.not_in(select(parent.c.id)))).rowcount
        result.kept[table.name] -= gone
        result.lost[table.name] += gone


def _mend(target: Connection) -> None:
    """Make the copy whole: its own store id, no reference to a lost row."""
    values = {row.key: row.value for row in target.execute(select(meta))}
    values["store"] = uuid.uuid4().hex  # no index of the damaged catalog is ever taken for one of this
    for kind in KINDS:
        values.pop(f"{ITEMS}{kind}", None)  # rows were lost: to be counted again
    highest = target.execute(select(func.max(item.c.generation))).scalar() or 0
    known = values.get("generation", "0")
    values["generation"] = str(max(int(known) if known.isdigit() else 0, highest) + 1)
    encoders = {str(number) for number in target.execute(select(encoder.c.id)).scalars()}
    if values.get("encoder") not in encoders:
        values.pop("encoder", None)
        if len(encoders) == 1:
            (values["encoder"],) = encoders
    target.execute(delete(meta))
    target.execute(insert(meta), [{"key": key, "value": value} for key, value in values.items()])
    # A file without its items has to be read again: a size that no file has makes it differ from the disk.
    lonely = ~select(item.c.id).where(item.c.file_id == file.c.id).exists()
    target.execute(
        update(file).where(or_(file.c.role == "captions", file.c.content_id.is_(None)), lonely).values(size=-1)
    )


def _keep_sequences(reader: Connection, target: Connection) -> None:
    """Ids are never used again, those of lost rows neither."""
    try:
        sequences = reader.execute(text("SELECT name, seq FROM sqlite_sequence")).all()
    except DBAPIError:
        return
    for name, seq in sequences:
        if name in {table.name for table in TABLES} and isinstance(seq, int):
            bound = {"name": name, "seq": seq}
            changed = target.execute(text("UPDATE sqlite_sequence SET seq = max(seq, :seq) WHERE name = :name"), bound)
            if not changed.rowcount:
                target.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"), bound)


def _rows(reader: Connection, table: Table) -> Iterator[tuple[list[dict[str, Any]], int]]:
    """(rows that read, number that did not) by range of rowid."""
    last = _last(reader, table)
    stack = [(start, min(start + RANGE - 1, last)) for start in range(1, last + 1, RANGE)][::-1]
    while stack:
        low, high = stack.pop()
        try:
            rows = reader.execute(select(table).where(_ROWID.between(low, high)).order_by(_ROWID)).mappings().all()
            yield [dict(row) for row in rows], 0
        except (DBAPIError, ValueError):
            if low == high:
                yield [], 1
            else:
                middle = (low + high) // 2
                stack += [(middle + 1, high), (low, middle)]


def _last(reader: Connection, table: Table) -> int:
    """The highest rowid of a table, or a number above it; 0 when nothing of the table reads."""
    for statement in (
        select(func.max(_ROWID)).select_from(table),
        select(literal_column("seq")).select_from(text("sqlite_sequence")).where(literal_column("name") == table.name),
    ):
        try:
            found = reader.execute(statement).scalar()
        except DBAPIError:
            continue
        if isinstance(found, int) and found < HIGHEST:
            return found
        if found is None and "max" in str(statement):
            return 0
    return 0
