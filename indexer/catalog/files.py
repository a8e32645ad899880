"""What a batch can do to files and their items.

Everything goes through lists, as in `contents`; a path or a file may be named once in each.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, delete, func, insert, or_, select, update

from indexer.catalog.contents import ContentWrites
from indexer.catalog.schema import file, item, meta, tombstone
from indexer.catalog.statements import CHUNK, ITEMS, chunks
from indexer.types import Candidate, Kind

#: An item that a file is to have: (kind, content id, about, text).
Wanted = tuple[Kind, int, str | None, str | None]

_FILE_COLUMNS = ("size", "mtime_ns", "role", "state", "reason", "content_id", "digest")
_UPDATE_FILE = (
    update(file).where(file.c.id == bindparam("of_id")).values({name: bindparam(name) for name in _FILE_COLUMNS})
)
_FAIL_FILE = (
    update(file).where(file.c.id == bindparam("of_id")).values(state=bindparam("state"), reason=bindparam("reason"))
)
_ITEM_COLUMNS = ("content_id", "about", "text", "generation")
_UPDATE_ITEM = (
    update(item).where(item.c.id == bindparam("of_id")).values({name: bindparam(name) for name in _ITEM_COLUMNS})
)


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file as it now is. `content_id` of a photograph; `digest` the SHA-256 of the bytes."""

    candidate: Candidate
    role: str
    state: str = "present"
    reason: str | None = None
    content_id: int | None = None
    digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class FileFailure:
    """A file that could not be read.

    `keep`: the trouble may pass (permissions, a file in the middle of a change), so what is indexed of an earlier
    state stays to be found; otherwise its items are hidden. It is tried again on the next run.
    """

    candidate: Candidate
    reason: str
    keep: bool


class FileWrites(ContentWrites):
    """Writes of files and items."""

    def set_files(self, records: Sequence[FileRecord]) -> list[int]:
        """Record files as they now are; returns their row ids, in order."""
        before = self._at([record.candidate.path for record in records])
        new: list[dict[str, object]] = []
        changed: list[dict[str, object]] = []
        for record in records:
            row = before.get(record.candidate.path)
            values = {
                "size": record.candidate.size,
                "mtime_ns": record.candidate.mtime_ns,
                "role": record.role,
                "state": record.state,
                "reason": record.reason,
                "content_id": record.content_id,
                "digest": record.digest,
            }
            if row is None:
                new.append({"path": record.candidate.path, **values})
            else:
                changed.append({"of_id": row.id, **values})
        ids = {path: int(row.id) for path, row in before.items()}
        if changed:
            self._connection.execute(_UPDATE_FILE, changed)
        if new:
            self._connection.execute(insert(file), new)
            added = self._at([record.candidate.path for record in records if record.candidate.path not in before])
            ids |= {path: int(row.id) for path, row in added.items()}
        # The texts about what had vanished can be found again.
        self._touch([row.id for row in before.values() if row.state == "vanished"], about=True)
        return [ids[record.candidate.path] for record in records]

    def set_file(
        self,
        candidate: Candidate,
        *,
        role: str,
        state: str = "present",
        reason: str | None = None,
        content_id: int | None = None,
        digest: bytes | None = None,
    ) -> int:
        """Record one file as it now is; returns its row id."""
        return self.set_files([FileRecord(candidate, role, state, reason, content_id, digest)])[0]

    def _at(self, paths: Sequence[str]) -> dict[str, Row]:  # type: ignore[type-arg]
        """What is recorded of the files at these paths."""
        columns = (file.c.path, file.c.id, file.c.size, file.c.mtime_ns, file.c.content_id, file.c.state, file.c.reason)
        found: dict[str, Row] = {}  # type: ignore[type-arg]
        for start in range(0, len(paths), CHUNK):
            statement = select(*columns).where(file.c.path.in_(paths[start : start + CHUNK]))
            found.update((row.path, row) for row in self._connection.execute(statement))
        return found

    def current(self, photographs: Mapping[Candidate, int]) -> set[Candidate]:
        """Those photographs (with their content ids) that are recorded as they now are, with nothing wrong."""
        rows = self._at([candidate.path for candidate in photographs])
        return {
            candidate
            for candidate, content_id in photographs.items()
            if (row := rows.get(candidate.path)) is not None
            and (row.size, row.mtime_ns, row.content_id) == (candidate.size, candidate.mtime_ns, content_id)
            and row.state == "present"
            and row.reason is None
        }

    def fail_files(self, failures: Sequence[FileFailure]) -> None:
        """Record that files could not be read."""
        rows = self._at([failure.candidate.path for failure in failures])
        changed: list[dict[str, object]] = []
        hidden: list[int] = []
        new: list[FileRecord] = []
        for failure in failures:
            row = rows.get(failure.candidate.path)
            if row is None:
                new.append(FileRecord(failure.candidate, "image", "failed", failure.reason))
                continue
            stays = row.state == "failed" or (failure.keep and row.state == "present")
            changed.append({"of_id": row.id, "state": row.state if stays else "failed", "reason": failure.reason})
            if not stays:
                hidden.append(row.id)
        if changed:
            self._connection.execute(_FAIL_FILE, changed)
        if new:
            self.set_files(new)
        self._touch(hidden)

    def set_items_of(self, wanted: Mapping[int, Sequence[Wanted]]) -> None:
        """Make the items of files exactly those that are wanted, in order.

        Items that are already there as wanted keep their ids; a photograph keeps its id when its content changes.
        New ids ascend in the order of `wanted`.
        """
        if not wanted:
            return
        generation = self.generation
        have = self._items_of(list(wanted))
        changed: list[dict[str, object]] = []
        new: list[dict[str, object]] = []
        gone: list[int] = []
        for file_id, items in wanted.items():
            image_id: int | None = None
            texts: dict[Wanted, int] = {}
            for row in have.get(file_id, ()):
                key = (row.kind, row.content_id, row.about, row.text)
                if row.kind == "image":
                    image_id = row.id
                elif key in texts:
                    gone.append(row.id)
                else:
                    texts[key] = row.id
            for one in dict.fromkeys(items):
                kind, content_id, about, text = one
                values = {"content_id": content_id, "about": about, "text": text, "generation": generation}
                if kind == "image" and image_id is not None:
                    changed.append({"of_id": image_id, **values})
                    image_id = None
                elif texts.pop(one, None) is None:
                    new.append({"file_id": file_id, "kind": kind, **values})
            gone += texts.values()
            if image_id is not None:
                gone.append(image_id)
        self._touch(list(have))
        if changed:
            self._connection.execute(_UPDATE_ITEM, changed)
        if new:
            self._connection.execute(insert(item), new)
            self._count_items(Counter(row["kind"] for row in new))
        self.delete_items(gone)

    def set_items(self, file_id: int, wanted: Sequence[Wanted]) -> None:
        """Make one file's items exactly those that are wanted."""
        self.set_items_of({file_id: wanted})

    def _items_of(self, file_ids: Sequence[int]) -> dict[int, list[Row]]:  # type: ignore[type-arg]
        columns = (item.c.id, item.c.file_id, item.c.kind, item.c.content_id, item.c.about, item.c.text)
        found: defaultdict[int, list[Row]] = defaultdict(list)  # type: ignore[type-arg]
        for chunk in chunks(file_ids):
            statement = select(*columns).where(item.c.file_id.in_(chunk)).order_by(item.c.id)
            for row in self._connection.execute(statement):
                found[row.file_id].append(row)
        return found

    def set_present(self, file_ids: Sequence[int]) -> None:
        """Files that had vanished or failed are there again, as they were."""
        for chunk in chunks(file_ids):
            self._connection.execute(update(file).where(file.c.id.in_(chunk)).values(state="present", reason=None))
        self._touch(file_ids, about=True)

    def set_vanished(self, file_ids: Sequence[int]) -> None:
        """Files are no longer there: their items are hidden, their embeddings are kept."""
        for chunk in chunks(file_ids):
            self._connection.execute(update(file).where(file.c.id.in_(chunk)).values(state="vanished", reason=None))
        self._touch(file_ids, about=True)

    def _touch(self, file_ids: Sequence[int], *, about: bool = False) -> None:
        """The items of these files changed for a search; `about`: and so did the texts about these files."""
        for chunk in chunks(file_ids):
            changed: ColumnElement[bool] = item.c.file_id.in_(chunk)
            if about:
                changed = or_(changed, item.c.about.in_(select(file.c.path).where(file.c.id.in_(chunk))))
            self._connection.execute(update(item).where(changed).values(generation=self.generation))

    def delete_items(self, ids: Sequence[int]) -> None:
        """Delete items, leaving tombstones for the indexes that still hold them."""
        for chunk in chunks(ids):
            kinds = self._connection.execute(select(item.c.id, item.c.kind).where(item.c.id.in_(chunk))).all()
            if kinds:
                graves = [{"item_id": row.id, "kind": row.kind, "generation": self.generation} for row in kinds]
                self._connection.execute(insert(tombstone), graves)
                self._connection.execute(delete(item).where(item.c.id.in_(chunk)))
                self._count_items({kind: -count for kind, count in Counter(row.kind for row in kinds).items()})

    def _count_items(self, changes: Mapping[Any, int]) -> None:
        """Keep the number of items of each kind, after so many came or went; an older store has none to begin with."""
        for kind, change in changes.items():
            key = f"{ITEMS}{kind}"
            kept = self._connection.execute(select(meta.c.value).where(meta.c.key == key)).scalar()
            if kept is not None and kept.isdigit():
                count = int(kept) + change
            else:
                count = self._connection.execute(select(func.count()).where(item.c.kind == kind)).scalar_one()
            self._set(key, str(count))
