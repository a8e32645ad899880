"""Tables whose rows are derived from items, and go with them: a trigger sees to it, and no reference does, because a
row too many is no damage."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, text

#: By table, the column that holds the id of the item.
_DERIVED: Final = {"fact": "item_id", "word": "rowid"}


def triggers(tables: Iterable[str]) -> dict[str, str]:
    """The statements that make the triggers for those of `tables` that are derived, by their names."""
    return {f"item_{table}_deleted": _trigger(table) for table in _DERIVED.keys() & set(tables)}


def keep(connection: Connection, table: str) -> None:
    """Let the rows of a table go with their items from now on."""
    connection.execute(text(_trigger(table)))


def _trigger(table: str) -> str:
    gone = f"DELETE FROM {table} WHERE {_DERIVED[table]} = old.id"  # noqa: S608  names of our own tables
    return f"CREATE TRIGGER item_{table}_deleted AFTER DELETE ON item BEGIN {gone}; END"
