"""The ids that SQLite gives to rows, never the same twice: whether a table has any left.

SQLite notes the highest one of each table (`sqlite_sequence`), and calls a table at the end of its ids a full disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from indexer.catalog.bounds import HIGHEST

_TABLES: Final = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'"


def ids_ended(values: Callable[[str], Iterable[Any]]) -> list[str]:
    """The tables of which the ids are at their end, or the note of them is none. `values`: those that a statement
    gives, one a row."""
    return [name for name in list(values(_TABLES)) if any(values(_ended(name)))]


def _ended(table: str) -> str:
    name = table.replace("'", "").replace('"', "")
    noted = f"SELECT 1 FROM main.sqlite_sequence WHERE name = '{name}'"  # noqa: S608  names of our own tables
    wrong = f"(typeof(seq) != 'integer' OR seq NOT BETWEEN 0 AND {HIGHEST - 1})"
    return f'{noted} AND {wrong} UNION ALL SELECT 1 FROM main."{name}" WHERE rowid >= {HIGHEST}'  # noqa: S608  as above
