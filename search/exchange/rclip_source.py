"""The database of rclip 3 and 4 (tried with what 3.3.0 and 4.0.8 write): a table `images` with the path, size, time of
change and vector of each photograph.

Their vectors are of unit norm, float32, by open_clip's ViT-B-32-256/datacomp_s34b_b86k; those of earlier versions are
of another encoder, and rclip itself deletes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np
from sqlalchemy import Engine, column, create_engine, func, inspect, select, table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from indexer.errors import UsageError
from indexer.pipeline.take_over import GivenImage
from indexer.types import Float32
from search.exchange.batches import AT_ONCE
from search.exchange.source import SourceRow, damaged

#: What the vectors of these versions of its database were made with.
ENCODER: Final = "open_clip:ViT-B-32-256/datacomp_s34b_b86k"
#: rclip before 3.3 writes 3; 4 adds a column with a hash of the first and last bytes of each file.
VERSIONS: Final = (3, 4)
DIMENSION: Final = 512
_NAMES: Final = ("id", "deleted", "filepath", "modified_at", "size", "vector")
_IMAGES: Final = table("images", *(column(name) for name in _NAMES))
_THERE: Final = (_IMAGES.c.deleted.is_(None),)
_VERSION: Final = table("db_version", column("version"))


class RclipSource:
    """Follows `Source`."""

    name = "database of rclip"
    identity = None
    encoder = ENCODER
    roots = ()
    tokens = None

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with self._engine().connect() as connection:
                tables = set(inspect(connection).get_table_names())
                if not {"images", "db_version"} <= tables:
                    raise damaged(path, "it has no table of rclip's")
                version = connection.execute(select(_VERSION.c.version)).scalar()
                odd = select(_IMAGES.c.id).where(*_THERE, func.length(_IMAGES.c.vector) != 4 * DIMENSION).limit(1)
                is_odd = version in VERSIONS and connection.execute(odd).first() is not None
        except SQLAlchemyError as error:
            raise damaged(path, "the database does not read") from error
        if version not in VERSIONS:
            raise UsageError(
                f"{path} is a database of rclip of version {version}, and those of rclip 3 and 4 (versions "
                f"{' and '.join(map(str, VERSIONS))}) can be imported; run one of these once."
            )
        if is_odd:
            raise damaged(path, f"a vector of it has not {DIMENSION} numbers")

    def batches(self) -> Iterator[tuple[list[SourceRow], Float32]]:
        """See `Source`."""
        after = -1
        try:
            with self._engine().connect() as connection:
                while True:
                    page = select(_IMAGES).where(_IMAGES.c.id > after, *_THERE).order_by(_IMAGES.c.id).limit(AT_ONCE)
                    rows = connection.execute(page).all()
                    if not rows:
                        return
                    after = rows[-1].id
                    yield [_row(row) for row in rows], np.array([np.frombuffer(row.vector, "<f4") for row in rows])
        except (SQLAlchemyError, ValueError, TypeError) as error:
            raise damaged(self._path, "a row of it does not read") from error

    def _engine(self) -> Engine:
        """To read alone, whatever lies there."""
        return create_engine(f"sqlite:///file:{quote(str(self._path))}?mode=ro&uri=true", poolclass=NullPool)


def _row(row: Any) -> SourceRow:
    if not isinstance(row.filepath, str) or not isinstance(row.size, int):
        raise ValueError("no row of rclip's")
    return SourceRow("image", GivenImage(row.filepath, None, row.size, round(float(row.modified_at) * 1e9)))
