"""Files: what scans found, in which role, and how they fared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from indexer.catalog import stored
from indexer.catalog.contents import Contents
from indexer.catalog.items import Items
from indexer.catalog.possible import is_possible
from indexer.catalog.roots import Roots
from indexer.catalog.schema import ABSENT, FORGOTTEN, HIDDEN, IGNORED, VANISHED, file, item
from indexer.catalog.statements import bounds, chunks, has_vector, id_chunks
from indexer.catalog.transaction import Part
from indexer.images import sniff
from indexer.memory import without_amounts
from indexer.path_forms import spellings
from indexer.types import Candidate, Said

_COLUMNS = ("size", "mtime_ns", "ctime_ns", "role", "state", "reason", "content_id", "digest", "format_reader")
_SAYING = ("said", "about")
_OF_ID = file.c.id == bindparam("of_id")
_UPDATE = update(file).where(_OF_ID).values({name: bindparam(name) for name in (*_COLUMNS, *_SAYING)})
_FAIL = update(file).where(_OF_ID).values({name: bindparam(name) for name in ("state", "reason", "size", "mtime_ns")})
#: What is kept of a forgotten file that texts name: its path, and a size that no file has.
_FORGOTTEN = {
    "size": -1,
    "mtime_ns": 0,
    "ctime_ns": None,
    "role": "other",
    "state": FORGOTTEN,
    "reason": None,
    "content_id": None,
    "digest": None,
    "item_count": 0,
    "said": None,
    "about": None,
}
_TIME = update(file).where(_OF_ID).values(ctime_ns=bindparam("ctime_ns"))


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file as it now is. `content_id` of a photograph; `digest` the SHA-256 of the bytes. `said`: what it says of the
    photograph at the path `about`.

    `settled` False: it is to be looked at again on every run.
    """

    candidate: Candidate
    role: str
    state: str = "present"
    reason: str | None = None
    content_id: int | None = None
    digest: bytes | None = None
    settled: bool = True
    said: Said | None = None
    about: str | None = None


@dataclass(frozen=True, slots=True)
class FileFailure:
    """A file that could not be read.

    `keep`: the trouble may pass (permissions, a file in the middle of a change), so what is indexed of an earlier
    state stays to be found; otherwise its items are hidden. It is tried again on the next run. `role`: "folder" for one
    that could not be looked into.
    """

    candidate: Candidate
    reason: str
    keep: bool
    role: str = "image"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`current`: row ids, by path, of files that are recorded as they now are, with nothing wrong, but for the time of
    their status. `altered`: paths of files that hold other bytes than are recorded, though size and times are the same;
    the time of their status only where that was asked.
    """

    current: Mapping[str, int]
    altered: Sequence[str]


class Files(Part):
    """Files by path. In each list a path or a file may be named once."""

    # -- reading --------------------------------------------------------------------------------------------

    def content_at(self, path: str, encoder_row: int) -> int | None:
        """Row id of the content of the photograph at a path, if it has a vector under the encoder.

        Of paths that look alike (Unicode's forms C and D) the one that is written just so comes first.
        """
        found = (file.c.state == "present", has_vector(file.c.content_id, encoder_row))
        for spelling in spellings(path):
            content_id = self._read(select(file.c.content_id).where(file.c.path == spelling, *found)).scalar()
            if content_id is not None:
                return int(content_id)
        return None

    def compare(self, records: Sequence[FileRecord], *, any_status: bool = False) -> Comparison:
        """What is recorded of files, against what they now are. `any_status`: what holds other bytes is `altered`
        also where the time of its status is another."""
        rows = self._at([record.candidate.path for record in records])
        current: dict[str, int] = {}
        altered: list[str] = []
        for record in records:
            candidate = record.candidate
            row = rows.get(candidate.path)
            if row is None or (row.size, row.mtime_ns) != (candidate.size, candidate.mtime_ns):
                continue
            if (row.role, row.content_id, row.digest) != (record.role, record.content_id, record.digest):
                same_status = any_status or row.ctime_ns in (candidate.ctime_ns, None)
                if None not in (row.digest, record.digest) and same_status:
                    altered.append(candidate.path)
                continue
            if (row.said, row.about) != (stored.said_text(record.said), record.about):
                continue
            read = row.role == "image" or row.format_reader >= _reader(record)
            if read and row.state == "present" and row.reason is None:
                current[candidate.path] = row.id
        return Comparison(current, altered)

    def holding(self, content_ids: Sequence[int]) -> list[tuple[int, str, int]]:
        """(row id, path, content id) of the files that hold these photographs, vanished ones too."""
        columns = (file.c.id, file.c.path, file.c.content_id)
        found: list[tuple[int, str, int]] = []
        for chunk in id_chunks(content_ids):
            rows = self._read(select(*columns).where(file.c.content_id.in_(chunk)).order_by(file.c.id))
            found += [(number, path, content_id) for number, path, content_id in rows]
        return found

    def paths_of(self, content_ids: Sequence[int]) -> dict[int, list[str]]:
        """Where the photographs with these contents are, by content, in the order in which they came."""
        found: defaultdict[int, list[str]] = defaultdict(list)
        columns = (file.c.content_id, file.c.path)
        for chunk in id_chunks(content_ids):
            there = (file.c.content_id.in_(chunk), file.c.state == "present", is_possible(file))
            for content_id, path in self._read(select(*columns).where(*there).order_by(file.c.id)):
                found[content_id].append(path)
        return found

    def failures(self) -> list[tuple[str, str]]:
        """(path, reason) of every file, and folder, whose last reading failed, by path."""
        failed = (file.c.reason.is_not(None), file.c.state.not_in(HIDDEN))
        statement = select(file.c.path, file.c.reason).where(*failed).order_by(file.c.path)
        return [(path, reason) for path, reason in self._read(statement)]

    def forgotten(self) -> list[str]:
        """Paths of files that were forgotten, and that captions elsewhere name."""
        return list(self._read(select(file.c.path).where(ABSENT, file.c.state == FORGOTTEN)).scalars())

    def photographs_at(self, paths: Sequence[str]) -> set[str]:
        """Those of `paths` at which a photograph is recorded: one that is there, or that is marked as gone by this run
        or an earlier one, or left out; none that was forgotten."""
        found: set[str] = set()
        for chunk in chunks(paths):
            which = (file.c.path.in_(chunk), file.c.role == "image", file.c.state != FORGOTTEN)
            found.update(self._read(select(file.c.path).where(*which)).scalars())
        return found

    def captions(self) -> Iterator[str]:
        """The paths of the captions files that are there, in no order."""
        which = (file.c.role == "captions", file.c.state == "present")
        yield from self._read(select(file.c.path).where(*which)).scalars()

    def others(self) -> Iterator[str]:
        """The paths of the files that are there and neither images nor captions, in no order."""
        which = (file.c.role == "other", file.c.state == "present")
        yield from self._read(select(file.c.path).where(*which)).scalars()

    def counts(self) -> dict[str, int]:
        """How many files `failed`, `vanished`, are `ignored`, or are there and of `other` kinds than are indexed."""
        counted = {
            "failed": (ABSENT, file.c.state == "failed"),
            "vanished": (ABSENT, file.c.state == VANISHED),
            "ignored": (ABSENT, file.c.state == IGNORED),
            "other": (file.c.role == "other", file.c.state == "present"),
        }
        rows = select(func.count()).select_from(file)
        return {name: self._read(rows.where(*which)).scalar_one() for name, which in counted.items()}

    def _at(self, paths: Sequence[str]) -> dict[str, Row]:  # type: ignore[type-arg]
        """What is recorded of the files at these paths."""
        found: dict[str, Row] = {}  # type: ignore[type-arg]
        for chunk in chunks(paths):
            found.update((row.path, row) for row in self._read(select(file).where(file.c.path.in_(chunk))))
        return found

    # -- writing --------------------------------------------------------------------------------------------

    def save(self, records: Sequence[FileRecord]) -> list[int]:
        """Record files as they now are; returns their row ids, in order."""
        before = self._at([record.candidate.path for record in records])
        new: list[dict[str, object]] = []
        changed: list[dict[str, object]] = []
        for record in records:
            row = before.get(record.candidate.path)
            values = {
                "size": record.candidate.size,
                "mtime_ns": record.candidate.mtime_ns,
                "ctime_ns": record.candidate.ctime_ns,
                "role": record.role,
                "state": record.state,
                "reason": record.reason,
                "content_id": record.content_id,
                "digest": record.digest,
                "format_reader": _reader(record),
                "said": stored.said_text(record.said),
                "about": record.about,
            }
            if row is None:
                new.append({"path": record.candidate.path, **values})
            else:
                changed.append({"of_id": row.id, **values})
                if row.about not in (None, record.about):
                    self._transaction.retold_paths.add(row.about)
                if row.content_id not in (None, record.content_id):
                    self._transaction.lets_go([row.content_id])
        ids = {path: int(row.id) for path, row in before.items()}
        if changed:
            self._write(_UPDATE, changed)
        if new:
            self._write(insert(file), new)
            added = self._at([record.candidate.path for record in records if record.candidate.path not in before])
            ids |= {path: int(row.id) for path, row in added.items()}
        self._transaction.restated_files.update(ids.values())
        # The texts about what was hidden can be found again.
        Items(self._transaction).touch([row.id for row in before.values() if row.state in HIDDEN], about=True)
        return [ids[record.candidate.path] for record in records]

    def set_ctimes(self, ctimes: Mapping[int, int]) -> None:
        """Record of files, by row id, when their status changed last. No search could see it."""
        if ctimes:
            rows = [{"of_id": file_id, "ctime_ns": ctime_ns} for file_id, ctime_ns in ctimes.items()]
            self._write(_TIME, rows)
            self._transaction.restated_files.update(ctimes)

    def fail(self, failures: Sequence[FileFailure]) -> dict[str, int]:
        """Record that files could not be read. Returns the row ids, by path, of those that failed before
        as they are, for the same reason."""
        rows = self._at([failure.candidate.path for failure in failures])
        changed: list[dict[str, object]] = []
        hidden: list[int] = []
        new: list[FileRecord] = []
        known: dict[str, int] = {}
        for failure in failures:
            row, now = rows.get(failure.candidate.path), failure.candidate
            if row is None:
                new.append(FileRecord(now, failure.role, "failed", failure.reason))
                continue
            if (row.size, row.mtime_ns) == (now.size, now.mtime_ns) and _is_same(row.reason, failure.reason):
                known[now.path] = row.id
            stays = row.state == "failed" or (failure.keep and row.state == "present")
            state = row.state if stays else "failed"
            # What is kept of an earlier state keeps its size and time: they say whether it is still that state.
            size, mtime_ns = (now.size, now.mtime_ns) if state == "failed" else (row.size, row.mtime_ns)
            values = {"state": state, "reason": failure.reason, "size": size, "mtime_ns": mtime_ns}
            changed.append({"of_id": row.id, **values})
            if not stays:
                hidden.append(row.id)
        if changed:
            self._write(_FAIL, changed)
            self._transaction.restated_files.update(int(str(each["of_id"])) for each in changed)
        if new:
            self.save(new)
        Items(self._transaction).touch(hidden)
        return known

    def mark_present(self, file_ids: Sequence[int]) -> None:
        """Files that had vanished, failed or been left out are there again, as they were."""
        self._mark(file_ids, {"state": "present", "reason": None})

    def mark_vanished(self, file_ids: Sequence[int]) -> None:
        """Files are no longer there: their items are hidden, their embeddings are kept."""
        self._mark(file_ids, {"state": VANISHED})  # a reason stays: what failed is read when it is back

    def mark_ignored(self, file_ids: Sequence[int]) -> None:
        """Patterns leave these files out now: their items are hidden, their embeddings are kept."""
        self._mark(file_ids, {"state": IGNORED})

    def _mark(self, file_ids: Sequence[int], values: Mapping[str, str | None]) -> None:
        for chunk in id_chunks(file_ids):
            self._write(update(file).where(file.c.id.in_(chunk)).values(**values))
            telling = select(file.c.id).where(file.c.id.in_(chunk), file.c.role == "captions")
            self._transaction.restated_files.update(self._read(telling).scalars())
        Items(self._transaction).touch(file_ids, about=True)

    def delete(self, file_ids: Sequence[int]) -> None:
        """Delete files, and what was found in them."""
        for chunk in id_chunks(file_ids):
            self._delete(file.c.id.in_(chunk))

    def forget(self, path: str) -> int:
        """Delete the file at `path`, or everything below it, and roots there. Returns how many files went."""
        low, high = bounds(path)
        Roots(self._transaction).delete_below(path)
        count = self._delete(or_(file.c.path == path, and_(file.c.path > low, file.c.path < high)))
        # Of what was never indexed, captions may speak all the same.
        Items(self._transaction).delete_about(or_(item.c.about == path, and_(item.c.about > low, item.c.about < high)))
        Contents(self._transaction).delete_let_go()
        return count

    def forget_vanished(self) -> int:
        """Delete every file that is marked as vanished. Returns how many."""
        return self._delete(and_(ABSENT, file.c.state == VANISHED))

    def _delete(self, which: ColumnElement[bool]) -> int:
        """Texts of other files about what is deleted go too. Of what they name the path is kept, and nothing else: so
        that these files do not bring them back."""
        rows = self._read(
            select(file.c.id, file.c.path, file.c.state, file.c.content_id, file.c.about).where(which)
        ).all()
        self._transaction.retold_paths.update(row.about for row in rows if row.about is not None)
        self._transaction.lets_go(row.content_id for row in rows)
        Items(self._transaction).delete_of_files([row.id for row in rows])
        for chunk in id_chunks([row.id for row in rows]):
            saying = file.alias()
            said_of = or_(exists().where(item.c.about == file.c.path), exists().where(saying.c.about == file.c.path))
            named = select(file.c.id).where(file.c.id.in_(chunk), said_of)
            kept = self._read(named).scalars().all()
            if kept:
                self._write(update(file).where(file.c.id.in_(kept)).values(_FORGOTTEN))
                Items(self._transaction).delete_about(item.c.about.in_(select(file.c.path).where(file.c.id.in_(kept))))
            kept = [*kept, *(row.id for row in rows if row.state == FORGOTTEN)]
            self._write(delete(file).where(file.c.id.in_(set(chunk).difference(kept))))
        for paths in chunks([row.path for row in rows]):
            about = self._read(select(file.c.about).where(file.c.about.in_(paths))).scalars()
            self._transaction.retold_paths.update(about)
            self._write(update(file).where(file.c.about.in_(paths)).values(said=None, about=None))
        Contents(self._transaction).delete_let_go()
        return sum(row.state != FORGOTTEN for row in rows)


def _is_same(before: str | None, now: str) -> bool:
    """Whether a file fails as it did before; how much memory is left for it is another amount each time."""
    return before == now or (before is not None and without_amounts(before) == without_amounts(now))


def _reader(record: FileRecord) -> int:
    """Version of what read a file; one before the first is looked at again."""
    return sniff.FORMAT_READER if record.settled else 0
