"""The catalog's tables (SQLAlchemy Core) as statements use them; `migrations` make them, with their indexes and keys.

    root        a folder that was indexed; where vanished files may be looked for
    exclusion   a file or folder below a root that is to stay out
    file        what a scan found: path, size, mtime, ctime, the digest of its content, and how it fared
    item        what can be found: a photograph or a text, belonging to a file; its id is never used again
    content     one row for each distinct photograph or text, by SHA-256; copies share it
    vector      the embedding of a content under an encoder, with a checksum
    token       what rerankers need of a content under an encoder, with a checksum; may be missing
    photo       what a photograph says about itself
    fact        what is known of a photograph as filters ask for it; derived from `file` and `photo`, and made again
    device      cameras and lenses that facts name
    folder      folders that facts name
    word        what is said of each photograph, as words; derived; it is not among these tables (`full_text.py`)
    encoder     the identities of the encoders whose vectors are here
    tombstone   ids of items that were deleted, until every index that might hold them was rebuilt
    claim       files that a run has in hand, where several write at once (`writers.py`)
    meta        store id, generation, active encoder
    migration   which migrations ran

Every change that a search could see carries the catalog's generation, a counter that grows by one with each
transaction: an index stamped with generation g is brought up to date by the items whose generation is above g.

What one file can bring into a row has a type that makes it fit (`Fit...`, `PathType`): no value of a file ends a run.

A column that came after the first version says what older rows hold (`server_default`). Plain rows carry a checksum;
those of facts, devices and folders do not, because they can be compared with what they are derived from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, Text, literal_column
from sqlalchemy.types import TypeEngine

from indexer.catalog.column_types import FitFloat, FitInteger, FitText, PathType
from indexer.types import Metadata

#: How a field of `Metadata` is kept, by its annotation. Lists as JSON.
_COLUMN_TYPES: dict[str, type[TypeEngine[Any]]] = {
    "int": FitInteger,
    "str": FitText,
    "str | None": FitText,
    "int | None": FitInteger,
    "float | None": FitFloat,
    "tuple[str, ...]": FitText,
}

#: Fields whose columns came later, and so stand last.
_LATER = {"lens"}

metadata = MetaData()


def _sum() -> Column[Any]:
    """CRC-32 of the row's other values (a database that sums its own pages does without); triggers write it."""
    return Column("sum", Integer)


def _said(later: bool) -> list[Column[Any]]:
    """Columns of the fields of `Metadata`."""
    return [
        Column(field.name, _COLUMN_TYPES[str(field.type)])
        for field in fields(Metadata)
        if (field.name in _LATER) == later
    ]


meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text), _sum())

migration = Table("migration", metadata, Column("name", Text, primary_key=True), Column("applied_at", Text))

encoder = Table(
    "encoder",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("identity", Text),  # EncoderId.to_json
    _sum(),
)

root = Table(
    "root",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", PathType),
    Column("ignores", Text),  # JSON list of patterns
    Column("scanned_at", Text),  # UTC, ISO 8601: the last complete scan
    Column("mount", PathType),  # the mount point under which it lay then
    _sum(),
)

exclusion = Table("exclusion", metadata, Column("id", Integer, primary_key=True), Column("path", PathType), _sum())

content = Table(
    "content",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", LargeBinary),  # SHA-256 of the bytes, or of b"text\0" + UTF-8
    Column("kind", Text),
    _sum(),
)

vector = Table(
    "vector",
    metadata,
    Column("content_id", Integer, primary_key=True),
    Column("encoder_id", Integer, primary_key=True),
    Column("data", LargeBinary),  # (d,) float32, little-endian, unit norm
    Column("crc", Integer),  # CRC-32 of data
)

token = Table(
    "token",
    metadata,
    Column("content_id", Integer, primary_key=True),
    Column("encoder_id", Integer, primary_key=True),
    Column("count", Integer),  # t: regions of an image, word pieces of a text
    Column("data", LargeBinary),  # (t, w) int8, row by row
    Column("crc", Integer),  # CRC-32 of data
)

photo = Table(
    "photo",
    metadata,
    Column("content_id", Integer, primary_key=True),
    *_said(later=False),
    Column("metadata_reader", Integer, server_default="1"),  # version of what read it
    _sum(),
    *_said(later=True),
)

file = Table(
    "file",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", PathType),
    Column("size", FitInteger),
    Column("mtime_ns", FitInteger),
    Column("role", Text),  # image, captions, other
    Column("state", Text),  # present, failed, or one of HIDDEN
    Column("reason", FitText),  # why the last attempt to read it failed
    Column("content_id", Integer),  # of a photograph
    Column("digest", LargeBinary),  # SHA-256 of the content
    Column("format_reader", Integer, server_default="1"),  # version of what read it last
    Column("ctime_ns", FitInteger),  # when its status changed last
    Column("item_count", Integer),  # how many items it gave; more or fewer are there only after damage
    _sum(),
    Column("said", FitText),  # of captions: what it says of one photograph besides, as JSON (`stored.said`)
    Column("about", PathType),  # and of which
)
#: State of a file that a scan did not find; of one that it did not look for, because patterns of its root leave it out;
#: of one that was forgotten and is kept, as a path alone, because captions elsewhere name it.
VANISHED, IGNORED, FORGOTTEN = "vanished", "ignored", "forgotten"
#: Of files that are not to be found.
HIDDEN = (VANISHED, IGNORED, FORGOTTEN)
#: Of files about which no text is to be found either, wherever it stands. Of a photograph that is gone a table that is
#: there still tells.
UNSPOKEN = (IGNORED, FORGOTTEN)

#: The condition of a partial index, to be written just so; a query by ids, which asks for present files, must never
#: be tempted to walk an index of all of them.
ABSENT = file.c.state != literal_column("'present'")

item = Table(
    "item",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("file_id", Integer),
    Column("kind", Text),
    Column("content_id", Integer),
    Column("about", PathType),  # text: the image that it describes
    Column("text", FitText),
    Column("generation", Integer),
    _sum(),
)

tombstone = Table(
    "tombstone",
    metadata,
    Column("item_id", Integer, primary_key=True),
    Column("kind", Text),
    Column("generation", Integer),
)

claim = Table(
    "claim",
    metadata,
    Column("path", PathType, primary_key=True),
    Column("writer", Integer),  # the number of the run
    Column("until", FitFloat),  # seconds since the beginning of 1970, by the server's clock
)

device = Table(
    "device",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("text", FitText),  # as photographs write it
    Column("folded", FitText),  # `text.folded`
)

folder = Table(
    "folder",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", PathType),
    Column("folded", FitText),  # `text.folded` of the path, with "/" between and behind its parts
)

fact = Table(
    "fact",
    metadata,
    Column("item_id", Integer, primary_key=True),  # of a photograph
    Column("file_id", Integer),
    Column("date", Integer),  # seconds since the beginning of 1970, as clocks showed them where it was taken
    Column("date_from", FitText),  # where that is known from: taken, name, sidecar, file
    Column("month", Integer),  # 1 to 12
    Column("latitude", FitFloat),  # degrees
    Column("longitude", FitFloat),
    Column("x", FitFloat),  # the same place on a sphere of radius 1
    Column("y", FitFloat),
    Column("z", FitFloat),
    Column("city", Integer),  # id of GeoNames
    Column("country", FitText),  # ISO 3166-1, two letters
    Column("camera_id", Integer),
    Column("lens_id", Integer),
    Column("folder_id", Integer),
    Column("name", FitText),  # of its file, folded
    Column("type", FitText),  # jpeg, png, ...
    Column("size", FitInteger),  # bytes
    Column("width", Integer),  # pixels
    Column("height", Integer),
    Column("captioned", Integer),  # 0 or 1: it says so itself; others may speak of it besides
    Column("keyworded", Integer),  # 0 or 1
)


def first_lacking(tables: Iterable[Table], there: Mapping[str, Collection[str]]) -> str | None:
    """The first of `tables`, or of their columns, that a database does not have, in words; `there`: what it has, the
    names of columns by those of tables."""
    for table in tables:
        if table.name not in there:
            return f"the table {table.name!r}"
        for column in table.columns:
            if column.name not in there[table.name]:
                return f"the column {column.name!r} of the table {table.name!r}"
    return None
