"""Vector indexes on disk: written aside and moved into place, mapped into memory on reading.

    <folder>/<kind>.json                              the manifest: which file is the index, and what it must be
    <folder>/<kind>-<generation>-<random>.faiss       the index, never changed once it is there

The manifest is replaced last, so a reader meets the old index or the new one. Everything here is a cache of the
catalog: whatever is wrong with it, the next `search index` builds it again.

FAISS trusts the bytes it reads, and can be brought to crash by wrong ones. So size and checksum are compared
first: the whole checksum up to `CHECKED_WHOLE` bytes; beyond, where reading all would defeat the mapping, one of
the first and last megabyte and 16 blocks between. `verify` reads everything.

Measured, 200,000 vectors of 384 dimensions: opened and checked in 8 ms (flat, 294 MB), 45 ms (HNSW, 346 MB) and
14 ms (IVF-SQ8, 78 MB) with 11, 60 and 6 MB of the file resident, against 0.08 to 0.4 s and all of it when read. A
first query brings in all of flat, 155 MB of HNSW and 8 MB of IVF-SQ8, as pages that the system may take back.
FAISS' own mapping flags were left: `IO_FLAG_MMAP` maps inverted lists only and is several times slower on them,
`IO_FLAG_MMAP_IFC` tells the kernel not to read ahead, which a scan needs, and both take paths in UTF-8 only.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import re
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from indexer.errors import StoreDamagedError, StoreUnwritableError
from indexer.vectors.base import INDEX_TYPES, IndexType

if TYPE_CHECKING:
    from indexer.vectors.faiss_index import FaissIndex

FORMAT: Final = 1
#: Hashing this much takes 20 ms, and brings in pages that the search wants anyway.
CHECKED_WHOLE: Final = 32 * 1024 * 1024
EDGE: Final = 1024 * 1024
BLOCK: Final = 64 * 1024
BLOCKS: Final = 16

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class IndexStamp:
    """What the manifest says of an index.

    `generation` of the catalog that it holds; `encoder`: the key it belongs to; `index_type`, as asked for;
    `dimension`; `count` of vectors; `file` its name; `size` in bytes; `checksum` of all of it and `sampled` of its
    edges and some blocks, both SHA-256 in hex.
    """

    generation: int
    encoder: str
    index_type: IndexType
    dimension: int
    count: int
    file: str
    size: int
    checksum: str
    sampled: str


def save(folder: Path, kind: str, index: FaissIndex, *, generation: int, encoder: str) -> IndexStamp:
    """Make `index` the index of `kind`, in place of any before it. One writer at a time (the store's lock).

    Raises StoreUnwritableError, and then whatever was there before still is.
    """
    name = f"{kind}-{generation}-{secrets.token_hex(4)}.faiss"
    aside, manifest_aside = folder / f".{name}.tmp", folder / f".{kind}-{secrets.token_hex(4)}.json.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        checksum = _write_index(aside, index)
        with _Mapped(aside) as memory:
            size, sampled = memory.size, _sampled(memory)
        stamp = IndexStamp(
            generation, encoder, index.index_type, index.dimension, len(index), name, size, checksum, sampled
        )
        os.replace(aside, folder / name)
        _sync_folder(folder)  # the file is there for good before anything names it
        _write_bytes(manifest_aside, json.dumps({"format": FORMAT, **asdict(stamp)}, indent=1).encode())
        os.replace(manifest_aside, _manifest(folder, kind))
        _sync_folder(folder)
    except OSError as error:
        for path in (aside, manifest_aside):
            with suppress(OSError):
                path.unlink()
        raise StoreUnwritableError(
            f"The {kind} index cannot be written in {folder} ({error.strerror or error}); "
            "free some space or mend the permissions, then run `search index` again."
        ) from error
    _clean(folder, kind, keep=name)
    return stamp


def load(folder: Path, kind: str, *, encoder: str) -> tuple[FaissIndex, IndexStamp] | None:
    """The index of `kind`, mapped from its file, and its stamp; None when there is none under this `encoder` key.

    Raises StoreDamagedError when there is one and it is not what was written.
    """
    for last_attempt in (False, True):
        stamp = read_stamp(folder, kind)
        if stamp is None or stamp.encoder != encoder:
            return None
        try:
            return _open(folder, kind, stamp, whole=stamp.size <= CHECKED_WHOLE), stamp
        except FileNotFoundError as error:  # a writer may have replaced it since the manifest was read
            if last_attempt:
                raise _damaged(folder / stamp.file, "it is not there") from error
        except OSError as error:
            raise _damaged(folder / stamp.file, error.strerror or str(error)) from error
    return None  # not reached


def read_stamp(folder: Path, kind: str) -> IndexStamp | None:
    """What the manifest says, without opening the index (nor importing faiss); None when there is none.

    A manifest of another format belongs to another version of this product: it counts as none. Raises
    StoreDamagedError.
    """
    path = _manifest(folder, kind)
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "it is not JSON") from error
    if not isinstance(content, dict):
        raise _damaged(path, "it is not a manifest")
    if isinstance(content.get("format"), int) and content["format"] > FORMAT:
        return None
    problem = _problem(kind, content)
    if problem:
        raise _damaged(path, problem)
    return IndexStamp(**{field.name: content[field.name] for field in fields(IndexStamp)})


def verify(folder: Path, kind: str) -> list[str]:
    """Every problem of the index of `kind`, one sentence each, after reading all of it. None at all: no problem."""
    try:
        stamp = read_stamp(folder, kind)
        if stamp is not None:
            _open(folder, kind, stamp, whole=True)
    except StoreDamagedError as error:
        return [str(error)]
    except OSError as error:
        return [str(_damaged(_manifest(folder, kind), error.strerror or str(error)))]
    return []


def discard(folder: Path, kind: str) -> None:
    """Delete the index of `kind` and whatever is left of earlier ones. What cannot be deleted stays."""
    with suppress(OSError):
        _manifest(folder, kind).unlink()
    _clean(folder, kind, keep=None)


def _open(folder: Path, kind: str, stamp: IndexStamp, *, whole: bool) -> FaissIndex:
    """Raises OSError, and StoreDamagedError when it is not what `stamp` says."""
    from indexer.vectors.faiss_index import FaissIndex

    path = folder / stamp.file
    mapped = _Mapped(path)
    memory = mapped.memory
    if memory.size != stamp.size:
        raise _damaged(path, f"it has {memory.size:,} bytes, not {stamp.size:,}")
    if whole and hashlib.sha256(memory.data).hexdigest() != stamp.checksum:
        raise _damaged(path, "its checksum is wrong")
    if not whole and _sampled(memory) != stamp.sampled:
        raise _damaged(path, "its checksum is wrong")
    try:
        index = FaissIndex.read(stamp.index_type, memory)
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    if index.dimension != stamp.dimension or len(index) != stamp.count:
        raise _damaged(path, f"it holds {len(index)} vectors of {index.dimension} dimensions")
    if stamp.index_type == "flat":
        mapped.read_ahead()
    return index


class _Mapped:
    """A file as (size,) uint8, mapped for reading; the array keeps the mapping alive. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._map: mmap.mmap | None = None
        self.memory: Bytes = np.empty(0, dtype=np.uint8)
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size:  # an empty file cannot be mapped
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                self.memory = np.frombuffer(self._map, dtype=np.uint8)

    def __enter__(self) -> Bytes:
        return self.memory

    def __exit__(self, *_: object) -> None:
        """Let go at once: Windows moves no file that is mapped."""
        self.memory = np.empty(0, dtype=np.uint8)
        if self._map is not None:
            with suppress(BufferError):  # somebody kept the array
                self._map.close()

    def read_ahead(self) -> None:
        """A scan wants all of it: let the system fetch it in large pieces meanwhile."""
        if self._map is not None and hasattr(mmap, "MADV_WILLNEED"):
            with suppress(OSError):
                self._map.madvise(mmap.MADV_WILLNEED)


def _sampled(memory: Bytes) -> str:
    """SHA-256 of the first and last megabyte and of 16 blocks spread between them: about 3 MB in all."""
    digest = hashlib.sha256()
    digest.update(memory[:EDGE].data)
    step = max(1, memory.size // (BLOCKS + 1))
    for start in range(step, memory.size, step):
        digest.update(memory[start : start + BLOCK].data)
    digest.update(memory[max(0, memory.size - EDGE) :].data)
    return digest.hexdigest()


def _write_index(path: Path, index: FaissIndex) -> str:
    """Write and sync; returns the SHA-256. Raises OSError."""
    digest = hashlib.sha256()
    failures: list[OSError] = []
    with path.open("xb") as file:

        def sink(block: bytes) -> None:
            digest.update(block)
            try:
                file.write(block)
            except OSError as error:  # it would be lost on its way through FAISS
                failures.append(error)
                raise

        try:
            index.write(sink)
        except RuntimeError as error:
            raise (failures[0] if failures else OSError(str(error))) from error
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _write_bytes(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make the moves in `folder` last through a power cut; only POSIX can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _clean(folder: Path, kind: str, keep: str | None) -> None:
    """Delete earlier indexes of `kind` and what killed writers left; what resists is left for the next time."""
    ours = re.compile(rf"{re.escape(kind)}-\d+-[0-9a-f]+\.faiss|\.{re.escape(kind)}-[0-9a-f-]+\.(faiss|json)\.tmp")
    with suppress(OSError):
        for path in list(folder.iterdir()):
            if path.name != keep and ours.fullmatch(path.name):
                with suppress(OSError):
                    path.unlink()


def _manifest(folder: Path, kind: str) -> Path:
    return folder / f"{kind}.json"


def _problem(kind: str, content: dict[str, Any]) -> str | None:
    """Why `content` is no manifest of `kind`, or None."""
    whole, text = ("generation", "dimension", "count", "size"), ("encoder", "file", "checksum", "sampled")
    if content.get("format") != FORMAT:
        return "it names no known format"
    for name in whole:
        if type(content.get(name)) is not int or content[name] < 0:
            return f"{name} is missing or no whole number"
    for name in text:
        if not isinstance(content.get(name), str):
            return f"{name} is missing or no text"
    if content.get("index_type") not in INDEX_TYPES:
        return "index_type is missing or unknown"
    if not re.fullmatch(rf"{re.escape(kind)}-\d+-[0-9a-f]+\.faiss", content["file"]):
        return "file is no name of such a file"
    return None


def _damaged(path: Path, reason: str) -> StoreDamagedError:
    return StoreDamagedError(
        f"The index file {path} is damaged ({reason}); the next `search index` builds it again from the catalog."
    )
