"""What clients see of photographs, drawn in threads of their own within a budget of memory.

Files are reached by the id of an item alone: the catalog says where the photograph lies, and its content is read only
where it is what was indexed (`indexer.thumbnails.reading`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from typing import Final, TypeVar

from indexer.errors import DamagedImageError, FileError, ImageTooLargeError
from indexer.files.inside import OutsideError, leads_out
from indexer.images.metadata import read_metadata
from indexer.memory import room
from indexer.memory_budget import MemoryBudget, Share
from indexer.settings import DecodeLimits
from indexer.thumbnails.cache import ThumbnailCache
from indexer.thumbnails.drawing import preview, thumbnails
from indexer.thumbnails.reading import look_at, place_of, read_original, take_original
from search.calls.originals import IndexedOriginal, is_held, original_of
from search.library import Library
from search.web.problems import ProblemError
from search.web.wording import in_api_words

T = TypeVar("T")

#: The longer side of a preview in pixels: a large screen is full, and some 500 kB are sent.
PREVIEW_SIDE: Final = 2_048
#: What the encoder, the reranker and the indexes of a server take, most of it after this was made.
_RESERVE: Final = 700_000_000


class Pictures:
    """Over one library. Its methods are for the event loop; what they do runs in threads."""

    def __init__(self, library: Library, limits: DecodeLimits | None = None) -> None:
        self._library = library
        self._limits = limits or DecodeLimits()
        self._cache = ThumbnailCache(library.folder)
        self._budget = MemoryBudget(room(_RESERVE))
        self._drawing = ThreadPoolExecutor(os.cpu_count() or 1, "draw")
        #: Reading what is drawn already waits for a disk, and never behind what is being drawn.
        self._reading = ThreadPoolExecutor(8, "read")

    def close(self) -> None:
        """End the threads, when what they do is done."""
        self._reading.shutdown(cancel_futures=True)
        self._drawing.shutdown(cancel_futures=True)

    async def find(self, number: int) -> IndexedOriginal:
        """The photograph of an item. Raises ProblemError where there is none, StoreError."""
        return await self.read(lambda: self._find(number))

    async def find_all(self, numbers: Sequence[int]) -> tuple[list[IndexedOriginal], list[int]]:
        """Those of several items, and the ids of which there is no photograph."""

        def look() -> tuple[list[IndexedOriginal], list[int]]:
            found, gone = [], []
            for number in numbers:
                try:
                    found.append(self._find(number))
                except ProblemError:
                    gone.append(number)
            return found, gone

        return await self.read(look)

    async def find_kept(self, number: int, side: int) -> tuple[IndexedOriginal, bytes | None]:
        """As `find`, and its thumbnail where that is kept: one way to a thread and back."""

        def look() -> tuple[IndexedOriginal, bytes | None]:
            found = self._find(number)
            return found, self._kept(found, side)

        return await self.read(look)

    async def thumbnail(self, found: IndexedOriginal, side: int) -> bytes:
        """WebP, its longer side at most `side` pixels, drawn now and kept. Raises ProblemError."""
        return await self._draw(lambda share: self._thumbnail(found, side, share))

    async def preview(self, found: IndexedOriginal) -> bytes:
        """JPEG, as large as a screen. Raises ProblemError."""

        def draw(share: Share) -> bytes:
            return preview(self._content(found, share), self._limits, PREVIEW_SIDE, share)

        return await self._draw(draw)

    async def open(self, found: IndexedOriginal) -> FileIO:
        """Its file, whose whole content is what was indexed. Raises ProblemError."""
        return await self.read(lambda: _told(lambda: self.take(found)))

    def take(self, found: IndexedOriginal) -> FileIO:
        """As `open`, for one who is in a thread already. Raises FileError."""
        return take_original(found.original, found.roots, self._limits)

    async def look_at(self, some: Sequence[IndexedOriginal]) -> list[int | FileError]:
        """How many bytes each photograph has, or why it is not to be had, as far as that is known without reading."""

        def look(each: IndexedOriginal) -> int | FileError:
            try:
                return look_at(each.original, each.roots, self._limits)
            except FileError as error:
                return error

        return await self.read(lambda: [look(each) for each in some])

    async def place(self, found: IndexedOriginal) -> str:
        """Where its file is, while it is what was indexed. Raises ProblemError."""
        return await self.read(lambda: _told(lambda: place_of(found.original, found.roots, self._limits)))

    async def of_upload(self, content: bytes, side: int) -> tuple[bytes, int, int]:
        """WebP of what was uploaded, and its width and height in pixels. Raises FileError, as a sentence."""

        def draw(share: Share) -> tuple[bytes, int, int]:
            drawn = thumbnails(content, self._limits, (side,), share)[side]
            about = read_metadata(content)
            return drawn, about.width, about.height

        try:
            return await self._work(self._drawing, lambda: self._budget.work(draw))
        except FileError as error:
            raise _of_upload(error) from error

    async def read(self, act: Callable[[], T]) -> T:
        """What `act` gives, which waits for a disk."""
        return await self._work(self._reading, act)

    async def _draw(self, act: Callable[[Share], T]) -> T:
        return await self._work(self._drawing, lambda: _told(lambda: self._budget.work(act)))

    async def _work(self, pool: ThreadPoolExecutor, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, act)

    def _find(self, number: int) -> IndexedOriginal:
        found = original_of(self._library, number)
        if found is None:
            raise ProblemError(
                404, "no-item", f"There is no photograph {number} in the store, or no longer; search again."
            )
        return found

    def _kept(self, found: IndexedOriginal, side: int) -> bytes | None:
        """The thumbnail that is kept: of a photograph out of reach, too; not of one that a link leads out to."""
        kept = self._cache.get(found.digest, side)
        return kept if kept is not None and not self._leads_out(found) else None

    def _leads_out(self, found: IndexedOriginal) -> bool:
        return any(leads_out(path, found.roots) for path in found.original.paths[:1])

    def _thumbnail(self, found: IndexedOriginal, side: int, share: Share) -> bytes:
        drawn = thumbnails(self._content(found, share), self._limits, (side,), share)[side]
        # What was forgotten meanwhile is not kept: whoever forgets looks for thumbnails afterwards, and sees this one
        # or it is not written.
        if self._cache.put(found.digest, side, drawn) and not is_held(self._library, found.digest):
            self._cache.remove([found.digest])
        return drawn

    def _content(self, found: IndexedOriginal, share: Share) -> bytes:
        return read_original(found.original, found.roots, self._limits, share)


def _of_upload(error: FileError) -> FileError:
    """The same of an image that was sent; the next step of a file that lies here is none of it."""
    reason = str(error).partition("; ")[0]
    steps = {ImageTooLargeError: "make it smaller", DamagedImageError: "send it again, or another one"}
    step = next((step for kind, step in steps.items() if isinstance(error, kind)), "send a JPEG, PNG, WebP or HEIC")
    return type(error)(f"The image cannot be used: {reason}; {step}.")


def problem_of_file(error: FileError) -> ProblemError:
    """What is told of a file that is not shown."""
    if isinstance(error, OutsideError):
        return ProblemError(403, "outside", in_api_words(f"The photograph is not shown: {error}."))
    return ProblemError(410, "photograph-gone", in_api_words(f"The photograph cannot be shown: {error}."))


def _told(act: Callable[[], T]) -> T:
    """What `act` gives. Raises ProblemError for what is wrong with a file."""
    try:
        return act()
    except FileError as error:
        raise problem_of_file(error) from None
    except MemoryError:
        raise ProblemError(503, "no-memory", "The photograph needs more memory than there is; try again.") from None
