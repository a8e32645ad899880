"""Files as a scan compares them with the disk: in the order of their paths, a page at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Integer, Select, select, type_coerce
from sqlalchemy.types import NullType

from indexer.catalog import stored
from indexer.catalog.catalog import Catalog
from indexer.catalog.schema import file, photo
from indexer.catalog.statements import bounds, chunks, has_tokens, has_vector
from indexer.catalog.transaction import Part

#: What the version of a reader is.
_READERS = {int, type(None)}
#: Rows of one page of `files_below`: large enough to cost nothing, small enough that no read stays open for long.
PAGE = 5_000


class KnownFile(NamedTuple):
    """What the catalog knows of a file. `encoded`: its photograph has a vector under the asked encoder.

    Where tokens were asked for too, `encoded` says that it has both. `key` is the path as the file system spells it.
    A tuple, because a scan makes one of every file: it costs a quarter of what an object with frozen fields does.
    """

    key: bytes
    size: int
    mtime_ns: int
    id: int
    role: str
    state: str
    reason: str | None
    encoded: int  # 0 or 1
    format_reader: int
    metadata_reader: int | None  # of its photograph; None: it is none, or what it says was lost
    ctime_ns: int | None = None  # None: indexed by a version that did not ask

    @property
    def path(self) -> str:
        """The path as the rest of the program names it."""
        return os.fsdecode(self.key)


class KnownFiles(Part):
    """Files by path, in their order."""

    def page(
        self, folder: str, encoder_row: int | None, after: str | None, limit: int, *, tokens: bool = False
    ) -> list[KnownFile]:
        """Files at or below `folder` whose path is above `after`, ascending by the bytes of their paths."""
        low, high = bounds(folder)
        statement = self._statement(encoder_row, tokens=tokens)
        rows: list[KnownFile] = []
        if after is None:  # the root may be a single file
            rows = [KnownFile._make(row) for row in self._read(statement.where(file.c.path == folder))]
        page = (
            statement.where(file.c.path > (low if after is None else after), file.c.path < high)
            .order_by(file.c.path)
            .limit(limit)
        )
        rows += map(KnownFile._make, self._read(page))
        return _checked(rows)

    def at(self, paths: Sequence[str], encoder_row: int | None, *, tokens: bool = False) -> list[KnownFile]:
        """Files at these paths, ascending by their bytes."""
        statement = self._statement(encoder_row, tokens=tokens)
        rows: list[KnownFile] = []
        for chunk in chunks(paths):
            rows += map(KnownFile._make, self._read(statement.where(file.c.path.in_(chunk))))
        return _checked(sorted(rows, key=itemgetter(0)))

    def _statement(self, encoder_row: int | None, *, tokens: bool) -> Select[Any]:
        encoded = has_vector(file.c.content_id, encoder_row)
        if tokens:
            encoded &= has_tokens(file.c.content_id, encoder_row)
        key = type_coerce(file.c.path, NullType)  # the bytes as they are
        columns = (key, file.c.size, file.c.mtime_ns, file.c.id, file.c.role, file.c.state)
        reason = type_coerce(file.c.reason, NullType)
        rest = (file.c.format_reader, photo.c.metadata_reader, file.c.ctime_ns)
        return select(*columns, reason, type_coerce(encoded, Integer), *rest).join(
            photo, photo.c.content_id == file.c.content_id, isouter=True
        )


def _checked(rows: list[KnownFile]) -> list[KnownFile]:
    for of_reader in (itemgetter(8), itemgetter(9)):  # a scan compares them
        if not {*map(type, map(of_reader, rows))} <= _READERS:
            raise stored.damaged("what read a file")
    return rows


def files_below(catalog: Catalog, folder: str, encoder_row: int | None, *, tokens: bool = False) -> Iterator[KnownFile]:
    """Files at or below `folder`, ascending by the bytes of their paths; `tokens`: encoded means with tokens.

    Each page is a snapshot of its own, so that a long scan holds no read open (it would keep the log growing).
    """
    after: str | None = None
    while True:
        with catalog.snapshot() as snapshot:
            rows = KnownFiles(snapshot).page(folder, encoder_row, after, PAGE, tokens=tokens)
        yield from rows
        if len(rows) < PAGE:
            return
        after = rows[-1].path
