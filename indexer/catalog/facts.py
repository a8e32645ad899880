"""Facts: what is known of each photograph, in columns that filters ask. Derived (`derivation.py`): never the truth."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Column, bindparam, delete, exists, func, select

from indexer.catalog.derivation import Fact, folded_name
from indexer.catalog.expressions import among, off_index, upsert
from indexer.catalog.items import Items
from indexer.catalog.meta import FACTS, Meta
from indexer.catalog.name_parts import NameParts
from indexer.catalog.schema import device, fact, folder, item
from indexer.catalog.sources import Source, Sources
from indexer.catalog.statements import chunks, id_chunks
from indexer.catalog.transaction import Part
from indexer.catalog.vectors import spread
from indexer.errors import StoreDamagedError
from indexer.text import folded

#: Version of the rules of `derivation.py`: with another one, all facts are made anew by whoever writes next.
RULES: Final = 6
#: Seconds by which the clocks of two places on earth differ at most, and of which the difference is a multiple.
CLOCKS: Final = 26 * 3600
QUARTER: Final = 900
#: Photographs that stand for all where counting would take too long.
_LOOKED_AT: Final = 1_000

_COLUMNS: Final = [column.name for column in fact.columns if column.name != "item_id"]
#: Put together once: that takes longer than running it for a batch.
_SAVE: Final = upsert(fact, ["item_id"], _COLUMNS)
_IDS: Final = {
    key.name: select(key.table.c.id, key).where(key.in_(bindparam("names", expanding=True)))
    for key in (device.c.text, folder.c.path)
}
_Row = dict[str, Any]
_EPOCH: Final = datetime(1970, 1, 1)


class Facts(Part):
    """The facts of photographs."""

    def save(self, sources: Sequence[Source], *, trusted: bool = True) -> None:
        """Make facts what the rows say. `trusted`: what is kept of devices and folders need not be looked at again."""
        if not sources:
            return
        facts = [source.fact for source in sources]
        names = {name: folded(name) for each in facts for name in (each.camera, each.lens) if name is not None}
        devices = self._ids(device.c.text, names, trusted)
        folders = self._ids(
            folder.c.path, {each: folded_path(each) for each in {each.folder for each in facts}}, trusted
        )
        self._write(_SAVE, [_row_of(source, devices, folders) for source in sources])

    def clear(self) -> None:
        """Leave none, nor any device or folder; `index_names` comes when all are there again."""
        NameParts(self._transaction).drop()  # to follow each name would take longer than to begin anew
        for table in (fact, device, folder):
            self._write(delete(table))

    def index_names(self) -> None:
        """Make the index of parts of names anew."""
        NameParts(self._transaction).make()

    def are_of_these_rules(self) -> bool:
        """Whether they were made by the rules of this version."""
        return Meta(self._transaction).get(FACTS) == str(RULES)

    def lacking(self, most: int | None = None) -> list[int]:
        """Ids of the photographs of which there is no fact, so that no filter finds them; nearly always none. Counts
        all facts: 1 ms for 1,000,000, but an index of all is read. `most`: of a larger collection only a thousand
        photographs are looked at.
        """
        # By its index of kinds the database would walk through all photographs, also to look at some of them.
        of_images = off_index(item.c.kind) == "image"
        without = select(item.c.id).where(of_images, ~exists().where(fact.c.item_id == item.c.id))
        newest = Items(self._transaction).newest()
        if most is not None and newest > most:
            of_some = without.where(among(item.c.id, spread(newest, _LOOKED_AT).tolist()))
            return list(self._read(of_some).scalars())
        if self._read(select(func.count()).select_from(fact)).scalar_one() == Items(self._transaction).total("image"):
            return []
        return list(self._read(without).scalars())

    def wrong(self) -> list[int]:
        """Ids of the photographs whose facts are missing, are not what the rows say, or are left of photographs that
        are gone. Derives every one."""
        known = exists().where(item.c.id == fact.c.item_id, item.c.kind == "image")
        found = list(self._read(select(fact.c.item_id).where(~known)).scalars())
        for sources in Sources(self._transaction).pages():
            kept = self._kept([source.item_id for source in sources])
            found += [source.item_id for source in sources if not _is_same(kept.get(source.item_id), source)]
        return found

    def mend(self, item_ids: Sequence[int]) -> None:
        """Make the facts of these photographs again, whatever is there."""
        for chunk in id_chunks(item_ids):
            self._write(delete(fact).where(fact.c.item_id.in_(chunk)))
        for sources in Sources(self._transaction).of_items(item_ids):
            self.save(sources, trusted=False)

    def _ids(self, key: Column[Any], wanted: dict[str, str], trusted: bool) -> dict[str, int]:
        """Row ids of devices or folders, by their texts or paths; those that are new are recorded."""
        ids = self._ids_of(key, list(wanted))
        new = [{key.name: name, "folded": short} for name, short in wanted.items() if name not in ids or not trusted]
        if new:
            self._write(upsert(key.table, [key.name], ["folded"]), new)
            ids = self._ids_of(key, list(wanted))
        return ids

    def _ids_of(self, key: Column[Any], names: Sequence[str]) -> dict[str, int]:
        ids: dict[str, int] = {}
        for chunk in chunks(names):
            ids.update((name, number) for number, name in self._read(_IDS[key.name], {"names": chunk}))
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


def _row_of(source: Source, devices: dict[str, int], folders: dict[str, int]) -> _Row:
    said = source.fact
    row = _plain(said)
    row |= {"item_id": source.item_id, "file_id": source.file_id, "folder_id": folders[said.folder]}
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


def _is_same(kept: _Row | None, source: Source) -> bool:
    """Whether a row is what is derived. A date may have been told by the clock of a machine in another place, or of
    this one before it was moved: it is kept as it was derived."""
    if kept is None:
        return False
    said = source.fact
    wanted = _plain(said)
    if said.when is not None and said.when.by_machine and type(kept["date"]) is int:
        apart = kept["date"] - said.when.seconds
        if abs(apart) <= CLOCKS and not apart % QUARTER:
            wanted |= {"date": kept["date"], "month": (_EPOCH + timedelta(seconds=kept["date"])).month}
    wanted |= {"file_id": source.file_id, "folder": said.folder, "folder_folded": folded_path(said.folder)}
    for name, text in (("camera", said.camera), ("lens", said.lens)):
        wanted |= {name: text, f"{name}_folded": None if text is None else folded(text)}
    return all(_equal(kept[name], value) for name, value in wanted.items())


def _equal(kept: object, wanted: object) -> bool:
    return kept == wanted and type(kept) is type(wanted)
