"""Facts: what is known of each photograph, in columns that filters ask. Derived (`derivation.py`), so never the truth.

A transaction notes which files and photographs it changes (`Transaction.restate`), and makes their facts again before
it ends: no writer has to think of it. Where the rules have changed since they were made, all are.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import Column, Select, and_, delete, exists, select

from indexer.catalog import full_text_names, stored
from indexer.catalog.derivation import Fact, fact_of, folded_name
from indexer.catalog.meta import FACTS, Meta
from indexer.catalog.photographs import metadata_of
from indexer.catalog.possible import is_possible
from indexer.catalog.schema import device, fact, file, folder, item, photo
from indexer.catalog.sqlite import off_index, upsert
from indexer.catalog.statements import chunks, id_chunks
from indexer.catalog.transaction import Part
from indexer.errors import StoreDamagedError
from indexer.text import folded

#: Version of the rules of `derivation.py`: with another one, all facts are made anew by whoever writes next.
RULES: Final = 4
#: Photographs whose facts are made at once.
PAGE: Final = 5_000
#: Seconds by which dates differ that are of the file itself, between the clocks of two places on earth.
CLOCKS: Final = 27 * 3600

_COLUMNS: Final = [column.name for column in fact.columns if column.name != "item_id"]
_Row = dict[str, Any]


class Facts(Part):
    """The facts of photographs, by the ids of their items or files."""

    def refresh(self, file_ids: Iterable[int], content_ids: Iterable[int] = (), paths: Iterable[str] = ()) -> None:
        """Make facts what the rows say: of the photographs in these files, of those with these contents, and of those
        at these paths."""
        files = set(file_ids)
        for some in chunks(sorted(paths)):
            files.update(self._read(select(file.c.id).where(file.c.path.in_(some))).scalars())
        for chunk in id_chunks(sorted(content_ids)):
            files.update(self._read(select(item.c.file_id).where(item.c.content_id.in_(chunk))).scalars())
        for chunk in id_chunks(sorted(files)):
            self._save(self._derived(_sources().where(item.c.file_id.in_(chunk))))

    def told_of(self, file_ids: Iterable[int]) -> set[int]:
        """The files of the photographs of which these files, beside them, say something."""
        found: set[int] = set()
        beside = file.alias()
        for chunk in id_chunks(sorted(file_ids)):
            about = select(beside.c.about).where(beside.c.id.in_(chunk), beside.c.about.is_not(None))
            found.update(self._read(select(file.c.id).where(file.c.path.in_(about))).scalars())
        return found

    def make_all(self) -> None:
        """Make the facts of all photographs anew: 30 s for 1,000,000."""
        full_text_names.drop(self._transaction.connection)  # to follow each name would take longer than to begin anew
        for table in (fact, device, folder):
            self._write(delete(table))
        for derived in self._pages():
            self._save(derived)
        full_text_names.make(self._transaction.connection)
        Meta(self._transaction).set(FACTS, str(RULES))

    def are_of_these_rules(self) -> bool:
        """Whether they were made by the rules of this version."""
        return Meta(self._transaction).get(FACTS) == str(RULES)

    def wrong(self) -> list[int]:
        """Ids of the photographs whose facts are missing, are not what the rows say, or are left of photographs that
        are gone. Derives every one."""
        known = exists().where(item.c.id == fact.c.item_id, item.c.kind == "image")
        found = list(self._read(select(fact.c.item_id).where(~known)).scalars())
        for derived in self._pages():
            kept = self._kept(list(derived))
            found += [number for number, said in derived.items() if not _is_same(kept.get(number), said)]
        return found

    def mend(self, item_ids: Sequence[int]) -> None:
        """Make the facts of these photographs again, whatever is there."""
        for chunk in id_chunks(item_ids):
            self._write(delete(fact).where(fact.c.item_id.in_(chunk)))
            self._save(self._derived(_sources().where(item.c.id.in_(chunk))), trusted=False)

    # -- what they are made of ------------------------------------------------------------------------------

    def _pages(self) -> Iterator[dict[int, tuple[int, Fact]]]:
        """Those of all photographs, by the ids of their items, a page at a time."""
        position = 0
        while True:
            page = _sources().where(item.c.id > position).order_by(item.c.id).limit(PAGE)
            rows = self._read(page).all()
            yield _facts_of(rows)
            if len(rows) < PAGE:
                return
            position = rows[-1].item_id

    def _derived(self, statement: Select[Any]) -> dict[int, tuple[int, Fact]]:
        return _facts_of(self._read(statement))

    # -- what is kept of them -------------------------------------------------------------------------------

    def _save(self, derived: dict[int, tuple[int, Fact]], *, trusted: bool = True) -> None:
        """Write facts; `trusted`: what is kept of devices and folders need not be looked at again."""
        if not derived:
            return
        facts = [each for _, each in derived.values()]
        names = [name for each in facts for name in (each.camera, each.lens) if name is not None]
        devices = self._ids(device.c.text, {name: folded(name) for name in names}, trusted)
        folders = self._ids(folder.c.path, {each.folder: folded_path(each.folder) for each in facts}, trusted)
        rows = [_row_of(number, file_id, each, devices, folders) for number, (file_id, each) in derived.items()]
        self._write(upsert(fact, ["item_id"], _COLUMNS), rows)

    def _ids(self, key: Column[Any], wanted: dict[str, str], trusted: bool) -> dict[str, int]:
        """Row ids of devices or folders, by their texts or paths; those that are new are recorded."""
        table = key.table
        ids = self._ids_of(key, list(wanted))
        new = [{key.name: name, "folded": short} for name, short in wanted.items() if name not in ids or not trusted]
        if new:
            self._write(upsert(table, [key.name], ["folded"]), new)
            ids = self._ids_of(key, list(wanted))
        return ids

    def _ids_of(self, key: Column[Any], names: Sequence[str]) -> dict[str, int]:
        ids: dict[str, int] = {}
        for chunk in chunks(names):
            ids.update((name, number) for number, name in self._read(select(key.table.c.id, key).where(key.in_(chunk))))
        return ids

    def _kept(self, item_ids: Sequence[int]) -> dict[int, _Row]:
        """What is kept of these, with the names for the ids of devices and folders."""
        camera, lens = device.alias("camera"), device.alias("lens")
        names = {"camera": camera.c.text, "camera_folded": camera.c.folded, "lens": lens.c.text}
        names |= {"lens_folded": lens.c.folded, "folder": folder.c.path, "folder_folded": folder.c.folded}
        whole = (
            select(fact, *(column.label(name) for name, column in names.items()))
            .join(camera, camera.c.id == fact.c.camera_id, isouter=True)
            .join(lens, lens.c.id == fact.c.lens_id, isouter=True)
            .join(folder, folder.c.id == fact.c.folder_id, isouter=True)
        )
        found: dict[int, _Row] = {}
        for chunk in id_chunks(item_ids):
            with suppress(StoreDamagedError):
                found |= {row.item_id: row._asdict() for row in self._read(whole.where(fact.c.item_id.in_(chunk)))}
        return found


def folded_path(path: str) -> str:
    """The path of a folder as it is compared: folded, "/" between its parts and behind the last one."""
    return folded_name(path.replace(os.sep, "/")).rstrip("/") + "/"


def _sources() -> Select[Any]:
    """Rows of photographs: their items, their files, what they say and what files beside them say that are there, where
    that is what was written."""
    beside = file.alias("beside")
    return (
        select(
            item.c.id.label("item_id"), item.c.file_id, file.c.path, file.c.size, file.c.mtime_ns, beside.c.said, photo
        )
        .join(file, file.c.id == item.c.file_id)
        .join(beside, and_(beside.c.about == file.c.path, beside.c.state == "present"), isouter=True)
        .join(photo, and_(photo.c.content_id == item.c.content_id, is_possible(photo)), isouter=True)
        .where(off_index(item.c.kind) == "image")
    )


def _facts_of(rows: Iterable[Any]) -> dict[int, tuple[int, Fact]]:
    """By the ids of their items: the id of the file, and the fact."""
    found: dict[int, tuple[int, Fact]] = {}
    for row in rows:
        said = metadata = None
        with suppress(StoreDamagedError):
            metadata = metadata_of(row)
        with suppress(StoreDamagedError):
            said = stored.said(row.said)
        found[row.item_id] = row.file_id, fact_of(row.path, row.size, row.mtime_ns, said, metadata)
    return found


def _row_of(number: int, file_id: int, said: Fact, devices: dict[str, int], folders: dict[str, int]) -> _Row:
    row = _plain(said)
    row |= {"item_id": number, "file_id": file_id, "folder_id": folders[said.folder]}
    row["camera_id"] = None if said.camera is None else devices[said.camera]
    row["lens_id"] = None if said.lens is None else devices[said.lens]
    return row


def _plain(said: Fact) -> _Row:
    """The values of a fact by their columns, but for the ids."""
    when, at = said.when, said.position
    return {
        "date": None if when is None else when.seconds,
        "date_from": None if when is None else when.source,
        "month": None if when is None else when.month,
        "latitude": None if at is None else at.latitude,
        "longitude": None if at is None else at.longitude,
        "x": None if at is None else at.x,
        "y": None if at is None else at.y,
        "z": None if at is None else at.z,
        "city": said.city,
        "country": said.country,
        "name": said.name,
        "type": said.type,
        "size": said.size,
        "width": said.width,
        "height": said.height,
        "captioned": int(said.captioned),
        "keyworded": int(said.keyworded),
    }


def _is_same(kept: _Row | None, derived: tuple[int, Fact]) -> bool:
    """Whether a row is what is derived. A file's own date may have been told by the clocks of another place."""
    if kept is None:
        return False
    file_id, said = derived
    wanted = _plain(said)
    if said.when is not None and said.when.source == "file" == kept["date_from"]:
        date = kept["date"]
        if not isinstance(date, int) or abs(date - said.when.seconds) > CLOCKS:
            return False
        del wanted["date"], wanted["month"]
    wanted |= {"file_id": file_id, "folder": said.folder, "folder_folded": folded_path(said.folder)}
    for name, text in (("camera", said.camera), ("lens", said.lens)):
        wanted |= {name: text, f"{name}_folded": None if text is None else folded(text)}
    return all(_equal(kept[name], value) for name, value in wanted.items())


def _equal(kept: object, wanted: object) -> bool:
    return kept == wanted and type(kept) is type(wanted)
