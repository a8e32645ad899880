"""What is known of each photograph in columns that filters ask: when, where, with what, in which folder.

The lens of a photograph, and what a file beside it says of it. Facts are derived from these and from the rows that are
there; whoever runs the migrations makes them (`facts.py`), as the rules by which they are made change more often.
The table of words (`full_text.py`) comes with them and is filled in the same way (`words.py`).
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Connection,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

from indexer.catalog import full_text
from indexer.catalog.sqlite import go_with_items, keep_sums, partial


def apply(connection: Connection) -> None:
    """Add the columns, empty, and the tables, whose rows go with their photographs."""
    connection.execute(text("ALTER TABLE photo ADD COLUMN lens TEXT"))
    connection.execute(text("ALTER TABLE file ADD COLUMN said TEXT"))
    connection.execute(text("ALTER TABLE file ADD COLUMN about BLOB"))
    for table in ("photo", "file"):
        keep_sums(connection, table)
    metadata = MetaData()
    device = Table(
        "device",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("text", Text, nullable=False, unique=True),
        Column("folded", Text, nullable=False),
    )
    folder = Table(
        "folder",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("path", LargeBinary, nullable=False, unique=True),
        Column("folded", Text, nullable=False),
    )
    fact = Table(
        "fact",
        metadata,
        Column("item_id", Integer, primary_key=True),
        Column("file_id", Integer, nullable=False),
        Column("date", Integer),
        Column("date_from", Text),
        Column("month", Integer),
        Column("latitude", Float),
        Column("longitude", Float),
        Column("x", Float),
        Column("y", Float),
        Column("z", Float),
        Column("city", Integer),
        Column("country", Text),
        Column("camera_id", Integer),
        Column("lens_id", Integer),
        Column("folder_id", Integer, nullable=False),
        Column("name", Text, nullable=False),
        Column("type", Text),
        Column("size", Integer, nullable=False),
        Column("width", Integer),
        Column("height", Integer),
        Column("captioned", Integer, nullable=False),
        Column("keyworded", Integer, nullable=False),
    )
    Index("fact_file", fact.c.file_id)
    Index("fact_date", fact.c.date)
    Index("fact_folder", fact.c.folder_id)
    Index("fact_place", fact.c.latitude, fact.c.longitude, **partial(fact.c.latitude.is_not(None)))
    Index("fact_camera", fact.c.camera_id)
    Index("fact_lens", fact.c.lens_id)
    about = Table("file", MetaData(), Column("about", LargeBinary)).c.about
    Index("file_about", about, **partial(about.is_not(None))).create(connection)
    metadata.create_all(connection, [device, folder, fact], checkfirst=False)
    go_with_items(connection, "fact")
    full_text.make(connection)
