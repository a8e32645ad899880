"""What a damaged table has lost, told by the index of its one unique column, which lies on pages of its own.

A page that is whole, and not the right one, says nothing of the rows that should be there: of folders, forgotten paths
and single values nothing else does either. What the key alone tells is made again.
"""

from __future__ import annotations

import os
from typing import Any, Final

from sqlalchemy import Column, select

from indexer.catalog import stored
from indexer.catalog.exclusions import Exclusions
from indexer.catalog.expressions import upsert
from indexer.catalog.roots import Roots
from indexer.catalog.schema import FORGOTTEN, encoder, exclusion, file, meta, root
from indexer.catalog.sqlite import Sqlite
from indexer.catalog.statements import chunks
from indexer.catalog.transaction import Part, Transaction
from indexer.errors import StoreDamagedError
from indexer.settings import DEFAULT_IGNORES

#: The unique column of each table.
_KEYS: Final[dict[str, Column[Any]]] = {
    meta.name: meta.c.key,
    encoder.name: encoder.c.identity,
    root.name: root.c.path,
    exclusion.name: exclusion.c.path,
}


class LostKeys(Part):
    """The keys that a damaged file had, and a copy of what is left of it, which is being written."""

    def __init__(self, damaged: Sqlite, copy: Transaction) -> None:
        super().__init__(copy)
        found = damaged.keys_left([meta, encoder, root, exclusion])
        self._indexed: dict[str, dict[int, str]] = {}
        for name, keys in found.items():
            of_type = bytes if name in (root.name, exclusion.name) else str
            if all(isinstance(key, of_type) for key in keys.values()):
                self._indexed[name] = {number: os.fsdecode(key) for number, key in keys.items()}
        for name in list(self._indexed):
            if not self._fits(name):
                del self._indexed[name]

    def make_again(self) -> dict[str, list[str]]:
        """Write what the copy lacks and the key tells. Returns the paths of folders, which have the default patterns
        now, and the forgotten ones, by table."""
        again: dict[str, list[str]] = {}
        for name in (root.name, exclusion.name):
            again[name] = sorted(set(self._indexed.get(name, {}).values()) - self._kept(name))
        for path in again[root.name]:
            Roots(self._transaction).add(path, DEFAULT_IGNORES)
        for path in again[exclusion.name]:
            Exclusions(self._transaction).add(path)
        for number, identity in self._indexed.get(encoder.name, {}).items():
            try:
                stored.encoder_id(identity)
            except StoreDamagedError:
                continue
            self._write(upsert(encoder, []), {"id": number, "identity": identity})
        return {name: paths for name, paths in again.items() if paths}

    def count(self) -> dict[str, int]:
        """How many keys the copy lacks, by table; without those of which the index does not say either."""
        counts: dict[str, int] = {}
        for name, keys in self._indexed.items():
            kept = self._kept(name)
            if name == meta.name or kept <= set(keys.values()):
                counts[name] = len(set(keys.values()) - kept)
        return counts

    def _kept(self, name: str) -> set[str]:
        return set(self._read(select(_KEYS[name])).scalars())

    def _fits(self, name: str) -> bool:
        """Whether this is the index of the table, and not a page of another."""
        keys = self._indexed[name]
        if name == meta.name:
            return True
        table = _KEYS[name].table
        kept = self._read(select(table.c.id, _KEYS[name]))
        if any(keys.get(number, key) != key for number, key in kept):
            return False
        if name == encoder.name:
            return True
        if name == exclusion.name and self._kept(root.name).intersection(keys.values()):
            return False  # to forget a folder lets go of it, and to index it lifts that
        for chunk in chunks(sorted(keys.values())):
            others = (file.c.role != "folder", file.c.state != FORGOTTEN)
            if self._read(select(file.c.id).where(file.c.path.in_(chunk), *others).limit(1)).first() is not None:
                return False
        return True
