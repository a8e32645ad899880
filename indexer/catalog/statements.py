"""Parts of statements that the parts of the catalog share."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, and_, exists

from indexer.catalog.schema import UNSPOKEN, file, item, token, vector

T = TypeVar("T")

#: Bound variables that one statement may carry; SQLite's own limit was 999 for a long time.
CHUNK = 900

_described = file.alias("described")
#: An item can be found when its file is there, and for a text the image that it is about is not left out
#: or forgotten.
VISIBLE: ColumnElement[bool] = and_(
    file.c.state == "present",
    ~exists().where(_described.c.path == item.c.about, _described.c.state.in_(UNSPOKEN)),
)


def chunks(values: Sequence[T]) -> Iterator[list[T]]:
    """`values` in pieces that one statement can carry."""
    for start in range(0, len(values), CHUNK):
        yield list(values[start : start + CHUNK])


def id_chunks(ids: Sequence[int]) -> Iterator[list[int]]:
    """As `chunks`, of plain `int`: a number of numpy's would be bound as bytes."""
    return ([int(number) for number in chunk] for chunk in chunks(ids))


def bounds(folder: str) -> tuple[str, str]:
    """Paths p with low < p < high are those below `folder`, in the order of their bytes."""
    prefix = folder if folder.endswith(os.sep) else folder + os.sep
    return prefix, prefix[:-1] + chr(ord(os.sep) + 1)


def has_vector(content_id: ColumnElement[Any], encoder_row: int | None) -> ColumnElement[bool]:
    """Whether a content has a vector under an encoder."""
    return exists().where(vector.c.content_id == content_id, vector.c.encoder_id == encoder_row)


def has_tokens(content_id: ColumnElement[Any], encoder_row: int | None) -> ColumnElement[bool]:
    """Whether a content has tokens under an encoder, whole or not."""
    return exists().where(token.c.content_id == content_id, token.c.encoder_id == encoder_row)
