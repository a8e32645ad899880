"""Vector indexes on disk: mapped into memory on reading. `draft` writes them aside and moves them into place.

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
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from indexer.errors import StoreDamagedError
from indexer.vectors.base import INDEX_TYPES, IndexType, Tuned, VectorIndex

FORMAT: Final = 2
#: Hashing this much takes 20 ms, and brings in pages that the search wants anyway.
CHECKED_WHOLE: Final = 32 * 1024 * 1024
EDGE: Final = 1024 * 1024
BLOCK: Final = 64 * 1024
BLOCKS: Final = 16

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class IndexStamp:
    """What the manifest says of an index.

    `generation` of the catalog that it holds; `encoder`: the key it belongs to; `index_type`; `asked`: the type that
    was wanted, another where that missed the recall that was wanted; `dimension`; `count` of vectors; `file` its name;
    `size` in bytes; `checksum` of all of it and `sampled` of its edges and some blocks, both SHA-256 in hex; `tuned`:
    how it is searched, None where that was not measured.
    """

    generation: int
    encoder: str
    index_type: IndexType
    asked: IndexType
    dimension: int
    count: int
    file: str
    size: int
    checksum: str
    sampled: str
    tuned: Tuned | None


def load(folder: Path, kind: str, *, encoder: str, once: bool = False) -> tuple[VectorIndex, IndexStamp] | None:
    """The index of `kind`, mapped from its file, and its stamp; None when there is none under this `encoder` key.

    `once`: it will be asked once, and FAISS need not be imported for that where the file can be read without.
    Raises StoreDamagedError when there is one and it is not what was written.
    """
    for last_attempt in (False, True):
        stamp = read_stamp(folder, kind)
        if stamp is None or stamp.encoder != encoder:
            return None
        try:
            return _open(folder, stamp, whole=stamp.size <= CHECKED_WHOLE, once=once), stamp
        except FileNotFoundError as error:  # a writer may have replaced it since the manifest was read
            if last_attempt:
                raise _damaged(folder / stamp.file, "it is not there") from error
        except OSError as error:
            raise _damaged(folder / stamp.file, error.strerror or str(error)) from error
    return None  # not reached


def read_stamp(folder: Path, kind: str) -> IndexStamp | None:
    """What the manifest says, without opening the index (nor importing faiss); None when there is none.

    A manifest of another format belongs to another version of this product, and counts as none. Raises
    StoreDamagedError.
    """
    path = manifest_path(folder, kind)
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
    if type(content.get("format")) is int and content["format"] != FORMAT:
        return None
    problem = _problem(kind, content)
    if problem:
        raise _damaged(path, problem)
    tuned = content["tuned"]
    return IndexStamp(
        **{field.name: content[field.name] for field in fields(IndexStamp)} | {"tuned": tuned and Tuned(**tuned)}
    )


def manifest_bytes(stamp: IndexStamp) -> bytes:
    """The manifest that says what `stamp` says."""
    return json.dumps({"format": FORMAT, **asdict(stamp)}, indent=1).encode()


def verify(folder: Path, kind: str) -> list[str]:
    """Every problem of the index of `kind`, one sentence each, after reading all of it. None at all: no problem."""
    try:
        stamp = read_stamp(folder, kind)
        if stamp is not None:
            _open(folder, stamp, whole=True)
    except StoreDamagedError as error:
        return [str(error)]
    except OSError as error:
        return [str(_damaged(manifest_path(folder, kind), error.strerror or str(error)))]
    return []


def discard(folder: Path, kind: str) -> None:
    """Delete the index of `kind` and whatever is left of earlier ones. What cannot be deleted stays."""
    with suppress(OSError):
        manifest_path(folder, kind).unlink()
    clean(folder, kind, keep=None)


def check(folder: Path, kind: str, *, encoder: str) -> IndexStamp | None:
    """The stamp of the index of `kind`, whose file is what was written; None when there is none under this `encoder`.

    Without opening it (nor importing faiss). Raises StoreDamagedError.
    """
    stamp = read_stamp(folder, kind)
    if stamp is None or stamp.encoder != encoder:
        return None
    try:
        with _checked(folder, stamp, whole=stamp.size <= CHECKED_WHOLE):
            return stamp
    except OSError as error:
        raise _damaged(folder / stamp.file, error.strerror or str(error)) from error


def _checked(folder: Path, stamp: IndexStamp, *, whole: bool) -> Mapped:
    """The file, mapped. Raises OSError, and StoreDamagedError when it is not what `stamp` says."""
    path = folder / stamp.file
    mapped = Mapped(path)
    memory = mapped.memory
    if memory.size != stamp.size:
        raise _damaged(path, f"it has {memory.size:,} bytes, not {stamp.size:,}")
    if whole and hashlib.sha256(memory.data).hexdigest() != stamp.checksum:
        raise _damaged(path, "its checksum is wrong")
    if not whole and sampled(memory) != stamp.sampled:
        raise _damaged(path, "its checksum is wrong")
    return mapped


def _open(folder: Path, stamp: IndexStamp, *, whole: bool, once: bool = False) -> VectorIndex:
    """Raises OSError, and StoreDamagedError when it is not what `stamp` says."""
    mapped = _checked(folder, stamp, whole=whole)
    path = folder / stamp.file
    try:
        index = _read(stamp, mapped, once=once)
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    if index.dimension != stamp.dimension or len(index) != stamp.count:
        raise _damaged(path, f"it holds {len(index)} vectors of {index.dimension} dimensions")
    return index


def _read(stamp: IndexStamp, mapped: Mapped, *, once: bool) -> VectorIndex:
    """Raises ValueError."""
    if stamp.index_type == "flat":
        from indexer.vectors.backends.faiss_files.flat_file import read_flat

        return read_flat(mapped.memory)
    if once and stamp.index_type == "ivf-sq8":
        from indexer.vectors.backends.faiss_files.lists_index import ListsIndex

        with suppress(ValueError):  # stored flat, as few are; FAISS reads whatever it wrote
            return ListsIndex.read(stamp.index_type, mapped.memory, None if stamp.tuned is None else stamp.tuned.width)
    from indexer.vectors.backends.faiss_files.faiss_index import FaissIndex

    index = FaissIndex.read(stamp.index_type, mapped.memory)
    return index if stamp.tuned is None else index.with_width(stamp.tuned.width)


class Mapped:
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


def sampled(memory: Bytes) -> str:
    """SHA-256 of the first and last megabyte and of 16 blocks spread between them: about 3 MB in all."""
    digest = hashlib.sha256()
    digest.update(memory[:EDGE].data)
    step = max(1, memory.size // (BLOCKS + 1))
    for start in range(step, memory.size, step):
        digest.update(memory[start : start + BLOCK].data)
    digest.update(memory[max(0, memory.size - EDGE) :].data)
    return digest.hexdigest()


def clean(folder: Path, kind: str, keep: str | None) -> None:
    """Delete earlier indexes of `kind` and what killed writers left; what resists is left for the next time."""
    name = re.escape(kind)
    ours = re.compile(rf"{name}-\d+-[0-9a-f]+\.faiss|\.{name}-[0-9a-f-]+\.(faiss|json)\.tmp|\.{name}-\w+\.building")
    with suppress(OSError):
        for path in list(folder.iterdir()):
            if path.name == keep or not ours.fullmatch(path.name):
                continue
            if path.is_dir() and path.suffix == ".building":
                shutil.rmtree(path, ignore_errors=True)
                continue
            with suppress(OSError):
                path.unlink()


def manifest_path(folder: Path, kind: str) -> Path:
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
    for name in ("index_type", "asked"):
        if content.get(name) not in INDEX_TYPES:
            return f"{name} is missing or unknown"
    if not _is_tuned(content.get("tuned", "")):
        return "tuned is missing or wrong"
    if not re.fullmatch(rf"{re.escape(kind)}-\d+-[0-9a-f]+\.faiss", content["file"]):
        return "file is no name of such a file"
    return None


def _is_tuned(content: object) -> bool:
    """Whether it is a `Tuned` as JSON, or None."""
    if content is None:
        return True
    if not isinstance(content, dict) or content.keys() != {field.name for field in fields(Tuned)}:
        return False
    shares, whole = (
        [content[name] for name in ("target", "recall")],
        [content[n] for n in ("width", "proposals", "queries")],
    )
    return all(type(share) in (int, float) and 0 <= share <= 1 for share in shares) and all(
        type(number) is int and 0 <= number < 2**31 for number in whole
    )


def _damaged(path: Path, reason: str) -> StoreDamagedError:
    return StoreDamagedError(
        f"The index file {path} is damaged ({reason}); the next `search index` builds it again from the catalog."
    )
