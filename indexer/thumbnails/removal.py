"""Thumbnails of photographs that are gone, forgotten or edited go from a store."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from indexer.catalog.catalog import Catalog
from indexer.catalog.originals import Originals
from indexer.thumbnails.cache import ThumbnailCache

_AT_ONCE: Final = 5_000


def remove_stale(folder: Path, catalog: Catalog) -> int:
    """Delete the thumbnails in the store at `folder` of which its catalog holds no photograph; how many contents went.

    Those of a drive that is out of reach stay. Raises StoreError.
    """
    cache = ThumbnailCache(folder)
    kept: Iterator[bytes] = iter({each.digest for each in cache.all()})
    cache.clean()
    count = 0
    while some := list(islice(kept, _AT_ONCE)):
        with catalog.snapshot() as snapshot:
            gone = set(some) - Originals(snapshot).held(some)
        cache.remove(gone)
        count += len(gone)
    return count


def count_stale(folder: Path, catalog: Catalog) -> int:
    """How many contents `remove_stale` would take away. Raises StoreError."""
    digests = list({each.digest for each in ThumbnailCache(folder).all()})
    with catalog.snapshot() as snapshot:
        return len(digests) - len(Originals(snapshot).held(digests))
