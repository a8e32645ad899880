"""Tokens of contents, for rerankers."""

from __future__ import annotations

from sqlalchemy import Column, Connection, ForeignKey, Integer, LargeBinary, MetaData, Table


def apply(connection: Connection) -> None:
    """Make the table."""
    metadata = MetaData()
    for name in ("content", "encoder"):  # what the new table refers to
        Table(name, metadata, Column("id", Integer, primary_key=True))
    token = Table(
        "token",
        metadata,
        Column("content_id", ForeignKey("content.id", ondelete="CASCADE"), primary_key=True),
        Column("encoder_id", ForeignKey("encoder.id", ondelete="CASCADE"), primary_key=True),
        Column("count", Integer, nullable=False),
        Column("data", LargeBinary, nullable=False),
        Column("crc", Integer, nullable=False),
    )
    token.create(connection)
