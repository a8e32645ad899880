"""Calls that say which state a store is in, and all that is known of one item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from indexer.arguments import checked, whole
from indexer.catalog.items import Item, Items
from indexer.catalog.meta import STORE, Meta
from indexer.catalog.neighbours import Neighbours
from indexer.catalog.roots import Roots
from indexer.types import KINDS, Kind
from search.calls.opened import Opened
from search.engine.dated import dated_items

_MAX_ID: Final = 2**63 - 1
#: Captions and copies that are told of one item; a table may hold thousands about one photograph.
MOST_TOLD: Final = 1_000


@dataclass(frozen=True, slots=True)
class StoreState:
    """Which state of which store this is. `store`: an id of its own; `generation` grows with each change that a search
    could see; `roots`: the indexed folders, by path."""

    store: str
    generation: int
    roots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ItemDetails:
    """All that is known of one item. `captions`: texts about the photograph from files beside it and tables, in their
    order, without those in the file itself (`Metadata.captions`). `also`: other paths of the same photograph, sorted;
    `copies`: the ids of the items there."""

    item: Item
    captions: tuple[str, ...]
    also: tuple[str, ...]
    copies: tuple[int, ...]


class Detailing(Opened):
    """See `search.Library`."""

    def counts(self) -> dict[Kind, int]:
        """How many items of each kind can be found. Raises StoreMissingError, StoreError."""
        with self._reading() as opened, opened.store.catalog.snapshot() as snapshot:
            return {kind: Items(snapshot).count(kind) for kind in KINDS}

    def state(self) -> StoreState:
        """Which state the store is in: cheap enough to ask before each answer. Raises StoreMissingError, StoreError."""
        with self._reading() as opened, opened.store.catalog.snapshot() as snapshot:
            roots = tuple(root.path for root in Roots(snapshot).all())
            return StoreState(Meta(snapshot).get(STORE) or "", snapshot.generation, roots)

    @checked(id=whole(0, _MAX_ID))
    def item(self, id: int) -> ItemDetails | None:
        """All that is known of the item of this id, a photograph or a text; None where there is none that is visible.

        Raises StoreMissingError, StoreError.
        """
        with self._reading() as opened, opened.store.catalog.snapshot() as snapshot:
            found = Items(snapshot).get([id]).get(id)
            if found is None:
                return None
            (dated,) = dated_items(snapshot, [found])
            copies = Neighbours(snapshot).copies(id, MOST_TOLD) if found.kind == "image" else []
            captions = Neighbours(snapshot).captions(found.path, MOST_TOLD)
        return ItemDetails(
            dated,
            tuple(captions),
            tuple(sorted(path for _, path in copies)),
            tuple(sorted(number for number, _ in copies)),
        )
