"""A checksum with every plain row of a SQLite database, which has none of its pages: kept by triggers, so that no
statement can forget it.

    sum = CRC-32 of the types of a row's values, and of the values; NULL where nobody wrote one

Vectors and tokens carry a checksum of their own: theirs is made of megabytes, and where the bytes are.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Table, text
from sqlalchemy.dialects.sqlite import dialect

#: SQL name of the function; every connection has it (`Sqlite.connect`).
FUNCTION: Final = "row_sum"
#: The column that holds it.
COLUMN: Final = "sum"
#: What `typeof` says of the values that fit a column, by the type with which it is made.
_TYPES: Final = {
    "INTEGER": "'integer', 'null'",
    "TEXT": "'text', 'null'",
    "BLOB": "'blob', 'null'",
    "FLOAT": "'real', 'null'",
}


def row_sum(*values: object) -> int:
    """CRC-32 of the values, told apart by their types. ASCII, because what `repr` shows of text differs by version."""
    return zlib.crc32(ascii(values).encode("ascii"))


def summed(table: Table) -> list[str]:
    """The columns that go into the checksum of a table's rows; none where its rows have none."""
    names = [column.name for column in table.columns]
    return [name for name in names if name != COLUMN] if COLUMN in names else []


def expression(columns: Sequence[str], row: str) -> str:
    """SQL for the checksum of a row; `row`: the table's name, `new` in a trigger.

    Text goes as bytes, because damage can make it no text.
    """
    names = [f"{row}.{column}" for column in sorted(columns)]  # whatever the order in which they came
    types = "||".join(f"typeof({name})" for name in names)
    values = ", ".join(f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END" for name in names)
    return f"{FUNCTION}({types}, {values})"


def typed(table: Table) -> str:
    """SQL for whether every value of a row has the type of its column, or is NULL; `table` must not be aliased."""
    found = [(f"{table.name}.{column.name}", column.type.compile(dialect=dialect())) for column in table.columns]
    return f"({' AND '.join(f'typeof({name}) IN ({_TYPES[kind]})' for name, kind in found)})"


def triggers(table: str, columns: Sequence[str]) -> dict[str, str]:
    """The statements that make the two triggers of a table, by their names. `columns`: all but the checksum."""
    write = f"BEGIN UPDATE {table} SET {COLUMN} = {expression(columns, 'new')} WHERE rowid = new.rowid; END"  # noqa: S608  names of our own tables
    of = ", ".join(sorted(columns))
    return {
        f"{table}_inserted": f"CREATE TRIGGER {table}_inserted AFTER INSERT ON {table} {write}",
        f"{table}_updated": f"CREATE TRIGGER {table}_updated AFTER UPDATE OF {of} ON {table} {write}",
    }


def keep(connection: Connection, table: str) -> None:
    """Write the checksum of every row of a table, and have triggers do it from now on."""
    found = connection.execute(text(f"PRAGMA main.table_info({table})")).all()
    columns = [row[1] for row in found if row[1] != COLUMN]
    made = triggers(table, columns)
    for name in made:
        connection.execute(text(f"DROP TRIGGER IF EXISTS {name}"))
    connection.execute(text(f"UPDATE {table} SET {COLUMN} = {expression(columns, table)}"))  # noqa: S608  as above
    for statement in made.values():
        connection.execute(text(statement))
