"""Ordered migrations; each commits together with the record that it ran.

A released migration is never edited and uses nothing of `schema`, which is what the last one leads to. A change of
the schema is a new file at the end; `tests/fixtures/stores` holds a store of every version, upgraded in tests.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert

from indexer.catalog import migrations
from indexer.catalog.schema import migration
from indexer.distribution import how_to_upgrade
from indexer.errors import StoreTooNewError

if TYPE_CHECKING:
    from indexer.catalog.database import Database


def _apply(module: str, connection: Connection) -> None:
    import_module(f"{migrations.__name__}.{module}").apply(connection)


#: (name, function), of the files beside this one: `m0001_first.py` is "0001_first". The position is the schema version.
MIGRATIONS: tuple[tuple[str, Callable[[Connection], None]], ...] = tuple(
    (found.name[1:], partial(_apply, found.name))
    for found in sorted(pkgutil.iter_modules(migrations.__path__), key=lambda found: found.name)
    if found.name.startswith("m0")
)

SCHEMA_VERSION = len(MIGRATIONS)


def version(connection: Connection, database: Database) -> int:
    """The schema version of an open database; 0 for a new one.

    Raises StoreDamagedError for a database that is not ours, StoreTooNewError for one from a later version.
    """
    found = database.version(connection)
    if found > SCHEMA_VERSION:
        raise StoreTooNewError(
            f"{database} was written by a newer version (schema {found}, this version knows {SCHEMA_VERSION}); "
            f"upgrade with {how_to_upgrade()}."
        )
    return found


def migrate(connection: Connection, database: Database) -> None:
    """Bring the database up to SCHEMA_VERSION inside the caller's transaction on `connection`."""
    found = version(connection, database)
    begun = found or database.begin(connection)
    for number in range(found, SCHEMA_VERSION):
        label, change = MIGRATIONS[number]
        if number >= begun:
            change(connection)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        connection.execute(insert(migration).values(name=label, applied_at=now))
        database.set_version(connection, number + 1)
