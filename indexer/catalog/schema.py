"""The catalog's tables (SQLAlchemy Core), and who refers to whom.

    root        a folder that was indexed; where vanished files may be looked for
    file        what a scan found: path, size, mtime, the digest of its content, and how it fared
    item        what can be found: a photograph or a text, belonging to a file; its id is never used again
    content     one row for each distinct photograph or text, by SHA-256; copies share it
    vector      the embedding of a content under an encoder, with a checksum
    token       what rerankers need of a content under an encoder, with a checksum; may be missing
    photo       what a photograph says about itself
    encoder     the identities of the encoders whose vectors are here
    tombstone   ids of items that were deleted, until every index that might hold them was rebuilt
    meta        store id, generation, active encoder
    migration   which migrations ran

Every change that a search could see carries the catalog's generation, a counter that grows by one with each
transaction: an index stamped with generation g is brought up to date by the items whose generation is above g.
"""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import (
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    literal_column,
)


class PathType(TypeDecorator[str]):
    """A path: `str` with surrogate escapes in Python, the file system's own bytes in the database.

    Bytes, because a name need not be valid UTF-8, and because they sort the way a scan walks.
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else os.fsencode(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else os.fsdecode(value)


metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

migration = Table(
    "migration",
    metadata,
    Column("name", Text, primary_key=True),
    Column("applied_at", Text, nullable=False),
)

encoder = Table(
    "encoder",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("identity", Text, nullable=False, unique=True),  # EncoderId.to_json
    sqlite_autoincrement=True,
)

root = Table(
    "root",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", PathType, nullable=False, unique=True),
    Column("ignores", Text, nullable=False),  # JSON list of patterns
    Column("scanned_at", Text),  # UTC, ISO 8601: the last complete scan
    sqlite_autoincrement=True,
)

content = Table(
    "content",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),  # SHA-256 of the bytes, or of b"text\0" + UTF-8
    Column("kind", Text, nullable=False),
    sqlite_autoincrement=True,
)

vector = Table(
    "vector",
    metadata,
    Column("content_id", ForeignKey("content.id", ondelete="CASCADE"), primary_key=True),
    Column("encoder_id", ForeignKey("encoder.id", ondelete="CASCADE"), primary_key=True),
    Column("data", LargeBinary, nullable=False),  # (d,) float32, little-endian, unit norm
    Column("crc", Integer, nullable=False),  # CRC-32 of data
)

token = Table(
    "token",
    metadata,
    Column("content_id", ForeignKey("content.id", ondelete="CASCADE"), primary_key=True),
    Column("encoder_id", ForeignKey("encoder.id", ondelete="CASCADE"), primary_key=True),
    Column("count", Integer, nullable=False),  # t: regions of an image, word pieces of a text
    Column("data", LargeBinary, nullable=False),  # (t, w) int8, row by row
    Column("crc", Integer, nullable=False),  # CRC-32 of data
)

photo = Table(
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
    Column("captions", Text, nullable=False),  # JSON list
    Column("keywords", Text, nullable=False),  # JSON list
)

file = Table(
    "file",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", PathType, nullable=False, unique=True),
    Column("size", Integer, nullable=False),
    Column("mtime_ns", Integer, nullable=False),
    Column("role", Text, nullable=False),  # image, captions, other
    Column("state", Text, nullable=False),  # present, failed, vanished
    Column("reason", Text),  # why the last attempt to read it failed
    Column("content_id", ForeignKey("content.id")),  # of a photograph
    Column("digest", LargeBinary),  # SHA-256 of the content
    sqlite_autoincrement=True,
)
#: SQLite uses the partial index only where this very condition stands in the statement; a query by ids, which asks
#: for present files, must never be tempted to walk an index of all of them.
ABSENT = file.c.state != literal_column("'present'")
# The next two keep `status` from reading the whole table.
Index("file_absent", file.c.state, sqlite_where=ABSENT)
Index("file_content", file.c.content_id)

item = Table(
    "item",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("file_id", ForeignKey("file.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("content_id", ForeignKey("content.id"), nullable=False),
    Column("about", PathType),  # text: the image that it describes
    Column("text", Text),
    Column("generation", Integer, nullable=False),
    sqlite_autoincrement=True,
)
Index("item_file", item.c.file_id)
Index("item_content", item.c.content_id)
Index("item_change", item.c.kind, item.c.generation)
Index("item_about", item.c.about)

tombstone = Table(
    "tombstone",
    metadata,
    Column("item_id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("generation", Integer, nullable=False),
)
