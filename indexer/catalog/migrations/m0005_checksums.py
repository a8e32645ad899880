"""A checksum with every plain row, kept by triggers; and how many items each file gave."""

from __future__ import annotations

from sqlalchemy import Connection, text

from indexer.catalog.sqlite import keep_sums

#: Those whose rows get one.
TABLES = ("meta", "encoder", "root", "exclusion", "content", "photo", "file", "item")


def apply(connection: Connection) -> None:
    """Add the columns, count, and sum what is there: a few seconds for 200,000 photographs, once."""
    connection.execute(text("ALTER TABLE file ADD COLUMN item_count INTEGER"))
    counted = "SELECT count(*) FROM item WHERE item.file_id = file.id"
    connection.execute(text(f"UPDATE file SET item_count = ({counted})"))  # noqa: S608  no value of anybody's
    for table in TABLES:
        connection.execute(text(f"ALTER TABLE {table} ADD COLUMN sum INTEGER"))
        keep_sums(connection, table)
