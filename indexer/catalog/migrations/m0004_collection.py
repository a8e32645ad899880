"""What tells a changed, a moved and an unwanted file: the time of its status, the mount of a root, exclusions."""

from __future__ import annotations

from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, Table, text


def apply(connection: Connection) -> None:
    """Add the columns, empty in rows of before, and the table."""
    connection.execute(text("ALTER TABLE file ADD COLUMN ctime_ns INTEGER"))
    connection.execute(text("ALTER TABLE root ADD COLUMN mount BLOB"))
    exclusion = Table(
        "exclusion",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("path", LargeBinary, nullable=False, unique=True),
    )
    exclusion.create(connection)
