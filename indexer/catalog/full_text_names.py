"""Parts of the names of files, as SQLite keeps and searches them (FTS5): an index of every three letters of a name.

    name    of each row of `fact`, folded

It has no content of its own: triggers follow the names in `fact`, so that no writer has to think of it. It finds at
least what holds a part (its letters may stand in another order), and who asks looks at the names themselves. It is
derived: see `name_parts.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import Connection, Integer, Select, bindparam, column, literal_column, select, table, text

from indexer.catalog import full_text
from indexer.catalog.column_types import FitText
from indexer.catalog.full_text import written
from indexer.catalog.word_expressions import all_of

TABLE: Final = "name_part"
#: Letters of a part. Fewer are looked for in the names alone.
LETTERS: Final = 3
_MADE: Final = (
    f"CREATE VIRTUAL TABLE {TABLE} USING fts5(name, content = 'fact', content_rowid = 'item_id', "
    "tokenize = 'trigram case_sensitive 1', detail = none, columnsize = 0)"
)
#: The tables in which FTS5 keeps it, and their columns.
SHADOWS: Final[dict[str, frozenset[str]]] = {
    f"{TABLE}_{name}": columns for name, columns in full_text.KEPT.items() if name not in ("content", "docsize")
}
_ADD: Final = f"INSERT INTO {TABLE}(rowid, name) VALUES (new.item_id, new.name)"  # noqa: S608  names of our own tables
_TAKE: Final = f"INSERT INTO {TABLE}({TABLE}, rowid, name) VALUES ('delete', old.item_id, old.name)"  # noqa: S608  as above
#: The statements that make the triggers, by their names.
TRIGGERS: Final[dict[str, str]] = {
    "fact_name_inserted": f"CREATE TRIGGER fact_name_inserted AFTER INSERT ON fact BEGIN {_ADD}; END",
    "fact_name_deleted": f"CREATE TRIGGER fact_name_deleted AFTER DELETE ON fact BEGIN {_TAKE}; END",
    "fact_name_updated": "CREATE TRIGGER fact_name_updated AFTER UPDATE OF name ON fact "
    f"WHEN old.name IS NOT new.name BEGIN {_TAKE}; {_ADD}; END",
}
#: Make it anew from the names: of those that were deleted, it holds nothing then.
REBUILD: Final = text(f"INSERT INTO {TABLE}({TABLE}) VALUES ('rebuild')")  # noqa: S608  as above
#: Whether the file has it.
IS_THERE: Final = text(f"SELECT count(*) FROM main.sqlite_schema WHERE name = '{TABLE}'")  # noqa: S608  as above
#: By part: how many names hold it, and the sum of their ids.
_HELD: Final = text("SELECT term, count(*), total(doc) FROM temp.name_parts GROUP BY term")

_part = table(TABLE, column("rowid", Integer))


def make(connection: Connection) -> None:
    """The index of the names that are there."""
    connection.execute(text(_MADE))
    connection.execute(REBUILD)
    for statement in TRIGGERS.values():
        connection.execute(text(statement))


def drop(connection: Connection) -> None:
    """Let go of it, whatever state it is in."""
    for name in TRIGGERS:
        connection.execute(text(f"DROP TRIGGER IF EXISTS {name}"))
    full_text.drop_table(connection, TABLE, SHADOWS)


def is_ours(name: str, sql: str | None) -> bool:
    """Whether a table of this name, made by this statement, is the index or keeps it."""
    return sql == _MADE if name == TABLE else name in SHADOWS and str(sql).startswith("CREATE TABLE")


def parts_of(name: str) -> set[str]:
    """Every three letters of a name, or of a part of one, that stand together."""
    return {name[at : at + LETTERS] for at in range(len(name) - LETTERS + 1)}


def holding(parts: Iterable[str]) -> Select[tuple[int]]:
    """The ids of the items whose names hold each of `parts`, of three letters, for a condition `IN`."""
    words = written(all_of([part] for part in parts))
    return select(_part.c.rowid).where(literal_column(TABLE).op("MATCH")(bindparam(None, words, FitText)))


def held(connection: Connection) -> dict[str, tuple[int, float]] | None:
    """By part: how many names hold it, and the sum of their ids; None where the index does not read."""
    if full_text.rows(connection, holding(["any"]).limit(1), {}) is None:
        return None  # it does not open: nothing that looks into it could be let go of again
    connection.execute(text(f"CREATE VIRTUAL TABLE temp.name_parts USING fts5vocab('main', '{TABLE}', 'instance')"))
    try:
        found = full_text.rows(connection, _HELD, {})
        return None if found is None else {str(part): (int(count), float(total)) for part, count, total in found}
    finally:
        connection.execute(text("DROP TABLE temp.name_parts"))


class NameIndex:
    """What `name_parts.NameIndex` asks, of a file of SQLite."""

    def is_there(self, connection: Connection) -> bool:
        """Not in an older store that cannot be written."""
        return bool(connection.execute(IS_THERE).scalar())

    def make(self, connection: Connection) -> None:
        """The index of the names that are there."""
        make(connection)

    def drop(self, connection: Connection) -> None:
        """Let go of it, whatever state it is in."""
        drop(connection)

    def rebuild(self, connection: Connection) -> None:
        """Leave nothing of the names that were deleted."""
        connection.execute(REBUILD)

    def holds(self, connection: Connection, wanted: Mapping[str, tuple[int, float]]) -> bool:
        """Whether it holds these parts, each so often and with this sum of ids, and nothing else."""
        return self.is_there(connection) and held(connection) == wanted
