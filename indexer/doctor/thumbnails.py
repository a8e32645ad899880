"""The thumbnails that are kept: none of a photograph that is gone."""

from __future__ import annotations

from collections.abc import Iterator

from indexer.counted import counted
from indexer.doctor.finding import Finding
from indexer.settings import THUMBNAILS
from indexer.store import Store
from indexer.thumbnails.removal import count_stale


def check_thumbnails(store: Store) -> Iterator[Finding]:
    if (store.folder / THUMBNAILS).is_symlink():
        problem = f"{store.folder / THUMBNAILS} is a link, and no thumbnail is read or kept there"
        yield Finding("thumbnails", problem, "delete the link", grave=False)
        return
    stale = count_stale(store.folder, store.catalog)
    if stale:
        problem = f"the thumbnails of {counted(stale, 'photograph')} are there that are gone"
        yield Finding("thumbnails", problem, "`repair()` deletes them", grave=False)
