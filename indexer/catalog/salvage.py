"""Saving what can be read of a damaged catalog: every row that still reads, copied into a new one.

One bad page costs the rows that lie on it and no others. What refers to a lost row is let go too: the next
`search index` reads those files again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, delete
from sqlalchemy.exc import DBAPIError

from indexer.catalog.catalog import Catalog
from indexer.catalog.mending import Mending, Witness, nobody
from indexer.catalog.schema import content, encoder, exclusion, file, item, meta, photo, root, token, vector
from indexer.catalog.sqlite import Sqlite, file_url, upsert
from indexer.catalog.transaction import Transaction

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


def salvage(path: Path, witness: Witness = nobody) -> Salvage:
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
            _copy(source, damaged, batch, witness, result)
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


def _copy(source: Engine, damaged: Sqlite, batch: Transaction, witness: Witness, result: Salvage) -> None:
    target = batch.connection
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
        for name, count in Mending(batch).make_whole(witness).items():
            result.kept[name] -= count
            result.lost[name] += count
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
