"""Vector indexes in files beside the catalog, mapped when they are read: `.npy` for flat ones, FAISS' own for the rest.

    <folder>/<kind>.json                              the manifest: which file is the index, and what it must be
    <folder>/<kind>-<generation>-<random>.npy         the index, never changed once it is there
    <folder>/<kind>-<generation>-<random>.faiss

The manifest is replaced last, so a reader meets the old index or the new one. Everything here is a cache of the
catalog: whatever is wrong with it, the next `search index` builds it again.

FAISS trusts the bytes it reads, and can be brought to crash by wrong ones. So size and sums of all that is used are
compared first (`blocks.py`): the whole file; of a large inverted file all but its lists, and those when they are first
probed, as reading all would defeat the mapping. `verify` reads everything.

Measured, 200,000 vectors of 384 dimensions: opened and checked in 45 ms (HNSW, 346 MB) and 14 ms (IVF-SQ8, 78 MB) with
60 and 6 MB of the file resident, against 0.08 to 0.4 s and all of it when read. A first query brings in 155 MB of HNSW
and 8 MB of IVF-SQ8, as pages that the system may take back. FAISS' own mapping flags were left: `IO_FLAG_MMAP` maps
inverted lists only and is several times slower on them, `IO_FLAG_MMAP_IFC` tells the kernel not to read ahead, which a
scan needs, and both take paths in UTF-8 only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from indexer.atomic import write_atomically
from indexer.errors import StoreDamagedError
from indexer.files.fingerprint import fingerprint
from indexer.progress import Progress, Silent
from indexer.types import Float32
from indexer.vectors.backend import FEW, BuildPlan, OpenIndex
from indexer.vectors.backends.faiss_files.blocks import Blocks, Check, block_sums, to_text
from indexer.vectors.backends.faiss_files.manifest import Manifest, damaged, manifest_path, read_manifest, unreadable
from indexer.vectors.backends.faiss_files.mapped_file import Mapped
from indexer.vectors.base import Batches, IndexState, VectorIndex

#: Summing this much takes 3 ms; then an index that is damaged is built anew before it is asked.
CHECKED_WHOLE: Final = 32 * 1024 * 1024
#: As `FEW`, of an index that is asked once: for these alone all its lists would be compared with their sums, by FAISS,
#: which had to be imported. Of 5,000 the vectors are read in that time.
FEW_ONCE: Final = 5_000
#: Times that an index is looked for again which a writer has replaced meanwhile; on a busy machine twice is not rare.
ATTEMPTS: Final = 5


class FaissFiles:
    """Implements `VectorBackend` with files in one folder. FAISS is imported where an index needs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def version(self, kind: str) -> Hashable | None:
        """See `VectorBackend.version`."""
        return fingerprint(manifest_path(self.folder, kind))

    def state(self, kind: str, key: str) -> IndexState | None:
        """See `VectorBackend.state`. Raises StoreDamagedError."""
        manifest = read_manifest(self.folder, kind)
        return None if manifest is None or manifest.key != key else manifest.state

    def open(self, kind: str, key: str, *, once: bool = False) -> OpenIndex | None:
        """See `VectorBackend.open`. Raises StoreDamagedError."""
        for last_attempt in (*[False] * ATTEMPTS, True):
            manifest = read_manifest(self.folder, kind)
            if manifest is None or manifest.key != key:
                return None
            try:
                mapped, check = self._mapped(manifest, lists_later=True)
                opened = self._opened(manifest, mapped, check, once=once)
                few = FEW_ONCE if once and manifest.state.index_type == "ivf-sq8" else FEW
                return OpenIndex(opened, manifest.state, few)
            except FileNotFoundError as error:  # a writer may have replaced it since the manifest was read
                if last_attempt:
                    raise damaged(self.folder / manifest.file, "it is not there") from error
            except OSError as error:
                raise unreadable(self.folder / manifest.file, error) from error
        return None  # not reached

    def build(
        self,
        kind: str,
        plan: BuildPlan,
        batches: Batches,
        queries: Float32 | None = None,
        progress: Progress | None = None,
    ) -> IndexState:
        """See `VectorBackend.build`; memory does not depend on how many rows there are, but for flat and HNSW.

        Raises ValueError, StoreUnwritableError.
        """
        if plan.asked != "flat":
            from indexer.vectors.backends.faiss_files.approximate import build_approximate

            state = build_approximate(self.folder, kind, plan, batches, queries, progress or Silent())
            if state is not None:
                return state
        from indexer.vectors.backends.faiss_files.flat_file import FlatRows
        from indexer.vectors.backends.faiss_files.writer import pending_file
        from indexer.vectors.recall import exact

        with pending_file(self.folder, kind, FlatRows(plan.dimension, batches), plan) as pending:
            return pending.publish(exact(plan.target))

    def keep(self, kind: str) -> bool:
        """See `VectorBackend.keep`. Raises StoreUnwritableError."""
        from indexer.vectors.backends.faiss_files.writer import clean, saying_why

        try:
            manifest = read_manifest(self.folder, kind)
            if manifest is None:
                return False
            mapped, _ = self._mapped(manifest)
        except (StoreDamagedError, OSError):
            return False
        if not manifest.sums:
            now = replace(manifest, sums=to_text(block_sums(mapped.memory)), lists=_lists(manifest, mapped))
            with saying_why(self.folder, kind):
                write_atomically(manifest_path(self.folder, kind), now.to_bytes())
        clean(self.folder, kind, keep=manifest.file)
        return True

    def verify(self, kind: str) -> list[str]:
        """See `VectorBackend.verify`."""
        path = manifest_path(self.folder, kind)
        try:
            manifest = read_manifest(self.folder, kind)
            if manifest is not None:
                path = self.folder / manifest.file
                mapped, check = self._mapped(manifest)
                if hashlib.sha256(mapped.memory.data).hexdigest() != manifest.checksum:
                    raise damaged(path, "its checksum is wrong")
                self._opened(manifest, mapped, check)
        except StoreDamagedError as error:
            return [str(error)]
        except OSError as error:
            return [str(unreadable(path, error))]
        return []

    def discard(self, kind: str) -> None:
        """See `VectorBackend.discard`."""
        from indexer.vectors.backends.faiss_files.writer import clean

        with suppress(OSError):
            manifest_path(self.folder, kind).unlink()
        clean(self.folder, kind, keep=None)

    def _mapped(self, manifest: Manifest, *, lists_later: bool = False) -> tuple[Mapped, Check | None]:
        """The file, and what compares the rest of it: all is compared here, but `lists_later` the lists of a large one.

        Raises OSError, and StoreDamagedError when it is not what was written.
        """
        path, size = self.folder / manifest.file, manifest.state.bytes
        mapped = Mapped(path)
        memory = mapped.memory
        if memory.size != size:
            raise damaged(path, f"it has {memory.size:,} bytes, not {size:,}")
        if not manifest.sums:
            if hashlib.sha256(memory.data).hexdigest() != manifest.checksum:
                raise damaged(path, "its checksum is wrong")
            return mapped, None
        blocks = Blocks(path, memory, manifest.sums)
        if manifest.lists is None or size <= CHECKED_WHOLE or not lists_later:
            blocks.check(0, size)
            return mapped, None
        blocks.check(0, manifest.lists[0])
        blocks.check(manifest.lists[1], size)
        return mapped, blocks.check

    def _opened(self, manifest: Manifest, mapped: Mapped, check: Check | None, *, once: bool = False) -> VectorIndex:
        """Raises OSError, and StoreDamagedError when it is not what was written."""
        path = self.folder / manifest.file
        try:
            index = _read(path, manifest, mapped, check, once=once)
        except ValueError as error:
            raise damaged(path, str(error)) from error
        if index.dimension != manifest.dimension or len(index) != manifest.state.count:
            raise damaged(path, f"it holds {len(index)} vectors of {index.dimension} dimensions")
        return index


def _read(path: Path, manifest: Manifest, mapped: Mapped, check: Check | None, *, once: bool) -> VectorIndex:
    """Raises ValueError, OSError."""
    index_type, tuned = manifest.state.index_type, manifest.state.tuned
    if index_type == "flat":
        from indexer.vectors.backends.faiss_files.flat_file import read_flat

        return read_flat(path)
    if once and index_type == "ivf-sq8":
        from indexer.vectors.backends.faiss_files.lists_index import ListsIndex

        with suppress(ValueError):  # stored flat, as few are; FAISS reads whatever it wrote
            return ListsIndex(mapped.memory, None if tuned is None else tuned.width, check)
    from indexer.vectors.backends.faiss_files.faiss_index import FaissIndex

    index = FaissIndex.read(index_type, mapped.memory, check)
    return index if tuned is None else index.with_width(tuned.width)


def _lists(manifest: Manifest, mapped: Mapped) -> tuple[int, int] | None:
    """Where the lists lie in a file whose bytes are right, of the type that is chosen for many vectors."""
    if manifest.state.index_type != "ivf-sq8":
        return None
    from indexer.vectors.backends.faiss_files.lists_file import read_lists

    try:
        return read_lists(mapped.memory).range
    except ValueError:  # stored flat, as few are
        return None
