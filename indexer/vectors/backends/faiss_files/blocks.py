"""The blocks of an index' file and their sums: what is used is compared with what was written, once in a process.

A flat file and a graph are looked through anyway and are compared whole when they are opened; of an inverted file all
but its lists then, and each list when it is first probed.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from indexer.page_sums import PAGE, Bytes, Sums, page_sums
from indexer.vectors.backends.faiss_files.manifest import damaged

#: Pages of a block: a list of an inverted file (100 KB at 1,000,000 vectors) begins and ends within one, and what lies
#: around it is summed too; with 4 that is a sixth more, and the sums are 0.05 % of the file.
PAGES: Final = 4
BLOCK: Final = PAGES * PAGE
#: Odd, so that a changed sum of a page always shows, and different, so that pages that changed places do.
WEIGHTS: Final = np.arange(1, 2 * PAGES, 2, dtype=np.uint64)

#: Compares the bytes from one place to before another. Raises StoreDamagedError.
Check = Callable[[int, int], None]


def block_sums(memory: Bytes) -> Sums:
    """(blocks,) uint64 of the bytes (n,); the last block may be shorter."""
    pages = page_sums(memory)
    if len(pages) % PAGES:
        pages = np.append(pages, np.zeros(-len(pages) % PAGES, np.uint64))
    sums: Sums = (pages.reshape(-1, PAGES) * WEIGHTS).sum(axis=1, dtype=np.uint64)
    return sums


def to_text(sums: Sums) -> str:
    """As it stands in a manifest."""
    return base64.b64encode(sums.astype("<u8").tobytes()).decode("ascii")


def from_text(text: str) -> Sums:
    """Raises ValueError."""
    return np.frombuffer(base64.b64decode(text, validate=True), "<u8").astype(np.uint64)


class Blocks:
    """A mapped file with the sums of its blocks. Safe to use from several threads."""

    def __init__(self, path: Path, memory: Bytes, sums: str) -> None:
        """Raises StoreDamagedError when the sums are those of a file of another size."""
        self._path, self._memory = path, memory
        try:
            self._sums = from_text(sums)  # (blocks,)
        except ValueError as error:
            raise damaged(path, "its sums do not read") from error
        if len(self._sums) != -(-memory.size // BLOCK):
            raise damaged(path, "its sums are those of another file")
        self._right = np.zeros(len(self._sums), np.bool_)  # (blocks,) those that were compared

    def check(self, start: int, end: int) -> None:
        """Compare the blocks in which the bytes from `start` to before `end` lie. Raises StoreDamagedError."""
        first, last = start // BLOCK, -(-end // BLOCK)
        if self._right[first:last].all():
            return
        found = block_sums(self._memory[first * BLOCK : last * BLOCK])
        if not np.array_equal(found, self._sums[first:last]):
            raise damaged(self._path, "its checksum is wrong")
        self._right[first:last] = True
