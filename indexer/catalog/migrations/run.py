"""Ordered migrations; each commits together with the record that it ran.

A released migration is never edited and uses nothing of `schema`, which is what the last one leads to. A change of
the schema is a new file at the end; `tests/fixtures/stores` holds a store of every version, upgraded in tests.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, insert

from indexer.catalog.migrations import m0001_first, m0002_tokens, m0003_reader_versions
from indexer.catalog.schema import migration
from indexer.catalog.sqlite import Sqlite
from indexer.errors import StoreTooNewError

#: (name, function). The position is the schema version.
MIGRATIONS: tuple[tuple[str, Callable[[Connection], None]], ...] = (
    ("0001_first", m0001_first.apply),
    ("0002_tokens", m0002_tokens.apply),
    ("0003_reader_versions", m0003_reader_versions.apply),
)

SCHEMA_VERSION = len(MIGRATIONS)


def version(connection: Connection, database: Sqlite) -> int:
    """The schema version of an open database; 0 for a new one.

    Raises StoreDamagedError for a database that is not ours, StoreTooNewError for one from a later version.
    """
    found = database.version(connection)
    if found > SCHEMA_VERSION:
        raise StoreTooNewError(
            f"{database} was written by a newer version (schema {found}, this version knows {SCHEMA_VERSION}); "
            "upgrade with `pip install -U image-collection-search`."
        )
    return found


def migrate(connection: Connection, database: Sqlite) -> None:
    """Bring the database up to SCHEMA_VERSION inside the caller's transaction on `connection`."""
    for number in range(version(connection, database), SCHEMA_VERSION):
        label, change = MIGRATIONS[number]
        change(connection)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        connection.execute(insert(migration).values(name=label, applied_at=now))
        database.set_version(connection, number + 1)
