"""What the runtime made of a graph, kept: compiling a text tower takes 0.4 s, reading it back 0.1 s.

    <cache>/compiled/<key>.blob      the runtime's own format, then its checksum (32 bytes)

The key is a digest of all that the result depends on: the graph's file (path, size, time of change), the runtime's
version, the processor, the settings and how we compile. The runtime trusts the bytes that it reads, so the checksum
comes first; a file that is damaged is made anew. A cache that cannot be written is done without.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from indexer.atomic import clean, write_atomically
from indexer.page_sums import digest
from indexer.types import Candidate

#: Files of one cache: a few models with two towers each, on one machine. The oldest go first.
MOST_FILES: Final = 24
_CHECKSUM_BYTES: Final = 32
#: Counts the changes of what is compiled out of the same file (`runtime.Graph`), and of the file that keeps it.
_RECIPE: Final = 3


@dataclass(frozen=True, slots=True)
class Compilation:
    """All that a compiled graph depends on. `runtime`: its version; `graph`: the file, its weights beside it."""

    runtime: str
    processor: str
    graph: Path
    properties: Mapping[str, Any]
    shapes: Mapping[str, Sequence[int]]

    def name(self) -> str | None:
        """What it is called in a cache; None when the graph's files cannot be looked at."""
        try:
            files = [astuple(Candidate.at(str(file))) for file in (self.graph, self.graph.with_suffix(".bin"))]
        except OSError:
            return None
        parts = (
            _RECIPE,
            self.runtime,
            self.processor,
            files,
            sorted(self.properties.items()),
            sorted(self.shapes.items()),
        )
        return hashlib.sha256(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]


class CompileCache:
    """Compiled graphs in `folder`, which need not exist yet. Safe for several processes at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        #: A sentence about why nothing could be kept.
        self.trouble: str | None = None

    def load(self, key: Compilation) -> npt.NDArray[np.uint8] | None:
        """The bytes (n,) uint8 kept under `key`, mapped, copy on write; None when there are none, or damaged ones."""
        path = self._path(key)
        if path is None:
            return None
        try:
            kept = np.memmap(path, np.uint8, mode="c")
        except (OSError, ValueError):  # not there; an empty file cannot be mapped
            return None
        body = kept[:-_CHECKSUM_BYTES]
        if digest(body) != kept[-_CHECKSUM_BYTES:].tobytes():
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):
            os.utime(path)  # in use: not among the oldest
        return body

    def store(self, key: Compilation, make: Callable[[], bytes]) -> None:
        """Keep what `make` gives under `key`, whole or not at all; what goes wrong costs nothing but the time saved."""
        path = self._path(key)
        if path is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            clean(self.folder)
            body = make()
            write_atomically(path, body, digest(np.frombuffer(body, np.uint8)))
        except RuntimeError:  # a device that cannot export
            return
        except OSError as error:
            self.trouble = (
                f"What was compiled of the model cannot be kept in {self.folder} ({error.strerror or error}), so that "
                "every start takes longer; make room there, or name another folder by SEARCH_CACHE."
            )
            return
        with suppress(OSError):
            self._drop_oldest()

    def _path(self, key: Compilation) -> Path | None:
        name = key.name()
        return None if name is None else self.folder / f"{name}.blob"

    def _drop_oldest(self) -> None:
        blobs = sorted(self.folder.glob("*.blob"), key=lambda path: path.stat().st_mtime_ns)
        for path in blobs[:-MOST_FILES]:
            path.unlink(missing_ok=True)


def let_go(body: npt.NDArray[np.uint8]) -> None:
    """Give the memory of what `CompileCache.load` mapped back to the system; what is wanted again is read again.

    A runtime has copied most of it into forms of its own by then: 113 of 119 MB of a ViT-B-32. It must not have
    written into it.
    """
    owner: Any = body
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)
