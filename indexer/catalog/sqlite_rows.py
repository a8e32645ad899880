"""What is left of the rows of a damaged SQLite file: each that is what was written, whatever page it lies on.

To which table a row belongs its checksum says; the trees of the tables say which pages hold rows that are not deleted.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Table, text

from indexer.catalog.sqlite_pages import Pages
from indexer.catalog.sqlite_records import DamagedRecordError, Value
from indexer.catalog.sqlite_sums import COLUMN, row_sum

#: The last schema whose rows had no checksum.
_WITHOUT_SUMS: Final = 4
#: Columns with the checksum of bytes, and of what.
_CRC, _DATA = "crc", "data"
#: SQLite's list of tables, among them.
_TABLES: Final = "sqlite_schema"

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "INTEGER": (int,),
    "TEXT": (str,),
    "BLOB": (bytes,),
    "FLOAT": (float,),
}
_NAMES: Final[Mapping[type, str]] = {type(None): "null", int: "integer", float: "real", str: "text", bytes: "blob"}

Found = tuple[str, dict[str, Value] | None]
"""A table, and a row of it by its columns; None for one of which is known only that it is lost."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """The columns of a table in their order. `key`: the one in whose place the row id stands."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    filled: tuple[bool, ...]  # NULL does not fit
    key: str | None

    @classmethod
    def of(cls, connection: Connection, table: str) -> _Shape:
        rows = connection.execute(text(f"PRAGMA main.table_info({table})")).all()
        keys = [row[1] for row in rows if row[5]]
        alias = keys[0] if len(keys) == 1 and next(row[2] for row in rows if row[5]) == "INTEGER" else None
        columns, types, filled = zip(*((row[1], row[2], bool(row[3])) for row in rows), strict=True)
        return cls(columns, types, filled, alias)

    def row(self, number: int, values: Sequence[Value]) -> dict[str, Value] | None:
        """The values by their columns, of which the last ones may be missing; None where a type does not fit."""
        found: dict[str, Value] = {}
        for name, kind, filled, value in zip(self.columns, self.types, self.filled, values, strict=False):
            if name == self.key:
                if value is not None:
                    return None
                value = number
            elif kind == "FLOAT" and isinstance(value, int):  # so SQLite keeps those that are whole
                value = float(value)
            if (filled and value is None) or not (value is None or isinstance(value, _TYPES[kind])):
                return None
            found[name] = value
        return found


def rows_left(path: Path, copy: Connection, tables: Sequence[Table]) -> Iterator[Found]:
    """The rows of `tables` that are left in the file; those of pages that the trees name come first.

    `copy` has the tables as they should be.
    """
    shapes = {table.name: _Shape.of(copy, table.name) for table in tables}
    with Pages(path) as pages:
        yield from _Reader(pages, shapes).rows()


def keys_left(path: Path, tables: Sequence[str]) -> dict[str, dict[int, Value]]:
    """By their row ids, the keys that tables with one unique column have in the index of it; tables of which that does
    not read are left out."""
    found: dict[str, dict[int, Value]] = {}
    with Pages(path) as pages:
        roots = pages.roots("index")
        for table in tables:
            with suppress(DamagedRecordError):
                keys = _keys(pages.entries(roots.get(f"sqlite_autoindex_{table}_1", 0)))
                if keys is not None:
                    found[table] = keys
    return found


def _keys(entries: Sequence[Sequence[Value]]) -> dict[int, Value] | None:
    """None where these are no entries of such an index."""
    found: dict[int, Value] = {}
    for entry in entries:
        if len(entry) != 2 or not isinstance(entry[0], str | bytes) or not isinstance(entry[1], int):
            return None
        found[entry[1]] = entry[0]
    return found if len(found) == len(set(found.values())) == len(entries) else None


def sequences_left(path: Path) -> dict[str, int]:
    """The highest row id that each table has ever had, as far as it reads."""
    with Pages(path) as pages:
        root = pages.roots().get("sqlite_sequence")
        rows = [values for leaf in pages.tree(root).leaves for _, values in pages.rows(leaf)] if root else []
    return {str(row[0]): row[1] for row in rows if len(row) == 2 and isinstance(row[1], int)}


class _Reader:
    def __init__(self, pages: Pages, shapes: Mapping[str, _Shape]) -> None:
        self._pages = pages
        self._shapes = shapes
        self._is_old = 0 < pages.version <= _WITHOUT_SUMS

    def rows(self) -> Iterator[Found]:
        roots = self._pages.roots()
        torn = False
        reached: set[int] = set()
        for name in self._shapes.keys() - roots.keys():
            if not self._is_old:  # which need not have them all
                torn = True
                yield name, None
        for name, root in roots.items():
            tree = self._pages.tree(root)
            torn |= bool(tree.torn) and name != _TABLES  # else they are all known by now, or missing above
            if name in self._shapes:
                yield from [(name, None)] * tree.torn
            for leaf in tree.leaves:
                if leaf not in reached:
                    reached.add(leaf)
                    yield from self._of_leaf(leaf, name)
        free, sure = self._pages.free()
        if torn or sure:  # else they may have been deleted long ago
            for leaf in self._pages.leaves():
                if leaf not in reached and leaf not in free:
                    yield from self._of_leaf(leaf, "")

    def _of_leaf(self, leaf: int, name: str) -> Iterator[Found]:
        for number, values in self._pages.rows(leaf):
            found = self._whole(number, values, name)
            if found is not None:
                yield found
            elif name in self._shapes:
                yield name, None

    def _whole(self, number: int, values: Sequence[Value], name: str) -> Found | None:
        """The row, and the table to which its checksum says that it belongs; `name`: the table whose tree names it."""
        for table in sorted(self._shapes, key=lambda each: each != name):
            shape = self._shapes[table]
            if len(values) == len(shape.columns):
                row = shape.row(number, values)
                if row is not None and _has_sum(row):
                    row.pop(COLUMN, None)
                    return table, row
            elif table == name and 0 < len(values) < len(shape.columns):  # of before later columns came
                row = shape.row(number, values)
                if row is not None and (self._is_old or (COLUMN in row and _has_sum(row))):
                    row.pop(COLUMN, None)
                    return table, row
        return None


def _has_sum(row: Mapping[str, Value]) -> bool:
    """Whether a row of all its columns is what was written."""
    if COLUMN not in row:
        data = row.get(_DATA)
        return isinstance(data, bytes) and zlib.crc32(data) == row.get(_CRC)
    values = [row[name] for name in sorted(row) if name != COLUMN]
    types = "".join(_NAMES[type(value)] for value in values)
    return row_sum(types, *(value.encode() if isinstance(value, str) else value for value in values)) == row[COLUMN]
