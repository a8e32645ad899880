"""Files whose paths follow a folder that was moved."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, and_, bindparam, delete, func, or_, select, update

from indexer.catalog.items import Items
from indexer.catalog.schema import HIDDEN, exclusion, file, folder, item, root
from indexer.catalog.statements import bounds, chunks, id_chunks
from indexer.catalog.transaction import Part


class Named(NamedTuple):
    """What tells a file without reading it."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int | None  # None: no scan has noted it


class Moves(Part):
    """Everything at and below a folder, wherever the catalog names it."""

    # -- reading --------------------------------------------------------------------------------------------

    def names(self, path: str) -> bool:
        """Whether the catalog names a path, or one below it, anywhere: as that of a root, a file, an exclusion, or of
        what texts are about."""
        columns = (file.c.path, root.c.path, exclusion.c.path, item.c.about, file.c.about)
        statements = (select(column).where(_at_or_below(column, path)).limit(1) for column in columns)
        return any(self._read(statement).first() is not None for statement in statements)

    def folders(self) -> Iterator[str]:
        """The paths of the folders in which photographs lie, in no order."""
        yield from self._read(select(folder.c.path)).scalars()

    def kept_at(self, old: str, new: str) -> Iterator[str]:
        """Paths at and below `new` of files that are not marked as gone, and do not lie in `old` themselves, at which
        one that is not either would come to lie if `old` became `new`."""
        there = (_at_or_below(file.c.path, new), ~_at_or_below(file.c.path, old), file.c.state.not_in(HIDDEN))
        for chunk in id_chunks(self._read(select(file.c.id).where(*there).order_by(file.c.path)).scalars().all()):
            rows = self._read(select(file.c.path).where(file.c.id.in_(chunk)).order_by(file.c.path)).scalars().all()
            known = self.known([moved_path(path, new, old) for path in rows])
            yield from (path for path in rows if known.get(moved_path(path, new, old)))

    def present(self, folder: str, inner: Sequence[str] = (), *, hidden: bool = False) -> list[int]:
        """Row ids of the files at and below `folder` that are not marked as gone, by path; or of those that are
        (`hidden`). Not of those at and below `inner` folders, which are roots of their own."""
        state = file.c.state.in_(HIDDEN) if hidden else file.c.state.not_in(HIDDEN)
        others = [~_at_or_below(file.c.path, path) for path in inner]
        which = (_at_or_below(file.c.path, folder), *others, state, file.c.role != "folder")
        return list(self._read(select(file.c.id).where(*which).order_by(file.c.path)).scalars())

    def sample(self, folder: str, count: int, inner: Sequence[str] = ()) -> tuple[list[Named], bool]:
        """At most `count` of the files of a root, evenly spread by path, and whether they are marked as gone: such ones
        are taken where there are no others. `inner`: the roots below it.
        """
        ids, hidden = self.present(folder, inner), False
        if not ids:
            ids, hidden = self.present(folder, inner, hidden=True), True
        count = min(count, len(ids))
        chosen = [ids[at * len(ids) // count] for at in range(count)]
        rows = self._read(
            select(file.c.path, file.c.size, file.c.mtime_ns, file.c.ctime_ns).where(file.c.id.in_(chosen))
        )
        return [Named(*row) for row in rows], hidden

    def with_content(self, content_ids: Sequence[int]) -> Iterator[tuple[int, str]]:
        """(row id, path) of the files that hold these photographs and are not marked as gone."""
        for chunk in id_chunks(content_ids):
            which = (file.c.content_id.in_(chunk), file.c.state.not_in(HIDDEN))
            yield from ((number, path) for number, path in self._read(select(file.c.id, file.c.path).where(*which)))

    def changed(self, since: int) -> Iterator[tuple[str, int]]:
        """(path, content id) of the photographs that are there, and came, or changed, after a generation."""
        which = (item.c.kind == "image", item.c.generation > since, file.c.state == "present")
        columns = select(file.c.path, item.c.content_id).join(file, file.c.id == item.c.file_id)
        yield from ((path, number) for path, number in self._read(columns.where(*which)))

    def known(self, paths: Sequence[str]) -> dict[str, bool]:
        """Those of `paths` of which the catalog has a file, and whether it is one that can be found."""
        return {row.path: row.state not in HIDDEN for row in self._rows_at(paths)}

    # -- writing --------------------------------------------------------------------------------------------

    def move(self, old: str, new: str) -> int:
        """Let files, what texts are about, roots and exclusions follow `old` to `new`. Ids stay; nothing that a search
        ranks by changes. Returns how many files follow.

        Of two rows that come to one path, the one stays that is there already, unless it is marked as gone.
        """
        moved = 0
        # Shorter paths first: where `new` lies above `old`, one may come to lie where another was.
        for chunk in id_chunks(self._below(file.c.path, file.c.id, old)):
            rows = self._read(select(file.c.id, file.c.path).where(file.c.id.in_(chunk))).all()
            rows = sorted(rows, key=lambda row: len(row.path))
            places = {row.id: moved_path(row.path, old, new) for row in rows}
            taken = {row.path: row for row in self._rows_at(list(places.values())) if not is_in(row.path, old)}
            dropped = [number for number, path in places.items() if path in taken and taken[path].state not in HIDDEN]
            self._delete_files([*dropped, *(row.id for row in taken.values() if row.state in HIDDEN)])
            followed = [{"of_id": number, "place": path} for number, path in places.items() if number not in dropped]
            self._set(file.c.path, file.c.id, followed)
            self._transaction.restated_files.update(places.keys() - set(dropped))
            moved += len(followed)
        for chunk in id_chunks(self._below(item.c.about, item.c.id, old)):
            rows = self._read(select(item.c.id, item.c.about).where(item.c.id.in_(chunk))).all()
            self._set(
                item.c.about, item.c.id, [{"of_id": row.id, "place": moved_path(row.about, old, new)} for row in rows]
            )
        for chunk in id_chunks(self._below(file.c.about, file.c.id, old)):
            rows = self._read(select(file.c.id, file.c.about).where(file.c.id.in_(chunk))).all()
            self._set(
                file.c.about, file.c.id, [{"of_id": row.id, "place": moved_path(row.about, old, new)} for row in rows]
            )
            self._transaction.restated_files.update(row.id for row in rows)
            self._transaction.retold_paths.update(row.about for row in rows)  # edited forms may stay behind
        for table in (root, exclusion):
            rows = self._read(select(table.c.id, table.c.path)).all()
            there = {row.path for row in rows}
            for row in sorted(rows, key=lambda row: len(row.path)):
                if not is_in(row.path, old):
                    continue
                place = moved_path(row.path, old, new)
                if place in there and not is_in(place, old):
                    self._write(delete(table).where(table.c.id == row.id))
                else:
                    self._set(table.c.path, table.c.id, [{"of_id": row.id, "place": place}])
        return moved

    def remount(self, path: str, mount: str) -> None:
        """Note under which mount point a root lies now."""
        self._write(update(root).where(root.c.path == path).values(mount=mount))

    def set_scanned(self, path: str, scanned_at: str | None) -> None:
        """Note of a root when it was looked through last, as part of another one."""
        self._write(update(root).where(root.c.path == path).values(scanned_at=scanned_at))

    def forget_ctimes(self, folder: str) -> None:
        """Files at and below `folder` are at another drive: when their status changed last is known no more, and the
        next scan notes it, as of a store that did not know it."""
        below = (_at_or_below(file.c.path, folder), file.c.ctime_ns.is_not(None))
        self._write(update(file).where(*below).values(ctime_ns=None))

    def _below(self, path: Column[Any], number: Column[Any], folder: str) -> list[int]:
        return list(self._read(select(number).where(_at_or_below(path, folder)).order_by(func.length(path))).scalars())

    def _rows_at(self, paths: Sequence[str]) -> Iterator[Any]:
        for chunk in chunks(paths):
            yield from self._read(select(file.c.id, file.c.path, file.c.state).where(file.c.path.in_(chunk)))

    def _delete_files(self, file_ids: Sequence[int]) -> None:
        Items(self._transaction).delete_of_files(file_ids)
        for chunk in id_chunks(file_ids):
            self._write(delete(file).where(file.c.id.in_(chunk)))

    def _set(self, path: Column[Any], number: Column[Any], rows: Sequence[dict[str, object]]) -> None:
        if rows:
            changed = update(path.table).where(number == bindparam("of_id"))
            self._write(changed.values({path.name: bindparam("place")}), rows)


def _at_or_below(path: Column[Any], folder: str) -> ColumnElement[bool]:
    low, high = bounds(folder)
    return or_(path == folder, and_(path > low, path < high))


def is_in(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or lies below it."""
    return path == folder or path.startswith(os.path.join(folder, ""))


def moved_path(path: str, old: str, new: str) -> str:
    """Where `path`, in `old`, lies when `old` is `new`."""
    return new if path == old else os.path.join(new, path[len(os.path.join(old, "")) :])
