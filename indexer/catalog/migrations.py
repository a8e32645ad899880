"""Ordered migrations; each commits together with the record that it ran.

A released migration is never edited: a change of the schema is a new one at the end, and a store made by every
released version is kept in the tests and upgraded there.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, Table, insert

from indexer.catalog import schema
from indexer.errors import StoreDamagedError, StoreTooNewError

#: "SEMS" in SQLite's header says that the file is ours.
APPLICATION_ID = 0x53454D53


#: The tables of the first release; later ones are made by later migrations.
_FIRST_TABLES = (
    schema.meta,
    schema.migration,
    schema.encoder,
    schema.root,
    schema.content,
    schema.vector,
    schema.photo,
    schema.file,
    schema.item,
    schema.tombstone,
)


def _first(connection: Connection) -> None:
    schema.metadata.create_all(connection, tables=_FIRST_TABLES)
    connection.execute(
        insert(schema.meta),
        [{"key": "store", "value": uuid.uuid4().hex}, {"key": "generation", "value": "0"}],
    )


def _tokens(connection: Connection) -> None:
    schema.metadata.create_all(connection, tables=(schema.token,))


#: (name, function). The position is the schema version, kept in SQLite's user_version.
MIGRATIONS: tuple[tuple[str, Callable[[Connection], None]], ...] = (("0001_first", _first), ("0002_tokens", _tokens))

SCHEMA_VERSION = len(MIGRATIONS)

#: Tables that a migration added and a reader can do without, by schema version: empty stand-ins serve it.
_ADDED: dict[int, tuple[Table, ...]] = {2: (schema.token,)}


def stand_ins(found: int) -> list[str]:
    """Statements that let a reader use a store of schema `found` (1 or later) that cannot be written.

    They make empty tables on its own connection, in place of those that the store lacks.
    """
    lacking = [table for number in range(found + 1, SCHEMA_VERSION + 1) for table in _ADDED[number]]
    return [
        f"CREATE TEMP TABLE {table.name} ({', '.join(column.name for column in table.columns)})" for table in lacking
    ]


def version(connection: Connection, name: str) -> int:
    """The schema version of an open database; 0 for a new one.

    Raises StoreDamagedError for a database that is not ours, StoreTooNewError for one from a later version.
    """
    found = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    owner = int(connection.exec_driver_sql("PRAGMA application_id").scalar_one())
    if owner != APPLICATION_ID and (found or owner or _has_tables(connection)):
        raise StoreDamagedError(f"{name} is a database of another program; name another place with --store.")
    if found > SCHEMA_VERSION:
        raise StoreTooNewError(
            f"{name} was written by a newer version (schema {found}, this version knows {SCHEMA_VERSION}); "
            "upgrade with `pip install -U image-collection-search`."
        )
    return found


def _has_tables(connection: Connection) -> bool:
    return bool(connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema").scalar_one())


def migrate(connection: Connection, name: str) -> None:
    """Bring the database up to SCHEMA_VERSION inside the caller's transaction on `connection`."""
    for number in range(version(connection, name), SCHEMA_VERSION):
        label, change = MIGRATIONS[number]
        change(connection)
        connection.execute(
            insert(schema.migration).values(name=label, applied_at=datetime.now(UTC).isoformat(timespec="seconds"))
        )
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version = {number + 1}")
