"""Items: what can be found, a photograph or a text; how many there are, what changed, and what is gone for good."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, delete, func, insert, or_, select, update

from indexer.catalog import stored
from indexer.catalog.expressions import among, is_whole, off_index
from indexer.catalog.meta import Meta
from indexer.catalog.photographs import metadata_of
from indexer.catalog.possible import is_possible
from indexer.catalog.schema import ABSENT, UNSPOKEN, file, item, photo, tombstone
from indexer.catalog.statements import VISIBLE, id_chunks
from indexer.catalog.transaction import Part
from indexer.errors import StoreDamagedError
from indexer.places.place_names import PlaceNames
from indexer.types import DateSource, Int64, Kind, Metadata

#: An item that a file is to have: (kind, content id, about, text).
Wanted = tuple[Kind, int, str | None, str | None]

#: What two items share that are one answer: their content, and for a text the photograph that it is about (its content,
#: or its path where that is not indexed).
Identity = tuple[int, int | str | None]

#: Keys of the `meta` table: how many items of a kind there are.
TOTAL = "items:"
#: Keys of the `meta` table: the generation of the index with which the tombstones of a kind went last.
BURIED = "buried:"
_COLUMNS = ("content_id", "about", "text", "generation")
_UPDATE = update(item).where(item.c.id == bindparam("of_id")).values({name: bindparam(name) for name in _COLUMNS})
_COUNT = update(file).where(file.c.id == bindparam("of_id")).values(item_count=bindparam("item_count"))


@dataclass(frozen=True, slots=True)
class Item:
    """What is stored of one item. `path` is the image's own, or for a text that of the image that it is about; `text`:
    None for images. `source`: the file that it came from. `metadata`: what the photograph says about itself, None for
    texts. `date`, `date_from`, `place` and `position`: as of hits (`search.Hit`), where items are listed."""

    id: int
    kind: Kind
    path: str
    text: str | None
    source: str
    metadata: Metadata | None
    date: datetime | None = None
    date_from: DateSource | None = None
    place: PlaceNames | None = None
    position: tuple[float, float] | None = None


class Items(Part):
    """Items by id, and those of files."""

    # -- reading --------------------------------------------------------------------------------------------

    def get(self, ids: Sequence[int]) -> dict[int, Item]:
        """What hits show, for visible items; ids that are gone are left out, and those of which a row is damaged, which
        `Transaction.left_out` tells."""
        found: dict[int, Item] = {}
        own = and_(is_whole(photo), is_possible(photo))
        right = and_(is_whole(item), is_possible(item), is_whole(file), is_possible(file))
        right = and_(right, or_(photo.c.content_id.is_(None), own))
        for chunk in id_chunks(ids):
            columns = (item.c.id, item.c.kind, item.c.text, item.c.about, file.c.path.label("source"), photo)
            there = _with_photo(*columns).where(item.c.id.in_(chunk), VISIBLE)
            rows = self._read(there.where(right)).all()
            for row in rows:
                path = row.about or row.source
                with suppress(StoreDamagedError):
                    found[row.id] = Item(row.id, row.kind, path, row.text, row.source, metadata_of(row))
            if len(rows) < len(chunk):
                wrong = _with_photo(item.c.id).where(item.c.id.in_(chunk), VISIBLE, ~right)
                self._leave_out(item.name, self._read(wrong).scalars())
            self._leave_out(item.name, (row.id for row in rows if row.id not in found))
        return found

    def identities(self, ids: Sequence[int]) -> dict[int, Identity]:
        """What makes each item one answer with its copies; ids that are gone are left out, and those of which a row is
        damaged, as in `get`."""
        found: dict[int, Identity] = {}
        described = file.alias()
        columns = (item.c.id, item.c.content_id, item.c.about, described.c.content_id.label("described"))
        statement = select(*columns).join(described, described.c.path == item.c.about, isouter=True)
        for chunk in id_chunks(ids):
            rows = self._read(statement.where(item.c.id.in_(chunk), is_possible(item))).all()
            for row in rows:
                found[row.id] = row.content_id, row.about if row.described is None else row.described
            if len(rows) < len(chunk):
                wrong = select(item.c.id).where(item.c.id.in_(chunk), ~is_possible(item))
                self._leave_out(item.name, self._read(wrong).scalars())
        return found

    def paths(self, ids: Sequence[int] | Int64) -> dict[int, str]:
        """By id the path of the file that each item came from, in one statement; ids that are gone are left out."""
        statement = select(item.c.id, file.c.path).join(file, file.c.id == item.c.file_id)
        return {row.id: row.path for row in self._read(statement.where(among(item.c.id, ids)))}

    def visible(self, ids: Sequence[int]) -> list[int]:
        """Those of them that can be found, in their order."""
        there: set[int] = set()
        for chunk in id_chunks(ids):
            statement = select(item.c.id).join(file, file.c.id == item.c.file_id)
            there.update(self._read(statement.where(item.c.id.in_(chunk), VISIBLE)).scalars())
        return [number for number in ids if number in there]

    def at(self, path: str) -> int | None:
        """Id of the photograph at a path."""
        statement = select(item.c.id).join(file, file.c.id == item.c.file_id)
        return self._read(statement.where(file.c.path == path, off_index(item.c.kind) == "image")).scalar()

    def of_kind(self, kind: Kind, ids: Sequence[int]) -> list[int]:
        """Those of `ids` that are items of a kind, ascending."""
        found: list[int] = []
        for chunk in id_chunks(ids):
            found += self._read(select(item.c.id).where(item.c.id.in_(chunk), off_index(item.c.kind) == kind)).scalars()
        return sorted(found)

    def newest(self) -> int:
        """The highest id of an item; 0 where there is none. Ids are never given twice."""
        return self._read(select(func.max(item.c.id))).scalar() or 0

    def newer(self, than: int) -> list[int]:
        """The ids above this one, ascending."""
        return list(self._read(select(item.c.id).where(item.c.id > than).order_by(item.c.id)).scalars())

    def total(self, kind: Kind) -> int:
        """How many items of a kind there are, visible or not. A batch keeps the number; an older store has to count."""
        kept = Meta(self._transaction).get(f"{TOTAL}{kind}")
        number = stored.whole_number(kept)
        if number is not None:
            return number
        return self._read(select(func.count()).where(item.c.kind == kind)).scalar_one()

    def count(self, kind: Kind) -> int:
        """How many items of a kind are visible: not those of absent files, nor texts about what is left out."""
        absent = item.c.file_id.in_(select(file.c.id).where(ABSENT))
        about = item.c.about.in_(select(file.c.path).where(ABSENT, file.c.state.in_(UNSPOKEN)))
        hidden = select(func.count()).select_from(item).where(off_index(item.c.kind) == kind, or_(absent, about))
        return self.total(kind) - self._read(hidden).scalar_one()

    def photographs(self, copies: Sequence[int]) -> int:
        """How many images are visible, copies of one as one. `copies`: the contents that more than one file holds."""
        same = (
            select(func.count().label("files"))
            .select_from(item)
            .join(file, file.c.id == item.c.file_id)
            .where(among(item.c.content_id, copies), off_index(item.c.kind) == "image", VISIBLE)
            .group_by(item.c.content_id)
            .subquery()
        )
        more = self._read(select(func.coalesce(func.sum(same.c.files - 1), 0))).scalar_one() if copies else 0
        return self.count("image") - int(more)

    def changed_count(self, kind: Kind, generation: int) -> int:
        """How many items of a kind changed or went after a generation."""
        total = 0
        for table in (item, tombstone):
            changed = (table.c.kind == kind, table.c.generation > generation)
            total += self._read(select(func.count()).select_from(table).where(*changed)).scalar_one()
        return total

    # -- writing --------------------------------------------------------------------------------------------

    def set_of_files(self, wanted: Mapping[int, Sequence[Wanted]], settled: Set[int] = frozenset()) -> None:
        """Make the items of files exactly those that are wanted, in order.

        Items that are already there as wanted keep their ids; a photograph keeps its id when its content changes.
        New ids ascend in the order of `wanted`. `settled`: files that are as they were, so that of their items only
        those changed that differ.
        """
        if not wanted:
            return
        self._transaction.restated_files.update(wanted)
        have = self._of_files(list(wanted))
        changed: list[dict[str, object]] = []
        new: list[dict[str, object]] = []
        gone: list[int] = []
        for file_id, items in wanted.items():
            image_id: int | None = None
            image_content = 0
            texts: dict[Wanted, int] = {}
            for row in have.get(file_id, ()):
                key = (row.kind, row.content_id, row.about, row.text)
                if row.kind == "image":
                    if image_id is not None:
                        gone.append(image_id)
                    image_id, image_content = row.id, row.content_id
                elif key in texts:
                    gone.append(row.id)
                else:
                    texts[key] = row.id
            for one in dict.fromkeys(items):
                kind, content_id, about, text = one
                said = {"content_id": content_id, "about": about, "text": text}
                if kind == "image" and image_id is not None:
                    changed.append({"of_id": image_id, **said})
                    if image_content != content_id:
                        self._transaction.let_go.add(image_content)
                    image_id = None
                elif texts.pop(one, None) is None:
                    new.append({"file_id": file_id, "kind": kind, **said})
            gone += texts.values()
            if image_id is not None:
                gone.append(image_id)
        self.touch([file_id for file_id in wanted if file_id not in settled])
        for values in (*changed, *new):  # not asked for when there are none: asking makes the transaction count
            values["generation"] = self._transaction.generation
        if changed:
            self._write(_UPDATE, changed)
        if new:
            self._write(insert(item), new)
            self._add_to_totals(Counter(row["kind"] for row in new))
        self.delete(gone)
        self._note_counts({file_id: len(dict.fromkeys(items)) for file_id, items in wanted.items()})

    def _note_counts(self, counts: Mapping[int, int]) -> None:
        """Record how many items files gave, of those of which another number stands there."""
        changed: list[dict[str, object]] = []
        for chunk in id_chunks(list(counts)):
            noted = self._read(select(file.c.id, file.c.item_count).where(file.c.id.in_(chunk)))
            changed += [
                {"of_id": row.id, "item_count": counts[row.id]} for row in noted if row.item_count != counts[row.id]
            ]
        if changed:
            self._write(_COUNT, changed)

    def _of_files(self, file_ids: Sequence[int]) -> dict[int, list[Row]]:  # type: ignore[type-arg]
        columns = (item.c.id, item.c.file_id, item.c.kind, item.c.content_id, item.c.about, item.c.text)
        found: defaultdict[int, list[Row]] = defaultdict(list)  # type: ignore[type-arg]
        for chunk in id_chunks(file_ids):
            for row in self._read(select(*columns).where(item.c.file_id.in_(chunk)).order_by(item.c.id)):
                found[row.file_id].append(row)
        return found

    def touch(self, file_ids: Sequence[int], *, about: bool = False) -> None:
        """The items of these files changed for a search; `about`: and so did the texts about these files."""
        for chunk in id_chunks(file_ids):
            changed: ColumnElement[bool] = item.c.file_id.in_(chunk)
            if about:
                changed = or_(changed, item.c.about.in_(select(file.c.path).where(file.c.id.in_(chunk))))
            self._write(update(item).where(changed).values(generation=self._transaction.generation))

    def delete_of_files(self, file_ids: Sequence[int]) -> None:
        """Delete the items of these files."""
        for chunk in id_chunks(file_ids):
            self.delete(self._read(select(item.c.id).where(item.c.file_id.in_(chunk))).scalars().all())

    def delete_about(self, which: ColumnElement[bool]) -> int:
        """Delete texts by what they are about, a condition on `item.about`; of their files nothing is missing then.
        Returns how many."""
        rows = self._read(select(item.c.id, item.c.file_id).where(which)).all()
        self.delete([row.id for row in rows])
        self._recount({row.file_id for row in rows})
        return len(rows)

    def _recount(self, file_ids: Set[int]) -> None:
        """What these files gave is what is there."""
        counts = dict.fromkeys(file_ids, 0)
        for chunk in id_chunks(list(file_ids)):
            numbers = select(item.c.file_id, func.count()).where(item.c.file_id.in_(chunk)).group_by(item.c.file_id)
            counts |= {row[0]: row[1] for row in self._read(numbers)}
        self._note_counts(counts)

    def delete(self, ids: Sequence[int]) -> None:
        """Delete items, leaving tombstones for the indexes that still hold them."""
        for chunk in id_chunks(ids):
            columns = (item.c.id, item.c.kind, item.c.content_id, item.c.about)
            kinds = self._read(select(*columns).where(item.c.id.in_(chunk))).all()
            if kinds:
                self._transaction.let_go.update(row.content_id for row in kinds)
                self._transaction.restated_paths.update(row.about for row in kinds if row.about is not None)
                generation = self._transaction.generation
                graves = [{"item_id": row.id, "kind": row.kind, "generation": generation} for row in kinds]
                self._write(insert(tombstone), graves)
                self._write(delete(item).where(item.c.id.in_(chunk)))
                self._add_to_totals({kind: -count for kind, count in Counter(row.kind for row in kinds).items()})

    def _add_to_totals(self, changes: Mapping[Any, int]) -> None:
        """After so many came or went; an older store has no number to begin with, and counts."""
        meta = Meta(self._transaction)
        for kind, change in changes.items():
            kept = meta.get(f"{TOTAL}{kind}")
            number = stored.whole_number(kept)
            if number is not None:
                count = max(number + change, 0)
            else:
                count = self._read(select(func.count()).where(item.c.kind == kind)).scalar_one()
            meta.set(f"{TOTAL}{kind}", str(count))

    def has_tombstones(self, kind: Kind, generation: int) -> bool:
        """Whether there are any that an index of this generation has no use for."""
        return self._read(select(tombstone.c.item_id).where(*_settled(kind, generation)).limit(1)).first() is not None

    def delete_tombstones(self, kind: Kind, generation: int) -> None:
        """An index of this generation was written: it holds nothing that was deleted up to then."""
        if self._write(delete(tombstone).where(*_settled(kind, generation))).rowcount:
            Meta(self._transaction).set(f"{BURIED}{kind}", str(generation))

    def buried(self, kind: Kind) -> int:
        """The generation up to which no tombstone of a kind is kept: an index of before may hold what is gone."""
        return stored.whole_number(Meta(self._transaction).get(f"{BURIED}{kind}")) or 0


def _with_photo(*columns: Any) -> Select[Any]:
    """Columns of items, of their files, and of what their photographs say."""
    return (
        select(*columns)
        .join(file, file.c.id == item.c.file_id)
        .join(photo, photo.c.content_id == item.c.content_id, isouter=True)
    )


def _settled(kind: Kind, generation: int) -> tuple[ColumnElement[bool], ...]:
    return tombstone.c.kind == kind, tombstone.c.generation <= generation
