"""The thumbnails of all photographs of a store, made beforehand: those of new ones while they are read, of the others
at the end of a run."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

from indexer.catalog.catalog import Catalog
from indexer.catalog.originals import Original, Originals
from indexer.catalog.roots import Roots
from indexer.errors import FileError
from indexer.files.inside import leads_out
from indexer.memory_budget import MemoryBudget, Share
from indexer.progress import Progress
from indexer.settings import DecodeLimits
from indexer.thumbnails.cache import SIDES, ThumbnailCache
from indexer.thumbnails.drawing import thumbnails
from indexer.thumbnails.reading import read_original

#: Photographs of which the catalog is asked at once.
_AT_ONCE: Final = 1_000
#: The share of the cache from which on only the small ones are made: a grid of more photographs is worth more.
_SMALL_FROM: Final = 0.5


class ThumbnailMaker:
    """For the store in a folder. Safe to use from several threads. What cannot be kept is made at first use."""

    def __init__(self, store: Path, limits: DecodeLimits) -> None:
        self._cache = ThumbnailCache(store)
        self._limits = limits

    def make(self, path: str, digest: bytes, data: bytes, roots: Sequence[str], share: Share) -> None:
        """Make those that are missing of the photograph whose file at `path` holds `data`. Takes its memory from
        `share`. Nothing is said of a file that does not decode: the run does."""
        sides = self._missing(digest)
        if not sides or leads_out(path, roots):
            return
        with suppress(FileError):
            self._draw(digest, data, sides, share)

    def make_missing(self, catalog: Catalog, budget: MemoryBudget, workers: int, progress: Progress) -> str | None:
        """Make those of all photographs that are there, as far as the cache has room. Returns a sentence about what
        was not made, or None. Raises StoreError, and what `progress` raises: what was made by then stays."""
        waiting = list(self._lacking(catalog))
        if not waiting:
            return None
        with catalog.snapshot() as snapshot:
            roots = [row.path for row in Roots(snapshot).all()]
        progress.total(len(waiting))
        progress.phase("Making thumbnails")

        def make(original: Original) -> None:
            budget.work(lambda share: self._make(original, roots, share))

        made = 0
        running: deque[Future[None]] = deque()
        pool = ThreadPoolExecutor(workers, "thumbnails")
        try:
            for original in waiting:
                if self._cache.share >= 1:
                    break
                running.append(pool.submit(make, original))
                made += 1
                if len(running) > 2 * workers:
                    running.popleft().result()
                    progress.advance(1)
            while running:
                running.popleft().result()
                progress.advance(1)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        if made < len(waiting):
            return (
                f"The thumbnails of {len(waiting) - made:,} photographs were not made, because all together have "
                f"{self._cache.most_bytes / 1e9:g} GB (SEARCH_THUMBNAILS); they are made when they are looked at."
            )
        return None

    def _make(self, original: Original, roots: Sequence[str], share: Share) -> None:
        sides = self._missing(original.digest)
        if not sides:
            return
        with suppress(FileError, MemoryError):
            data = read_original(original, roots, self._limits, share)
            self._draw(original.digest, data, sides, share)

    def _draw(self, digest: bytes, data: bytes, sides: tuple[int, ...], share: Share) -> None:
        """Keep those of a content. Raises what `thumbnails` raises."""
        for side, drawn in thumbnails(data, self._limits, sides, share).items():
            self._cache.put(digest, side, drawn)

    def _lacking(self, catalog: Catalog) -> Iterator[Original]:
        after = -1
        while True:
            with catalog.snapshot() as snapshot:
                some = Originals(snapshot).all(after, _AT_ONCE)
            if not some:
                return
            after = some[-1][0]
            wanted = SIDES if self._cache.share < _SMALL_FROM else SIDES[:1]
            yield from (each for _, each in some if each.paths and self._lacks(each.digest, wanted))

    def _missing(self, digest: bytes) -> tuple[int, ...]:
        share = self._cache.share
        if share >= 1:
            return ()
        return self._lacks(digest, SIDES if share < _SMALL_FROM else SIDES[:1])

    def _lacks(self, digest: bytes, wanted: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(side for side in wanted if not self._cache.has(digest, side))
