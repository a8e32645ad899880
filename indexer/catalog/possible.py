"""Which rows this program can have written, as a condition: values of their columns' types, within their bounds.

Judged in the database, before anything reads a value: a type of Python's refuses a wrong one, and with it all that was
asked for. A row can be wrong and have its checksum, when another program wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

from sqlalchemy import Boolean, ColumnElement, Table, and_

from indexer.catalog.bounds import HIGHEST, LATITUDES, LONGEST_SIDE, LONGITUDES
from indexer.catalog.expressions import Written, is_typed
from indexer.catalog.schema import HIDDEN
from indexer.types import KINDS


def _one_of(column: str, words: Sequence[str]) -> str:
    return f"{column} IN ({', '.join(map(repr, words))})"


def _counts(column: str) -> str:
    return f"{column} BETWEEN 0 AND {HIGHEST - 1}"


def _is_path(column: str) -> str:
    """Whether it is one that a file can have."""
    return f"length({column}) > 0 AND instr({column}, x'00') = 0"


def _or_none(column: str, right: str) -> str:
    return f"({column} IS NULL OR ({right}))"


def _is_digest(column: str) -> str:
    return f"length({column}) = 32"  # SHA-256


#: By table. Text, because a statement of many parts costs a query more to put together than to answer.
_WITHIN: Final[dict[str, tuple[str, ...]]] = {
    "content": (_one_of("content.kind", KINDS), _is_digest("content.digest")),
    "exclusion": (_is_path("exclusion.path"),),
    "file": (
        _is_path("file.path"),
        _one_of("file.role", ("image", "captions", "other", "folder")),
        _one_of("file.state", ("present", "failed", *HIDDEN)),
        "file.size >= -1",  # which says that it is to be read
        _or_none("file.digest", _is_digest("file.digest")),
        _or_none("file.about", _is_path("file.about")),
        _or_none("file.item_count", _counts("file.item_count")),
        _counts("file.format_reader"),
    ),
    "item": (
        _one_of("item.kind", KINDS),
        _or_none("item.about", _is_path("item.about")),
        _counts("item.generation"),
    ),
    "photo": (
        f"photo.width BETWEEN 1 AND {LONGEST_SIDE}",
        f"photo.height BETWEEN 1 AND {LONGEST_SIDE}",
        _or_none("photo.latitude", f"photo.latitude BETWEEN -{LATITUDES} AND {LATITUDES}"),
        _or_none("photo.longitude", f"photo.longitude BETWEEN -{LONGITUDES} AND {LONGITUDES}"),
        _counts("photo.metadata_reader"),
    ),
    "root": (_is_path("root.path"), _or_none("root.mount", _is_path("root.mount"))),
    "tombstone": (_one_of("tombstone.kind", KINDS), _counts("tombstone.generation")),
}


@cache
def is_possible(table: Table) -> ColumnElement[bool]:
    """Whether a row is one that can have been written, but for texts that hold something to parse; never NULL. `table`
    must not be aliased."""
    within = " AND ".join(_WITHIN.get(table.name, ("1 = 1",)))
    return and_(is_typed(table), Written(f"coalesce({within}, 0)", f"coalesce({_of_bytes(within)}, false)", Boolean))


def _of_bytes(within: str) -> str:
    """The same as PostgreSQL writes it."""
    return re.sub(r"instr\(([\w.]+), x'00'\)", r"position('\\x00'::bytea IN \1)", within)
