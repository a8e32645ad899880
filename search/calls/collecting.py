"""The call that says which folders a store has."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.catalog.root_counts import RootCounts
from indexer.files.mounts import presence
from search.calls.opened import Opened


@dataclass(frozen=True, slots=True)
class Collection:
    """An indexed folder. `id` stays as long as the folder is indexed; `images`, `texts`: what can be found below it
    (what lies in an indexed folder inside of it counts for both); `photographs`: the images without copies; `present`:
    whether it can be reached now (its drive may be away); `indexed_at`: UTC, ISO 8601, when it was last looked through
    to its end."""

    id: int
    path: str
    images: int
    photographs: int
    texts: int
    present: bool
    indexed_at: str | None


class Collecting(Opened):
    """See `search.Library`."""

    def collections(self) -> list[Collection]:
        """The indexed folders, by path. Raises StoreMissingError, StoreError."""
        with self._reading() as opened, opened.store.catalog.snapshot() as snapshot:
            found = RootCounts(snapshot).all()
        return [
            Collection(
                each.id,
                each.path,
                each.images,
                each.photographs,
                each.texts,
                presence(each.path, each.mount) == "there",
                each.scanned_at,
            )
            for each in found
        ]
