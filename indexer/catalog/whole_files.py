"""Files with everything that came from them, as another store takes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select

from indexer.catalog import stored
from indexer.catalog.files import FileRecord
from indexer.catalog.items import Wanted
from indexer.catalog.moves import is_in
from indexer.catalog.schema import content, file, item
from indexer.catalog.statements import bounds, chunks, id_chunks
from indexer.catalog.transaction import Part
from indexer.images import sniff
from indexer.types import Candidate, Kind


@dataclass(frozen=True, slots=True)
class WholeFile:
    """What is recorded of a file, and its items in their order; contents by the row ids of this store."""

    record: FileRecord
    items: tuple[Wanted, ...]

    @property
    def contents(self) -> set[int]:
        """All of them."""
        own = set() if self.record.content_id is None else {self.record.content_id}
        return own.union(each[1] for each in self.items)


class WholeFiles(Part):
    """Files page by page, ascending by their row ids."""

    def page(self, after: int, limit: int, folder: str | None = None) -> tuple[list[WholeFile], int]:
        """The next files behind the row id `after`, and the id of the last one. `folder`: those at and below it alone,
        and of captions files elsewhere what they say of photographs there."""
        which: ColumnElement[bool] = file.c.id > after
        if folder is not None:
            telling = exists().where(item.c.file_id == file.c.id, _below(item.c.about, folder))
            which = and_(which, or_(_below(file.c.path, folder), telling))
        rows = self._read(select(file).where(which).order_by(file.c.id).limit(limit)).all()
        items = self._items([row.id for row in rows])
        found = []
        for row in rows:
            own = items.get(row.id, [])
            if folder is not None and not is_in(row.path, folder):
                own = [each for each in own if each[2] is not None and is_in(each[2], folder)]
            found.append(WholeFile(_record(row), tuple(own)))
        return found, rows[-1].id if rows else after

    def at(self, paths: Sequence[str]) -> dict[int, WholeFile]:
        """The files at these paths, by their row ids; those of which nothing is known are left out."""
        found: dict[int, WholeFile] = {}
        for chunk in chunks(paths):
            rows = self._read(select(file).where(file.c.path.in_(chunk))).all()
            items = self._items([row.id for row in rows])
            found |= {row.id: WholeFile(_record(row), tuple(items.get(row.id, ()))) for row in rows}
        return found

    def contents(self, content_ids: Sequence[int]) -> dict[int, tuple[bytes, Kind]]:
        """Digests and kinds of contents."""
        found: dict[int, tuple[bytes, Kind]] = {}
        columns = select(content.c.id, content.c.digest, content.c.kind)
        for chunk in id_chunks(content_ids):
            for number, digest, kind in self._read(columns.where(content.c.id.in_(chunk))):
                found[number] = (digest, kind)
        return found

    def _items(self, file_ids: Sequence[int]) -> dict[int, list[Wanted]]:
        found: defaultdict[int, list[Wanted]] = defaultdict(list)
        columns = (item.c.file_id, item.c.kind, item.c.content_id, item.c.about, item.c.text)
        for chunk in id_chunks(file_ids):
            for row in self._read(select(*columns).where(item.c.file_id.in_(chunk)).order_by(item.c.id)):
                found[row.file_id].append((row.kind, row.content_id, row.about, row.text))
        return found


def _record(row: Any) -> FileRecord:
    return FileRecord(
        Candidate(row.path, row.size, row.mtime_ns, row.ctime_ns),
        row.role,
        row.state,
        row.reason,
        row.content_id,
        row.digest,
        row.format_reader >= sniff.FORMAT_READER,
        stored.said(row.said),
        row.about,
    )


def _below(path: Any, folder: str) -> ColumnElement[bool]:
    low, high = bounds(folder)
    return or_(path == folder, and_(path > low, path < high))
