"""The tables of the first release."""

from __future__ import annotations

import uuid

from sqlalchemy import (
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    insert,
    literal_column,
)

from indexer.catalog.sqlite import IDS_USED_ONCE, partial


def apply(connection: Connection) -> None:
    """Make the tables and a store id."""
    metadata = MetaData()
    meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))
    Table("migration", metadata, Column("name", Text, primary_key=True), Column("applied_at", Text, nullable=False))
    Table(
        "encoder",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("identity", Text, nullable=False, unique=True),
        **IDS_USED_ONCE,
    )
    Table(
        "root",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("path", LargeBinary, nullable=False, unique=True),
        Column("ignores", Text, nullable=False),
        Column("scanned_at", Text),
        **IDS_USED_ONCE,
    )
    Table(
        "content",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("digest", LargeBinary, nullable=False, unique=True),
        Column("kind", Text, nullable=False),
        **IDS_USED_ONCE,
    )
    Table(
        "vector",
        metadata,
        Column("content_id", ForeignKey("content.id", ondelete="CASCADE"), primary_key=True),
        Column("encoder_id", ForeignKey("encoder.id", ondelete="CASCADE"), primary_key=True),
        Column("data", LargeBinary, nullable=False),
        Column("crc", Integer, nullable=False),
    )
    Table(
        "photo",
        metadata,
        Column("content_id", ForeignKey("content.id", ondelete="CASCADE"), primary_key=True),
        Column("width", Integer, nullable=False),
        Column("height", Integer, nullable=False),
        Column("format", Text, nullable=False),
        Column("taken_at", Text),
        Column("camera", Text),
        Column("latitude", Float),
        Column("longitude", Float),
        Column("captions", Text, nullable=False),
        Column("keywords", Text, nullable=False),
    )
    file = Table(
        "file",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("path", LargeBinary, nullable=False, unique=True),
        Column("size", Integer, nullable=False),
        Column("mtime_ns", Integer, nullable=False),
        Column("role", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("reason", Text),
        Column("content_id", ForeignKey("content.id")),
        Column("digest", LargeBinary),
        **IDS_USED_ONCE,
    )
    # The next two keep `status` from reading the whole table.
    Index("file_absent", file.c.state, **partial(file.c.state != literal_column("'present'")))
    Index("file_content", file.c.content_id)
    item = Table(
        "item",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("file_id", ForeignKey("file.id", ondelete="CASCADE"), nullable=False),
        Column("kind", Text, nullable=False),
        Column("content_id", ForeignKey("content.id"), nullable=False),
        Column("about", LargeBinary),
        Column("text", Text),
        Column("generation", Integer, nullable=False),
        **IDS_USED_ONCE,
    )
    Index("item_file", item.c.file_id)
    Index("item_content", item.c.content_id)
    Index("item_change", item.c.kind, item.c.generation)
    Index("item_about", item.c.about)
    Table(
        "tombstone",
        metadata,
        Column("item_id", Integer, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("generation", Integer, nullable=False),
    )
    metadata.create_all(connection, checkfirst=False)
    rows = [{"key": "store", "value": uuid.uuid4().hex}, {"key": "generation", "value": "0"}]
    connection.execute(insert(meta), rows)
