"""The version of the format reader with each file, that of the metadata reader with each photograph."""

from __future__ import annotations

from sqlalchemy import Connection, text


def apply(connection: Connection) -> None:
    """Add the columns; what is there was read by the first versions."""
    connection.execute(text("ALTER TABLE file ADD COLUMN format_reader INTEGER NOT NULL DEFAULT 1"))
    connection.execute(text("ALTER TABLE photo ADD COLUMN metadata_reader INTEGER NOT NULL DEFAULT 1"))
