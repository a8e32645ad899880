"""Vectors of photographs that are in no store, kept so that a second look at a folder is quick. A cache: one file an
encoder in the cache folder, by content, bounded; it can be deleted at any moment.

CRC-32 of all that follows, and how many rows there are      2 x uint32, little-endian
digests                                                      (n, 32) uint8, SHA-256, those of the last run last
vectors                                                      (n, d) float32, little-endian, unit norm
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from indexer.atomic import write_atomically
from indexer.encoders.answers import NORM_SLACK
from indexer.encoders.base import EncoderId
from indexer.reach import beginning
from indexer.settings import cache_folder
from indexer.types import Float32

_HEAD: Final = struct.Struct("<II")
_DIGEST: Final = 32
#: 70,000 photographs of 448 numbers, in a file.
MAX_BYTES: Final = 128_000_000
#: Encoders whose files are kept, those that were used last.
MAX_FILES: Final = 4
#: The folder, in that of the caches.
FOLDER: Final = "vectors"


class VectorCache:
    """Vectors (d,) float32, unit norm, by digest, under one encoder. `folder`: None keeps nothing."""

    def __init__(self, identity: EncoderId, folder: Path | None) -> None:
        self._dimension = identity.dimension
        self._most = (MAX_BYTES - _HEAD.size) // (_DIGEST + 4 * identity.dimension)
        made = f"{identity.weights}\0{identity.dimension}\0{identity.preprocessing}"
        name = f"{hashlib.sha256(made.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.vectors"
        self._path = None if folder is None else folder / name
        self._kept: dict[bytes, Float32] = {} if self._path is None else _read(self._path, self._dimension)
        self._used: dict[bytes, Float32] = {}
        self._new = False

    @classmethod
    def of(cls, identity: EncoderId) -> VectorCache:
        """That of this user."""
        folder = cache_folder()
        return cls(identity, None if folder is None else folder / FOLDER)

    def get(self, digest: bytes) -> Float32 | None:
        """The vector of a content; None where it is not kept. Safe to call from several threads."""
        found = self._kept.get(digest)
        if found is not None:
            self._used[digest] = found
        return found

    def add(self, digest: bytes, vector: Float32) -> None:
        """Keep one. It is in the file after `save`, unless so many came behind it that it is not kept any more."""
        self._kept[digest] = self._used[digest] = vector
        self._new = True
        if len(self._kept) > self._most:
            oldest = next(iter(self._kept))
            del self._kept[oldest]
            self._used.pop(oldest, None)

    def save(self) -> None:
        """Write what came, where something did; the newest within the bound. A cache that cannot be written is done
        without."""
        if self._path is None or not self._new:
            return
        self._new = False
        old = {digest: vector for digest, vector in self._kept.items() if digest not in self._used}
        kept = list((old | self._used).items())[-self._most :]
        digests = b"".join(digest for digest, _ in kept)
        vectors = np.stack([vector for _, vector in kept]).astype("<f4")  # (n, d)
        rest = struct.pack("<I", len(kept)) + digests + vectors.tobytes()
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self._path, struct.pack("<I", zlib.crc32(rest)), rest, lasting=False)
            os.chmod(self._path, 0o600)  # a vector says what its photograph shows
            _take_away_oldest(self._path.parent)


def _read(path: Path, dimension: int) -> dict[bytes, Float32]:
    """What a file holds; nothing where there is none, or it is not what was written."""
    try:
        data = beginning(path, MAX_BYTES + 1)
    except (OSError, ValueError):
        return {}
    if not _HEAD.size <= len(data) <= MAX_BYTES:
        return {}
    total, count = _HEAD.unpack_from(data)
    begin = _HEAD.size + _DIGEST * count
    if len(data) != begin + 4 * dimension * count or zlib.crc32(memoryview(data)[4:]) != total:
        return {}
    vectors = np.frombuffer(data, "<f4", offset=begin).reshape(count, dimension).astype(np.float32)  # (n, d)
    if not bool((np.abs(np.vecdot(vectors, vectors) - 1) <= NORM_SLACK).all()):
        return {}
    digests = (data[at : at + _DIGEST] for at in range(_HEAD.size, begin, _DIGEST))
    with suppress(OSError):
        os.utime(path)
    return dict(zip(digests, vectors, strict=True))


def _take_away_oldest(folder: Path) -> None:
    """Raises OSError."""
    files = sorted(folder.glob("*.vectors"), key=lambda path: path.stat().st_mtime)
    for path in files[:-MAX_FILES]:
        path.unlink()
