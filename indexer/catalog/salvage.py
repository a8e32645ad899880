"""Saving what can be read of a damaged catalog: every row that is what was written, copied into a new one.

One bad page costs the rows that lie on it and no others, whichever page it is. What others tell of a lost row is made
anew (`lost_keys.py`, `mending.py`); the next `search index` reads the rest again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Table, delete

from indexer.catalog.catalog import Catalog
from indexer.catalog.expressions import upsert
from indexer.catalog.lost_keys import LostKeys
from indexer.catalog.mending import Mending, Witness, nobody
from indexer.catalog.schema import content, encoder, exclusion, file, item, meta, photo, root, token, vector
from indexer.catalog.sqlite import Sqlite, file_url
from indexer.catalog.transaction import Transaction

#: Tombstones are left out: every index is built anew.
TABLES: tuple[Table, ...] = (encoder, meta, root, exclusion, content, vector, token, photo, file, item)
#: Rows, and bytes of them, that are written at once.
ROWS, BYTES = 1_000, 4_000_000


@dataclass(slots=True)
class Salvage:
    """What was saved. `kept` rows by table; `lost` rows by table, at least so many: a page of which nothing is known
    counts as one. `counted`: the tables of which just so many were lost. `again`: the paths of folders, of which the
    patterns were lost, and of what was forgotten that only an index still named, by table."""

    kept: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    counted: set[str] = field(default_factory=set)
    again: dict[str, list[str]] = field(default_factory=dict)


def salvage(path: Path, copy: Path, witness: Witness = nobody) -> Salvage:
    """Write what can be read of the catalog in the file `path` into a new one in the file `copy`.

    Needs the store's write lock. Raises StoreUnwritableError when the disk has no room for the copy, and OSError where
    the damaged file cannot be read.
    """
    result = Salvage()
    catalog = Catalog.create(file_url(copy))
    try:
        with catalog.batch() as batch:
            _copy(Sqlite(file_url(path)), batch, witness, result)
    finally:
        catalog.close()
    return result


def _copy(damaged: Sqlite, batch: Transaction, witness: Witness, result: Salvage) -> None:
    target = batch.connection
    damaged.judge_references_late(target)  # when all that reads is there
    target.execute(delete(meta))
    tables = {table.name: table for table in TABLES}
    waiting: defaultdict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)  # by table and number of columns
    size: Counter[tuple[str, int]] = Counter()

    def write(key: tuple[str, int]) -> None:
        result.kept[key[0]] += target.execute(upsert(tables[key[0]], []), waiting.pop(key)).rowcount
        del size[key]

    for name, row in damaged.rows_left(target, TABLES):
        if row is None:
            result.lost[name] += 1
            continue
        key = name, len(row)
        waiting[key].append(row)
        size[key] += len(row.get("data") or b"")
        if len(waiting[key]) >= ROWS or size[key] >= BYTES:
            write(key)
    for key in list(waiting):
        write(key)
    keys = LostKeys(damaged, batch)
    result.again = keys.make_again()
    for name, count in Mending(batch).make_whole(witness).items():
        result.kept[name] -= count
        result.lost[name] += count
    counts = keys.count()
    result.counted = set(counts)
    for name, count in counts.items():
        result.lost[name] = count
    damaged.keep_sequences(target, TABLES)
