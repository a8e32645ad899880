"""Saving what can be read of a damaged catalog: every row that still reads, copied into a new one.

One bad page costs the rows that lie on it and no others. What refers to a lost row is let go too: the next
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

from sqlalchemy import Connection, Engine, Table, delete, func, insert, or_, select, update
from sqlalchemy.exc import DBAPIError

from indexer.catalog.catalog import Catalog
from indexer.catalog.items import TOTAL
from indexer.catalog.meta import ENCODER
from indexer.catalog.schema import content, encoder, exclusion, file, item, meta, photo, root, token, vector
from indexer.catalog.sqlite import Sqlite, file_url, upsert
from indexer.types import KINDS

#: Parents before children. Tombstones are left out: every index is built anew.
TABLES: tuple[Table, ...] = (encoder, meta, root, exclusion, content, vector, token, photo, file, item)
#: Rows that are read at once.
RANGE = 1_000


@dataclass(slots=True)
class Salvage:
    """What was saved. `kept` rows by table; `lost` rows by table (at least so many)."""

    kept: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    damaged: Path | None = None  # where the damaged file now lies


def salvage(path: Path) -> Salvage:
    """Replace the catalog in the file `path` by what can be read of it; the damaged file is kept beside it.

    Needs the store's write lock. Raises StoreUnwritableError when the disk has no room for the copy.
    """
    result = Salvage()
    damaged = Sqlite(file_url(path))
    fresh = Sqlite(file_url(path.with_name("catalog.salvaged.sqlite")))
    for leftover in fresh.files:
        leftover.unlink(missing_ok=True)
    catalog = Catalog.create(file_url(fresh.path))
    source = damaged.connect(writable=True)
    try:
        with catalog.batch() as batch:
            _copy(source, damaged, batch.connection, result)
    finally:
        source.dispose()
        catalog.close()
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    result.damaged = path.with_name(f"{path.name}.damaged-{stamp}")
    for old in damaged.files:
        if old.exists():
            os.replace(old, old.with_name(old.name.replace(path.name, result.damaged.name, 1)))
    os.replace(fresh.path, path)
    return result


def _copy(source: Engine, damaged: Sqlite, target: Connection, result: Salvage) -> None:
    try:
        reader = source.connect()
    except DBAPIError:  # not even a database any more
        return
    with reader:
        damaged.judge_references_late(target)  # when all that reads is there
        target.execute(delete(meta))
        for table in TABLES:
            kept = lost = 0
            for rows, missing in _readable(reader, damaged, table):
                lost += missing
                if rows:
                    kept += target.execute(upsert(table, []), rows).rowcount
            result.kept[table.name], result.lost[table.name] = kept, lost
        _let_go(target, result)
        _mend(target)
        damaged.keep_sequences(reader, target, TABLES)


def _readable(reader: Connection, damaged: Sqlite, table: Table) -> Iterator[tuple[list[dict[str, Any]], int]]:
    """(rows that read, number that did not) by range of row ids.

    A range that does not read is halved until the unreadable rows are alone.
    """
    last = damaged.last_row(reader, table)
    stack = [(start, min(start + RANGE - 1, last)) for start in range(1, last + 1, RANGE)][::-1]
    while stack:
        low, high = stack.pop()
        try:
            yield damaged.rows_between(reader, table, low, high), 0
        except (DBAPIError, ValueError):
            if low == high:
                yield [], 1
            else:
                middle = (low + high) // 2
                stack += [(middle + 1, high), (low, middle)]


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
        values.pop(f"{TOTAL}{kind}", None)  # rows were lost: to be counted again
    highest = target.execute(select(func.max(item.c.generation))).scalar() or 0
    known = values.get("generation", "0")
    values["generation"] = str(max(int(known) if known.isdigit() else 0, highest) + 1)
    encoders = {str(number) for number in target.execute(select(encoder.c.id)).scalars()}
    if values.get(ENCODER) not in encoders:
        values.pop(ENCODER, None)
        if len(encoders) == 1:
            (values[ENCODER],) = encoders
    target.execute(delete(meta))
    target.execute(insert(meta), [{"key": key, "value": value} for key, value in values.items()])
    # A file without its items has to be read again: a size that no file has makes it differ from the disk.
    lonely = ~select(item.c.id).where(item.c.file_id == file.c.id).exists()
    target.execute(
        update(file).where(or_(file.c.role == "captions", file.c.content_id.is_(None)), lonely).values(size=-1)
    )
