"""Which run has which files in hand, where several write at once, on a server. In SQLite the table stays empty."""

from __future__ import annotations

from sqlalchemy import Connection, text


def apply(connection: Connection) -> None:
    """Make the table."""
    on_server = connection.dialect.name == "postgresql"
    path, whole, real = ("BYTEA", "BIGINT", "FLOAT8") if on_server else ("BLOB", "INTEGER", "FLOAT")
    connection.execute(
        text(f"CREATE TABLE claim (path {path} NOT NULL PRIMARY KEY, writer {whole} NOT NULL, until {real} NOT NULL)")
    )
