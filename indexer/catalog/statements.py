"""Parts of statements that readers and writers of the catalog share."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, Text, and_, exists, literal_column

from indexer.catalog.schema import file, item
from indexer.types import Kind

#: Bound variables that one statement may carry; SQLite's own limit was 999 for a long time.
CHUNK = 900

#: Keys of the `meta` table: how many items of a kind there are.
ITEMS = "items:"
_described = file.alias("described")
#: An item can be found when its file is there, and for a text the image that it is about has not gone.
VISIBLE: ColumnElement[bool] = and_(
    file.c.state == "present",
    ~exists().where(_described.c.path == item.c.about, _described.c.state == "vanished"),
)


def chunks(ids: Sequence[int]) -> Iterator[list[int]]:
    """`ids` in pieces that one statement can carry, as plain `int`."""
    for start in range(0, len(ids), CHUNK):
        yield [int(number) for number in ids[start : start + CHUNK]]


def bounds(folder: str) -> tuple[str, str]:
    """Paths p with low < p < high are those below `folder`, in the order of their bytes."""
    prefix = folder if folder.endswith(os.sep) else folder + os.sep
    return prefix, prefix[:-1] + chr(ord(os.sep) + 1)


def of_kind(kind: Kind) -> ColumnElement[bool]:
    """Items of a kind, in statements that go by their ids.

    The plus keeps SQLite from walking the index of changes instead, where all items of a kind lie, and from sorting
    them again for every page.
    """
    return literal_column("+item.kind", Text) == kind
