"""A store made small again: what nothing leads to is deleted, and room that is free goes back to the disk."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from indexer.catalog.items import Items
from indexer.catalog.name_parts import NameParts
from indexer.catalog.orphans import Orphans, is_repaired
from indexer.catalog.words import Words
from indexer.errors import StoreUnwritableError, UsageError
from indexer.progress import Progress, Silent
from indexer.store import Store
from indexer.thumbnails.removal import remove_stale
from indexer.training.work_folder import let_go
from indexer.types import KINDS
from indexer.vectors.refresh import build_indexes


@dataclass(frozen=True, slots=True)
class Compacted:
    """What became of a store. `freed`, `bytes`: how many bytes less its files have, and how many they have now.

    `contents`: photographs and texts that nothing led to; `texts`: those about forgotten photographs; `vectors`: those
    of encoders that do not answer: the former one, and an unfinished change. `complete`: False where another process
    was reading, so that some of the room comes back when that ends. `trainings`: interrupted ones that were let go.
    """

    freed: int
    bytes: int
    contents: int
    texts: int
    vectors: int
    complete: bool
    trainings: int = 0


def compact(store: Store, progress: Progress | None = None, *, trainings: bool = False) -> Compacted:
    """Delete what nothing leads to, write the catalog anew without the room that was left in it, and fold its log.

    Nothing that can be found is touched, and of what was forgotten nothing is left in any file of the store. Killed
    half-way, the catalog is as it was, or as it is to be. `trainings`: let interrupted ones go as well. The disk needs
    room for a second catalog meanwhile. Needs the store's write lock. Raises StoreUnwritableError; StoreBusyError while
    a training that is to go is running; UsageError after a repair, until a run has looked through all
    folders: embeddings that no file holds may be those of files whose records were lost.
    """
    if is_repaired(store.catalog):
        raise UsageError(
            f"{store} was repaired, and not all of its folders were read since; run `index()` first: it uses "
            "what `compact()` would delete."
        )
    progress = progress or Silent()
    before = store.size()
    gone = let_go(store.folder) if trainings else 0
    progress.phase("Deleting what nothing leads to")
    with store.catalog.batch() as batch:
        found = Orphans(batch).delete_all()
    remove_stale(store.folder, store.catalog)
    with store.catalog.batch() as batch:
        Words(batch).forget_deleted()
        NameParts(batch).forget_deleted()
    with store.catalog.snapshot() as snapshot:
        buried = [kind for kind in KINDS if Items(snapshot).has_tombstones(kind, snapshot.generation)]
    if buried:  # indexes that hold vectors of what is gone
        build_indexes(store.catalog, store.vectors, None, progress, kinds=buried, force=True)
    _check_room(store)
    progress.phase("Writing the catalog anew")
    complete = store.catalog.compact()
    now = store.size()
    return Compacted(max(0, before - now), now, found.contents, found.texts, found.vectors, complete, gone)


def _check_room(store: Store) -> None:
    if store.address is not None:  # its server takes none for that
        return
    needed = store.catalog.live_bytes()
    free = shutil.disk_usage(store.folder).free
    if free < needed:
        raise StoreUnwritableError(
            f"Writing the catalog in {store.folder} anew needs {needed / 1e6:,.0f} MB for a while, and "
            f"{free / 1e6:,.0f} MB are free; make room and run the same command again. What nothing led to is deleted, "
            "and nothing else has changed."
        )
