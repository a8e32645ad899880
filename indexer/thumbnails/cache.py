"""Thumbnails as files in the folder of a store, by the digest of the photograph's content and by size.

    thumbnails/3f/3fa9...e1-256-1.webp      SHA-256 in hex, longer side in pixels, version of the drawing

Copies of a photograph share one, and an edited photograph has a new one. When a file was last used is its time of
change, to the hour. A cache: it can be deleted at any moment, a store that may not be written or a full disk does
without it, and a file that a power cut has left half-written is told by its length and made again.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from indexer.atomic import clean, write_atomically
from indexer.errors import UsageError
from indexer.memory import amount
from indexer.private import make_in_store
from indexer.reach import regular
from indexer.settings import THUMBNAILS

#: The longer side of a thumbnail in pixels: a row of the grid, also on a dense screen, and the viewer at first.
SIDES: Final = (256, 768)
#: Version of what draws them (`drawing`); a new one makes all anew.
DRAWING: Final = 1
#: Some 20,000 photographs in both sizes.
MOST_BYTES: Final = 1_000_000_000

_NAME: Final = re.compile(r"([0-9a-f]{64})-\d+-\d+\.webp")
_SHARD: Final = re.compile(r"[0-9a-f]{2}")
#: Seconds for which a file counts as used just now: so that each hour it is noted once.
_RECENT: Final = 3_600
#: What is left when the bound is exceeded: so that not every new one looks through all.
_KEPT_SHARE: Final = 0.9


class Kept(NamedTuple):
    """A file of the cache; `used` in seconds since 1970."""

    path: str
    digest: bytes
    bytes: int
    used: float


class ThumbnailCache:
    """The thumbnails of the store in a folder. Safe to use from several threads, and beside other processes."""

    def __init__(self, store: Path, most_bytes: int | None = None) -> None:
        """`most_bytes`: None takes `most_bytes_given()`; 0 keeps nothing. Raises UsageError."""
        self._folder = store / THUMBNAILS
        self.most_bytes = most_bytes_given() if most_bytes is None else most_bytes
        self._lock = threading.Lock()
        self._bytes: int | None = None  # as far as this process knows
        self._was_full = False

    @property
    def share(self) -> float:
        """How full it is, 1 where nothing more should be made beforehand: also once something had to go for it, or what
        was made first would make way for what is made last."""
        if not self.most_bytes or self._was_full:
            return 1.0
        with self._lock:
            return self._counted() / (_KEPT_SHARE * self.most_bytes)

    def get(self, digest: bytes, side: int) -> bytes | None:
        """The thumbnail of a content; None where it is not kept. Never raises for what the disk does."""
        path = self._path(digest, side)
        try:
            if not self._is_own(path.parent) or path.is_symlink():
                return None
            with regular(path) as file:
                data = file.read()
                used = os.fstat(file.fileno()).st_mtime
        except (OSError, ValueError):
            return None
        if not _is_whole(data):
            return None
        if time.time() - used > _RECENT:
            with suppress(OSError):
                os.utime(path)
        return data

    def put(self, digest: bytes, side: int, data: bytes) -> bool:
        """Keep a thumbnail, and let the least recently used go where that is too much. False where it cannot be kept:
        nothing is lost by that."""
        if not self.most_bytes:
            return False
        path = self._path(digest, side)
        try:
            make_in_store(self._folder)
            make_in_store(path.parent)
            if not self._is_own(path.parent):  # of a received store: a way out of it
                return False
            write_atomically(path, data, lasting=False)
        except OSError:
            return False
        with self._lock:
            new = 0 if self._bytes is None else len(data)  # which a first look has seen
            self._bytes = self._counted() + new
            if self._bytes > self.most_bytes:
                self._bytes = self._trim()
                self._was_full = True
        return True

    def has(self, digest: bytes, side: int) -> bool:
        """Whether a file is there, whole or not."""
        return self._path(digest, side).is_file()

    def remove(self, digests: Iterable[bytes]) -> None:
        """Delete the thumbnails of contents, in all sizes."""
        wanted = {digest.hex() for digest in digests}
        for shard in {name[:2] for name in wanted}:
            for each in self._in_shard(self._folder / shard):
                if each.digest.hex() in wanted:
                    with suppress(OSError):
                        os.unlink(each.path)

    def all(self) -> Iterator[Kept]:
        """What is kept, in no order. Nothing behind a link, and no file of another name."""
        with suppress(OSError):
            for name in os.listdir(self._folder) if self._is_own(self._folder) else ():
                if _SHARD.fullmatch(name):
                    yield from self._in_shard(self._folder / name)

    def clean(self) -> None:
        """Take away what killed processes left half-written."""
        with suppress(OSError):
            for name in os.listdir(self._folder) if self._is_own(self._folder) else ():
                if _SHARD.fullmatch(name) and self._is_own(self._folder / name):
                    clean(self._folder / name)

    def _counted(self) -> int:
        """Bytes that are kept, as far as this process knows; it looks once."""
        if self._bytes is None:
            self._bytes = sum(each.bytes for each in self.all())
        return self._bytes

    def _in_shard(self, shard: Path) -> Iterator[Kept]:
        with suppress(OSError):
            if not self._is_own(shard):
                return
            with os.scandir(shard) as entries:
                for entry in entries:
                    found = _NAME.fullmatch(entry.name)
                    if found is not None and entry.is_file(follow_symlinks=False):
                        with suppress(OSError):
                            status = entry.stat(follow_symlinks=False)
                            yield Kept(entry.path, bytes.fromhex(found[1]), status.st_size, status.st_mtime)

    def _trim(self) -> int:
        """Delete the least recently used, down to a share of the bound; how many bytes are left."""
        kept = sorted(self.all(), key=lambda each: each.used)
        total = sum(each.bytes for each in kept)
        for each in kept:
            if total <= _KEPT_SHARE * self.most_bytes:
                break
            with suppress(OSError):
                os.unlink(each.path)
            total -= each.bytes
        return total

    def _path(self, digest: bytes, side: int) -> Path:
        name = digest.hex()
        return self._folder / name[:2] / f"{name}-{side}-{DRAWING}.webp"

    def _is_own(self, folder: Path) -> bool:
        """Whether a folder of the cache is one, and no link to another."""
        return not self._folder.is_symlink() and not folder.is_symlink()


def most_bytes_given() -> int:
    """The bound of the cache: SEARCH_THUMBNAILS, "500MB" or "0", else `MOST_BYTES`. Raises UsageError."""
    given = os.environ.get("SEARCH_THUMBNAILS", "").strip()
    if not given:
        return MOST_BYTES
    found = amount(given)
    if found is None:
        raise UsageError(
            f"SEARCH_THUMBNAILS={given!r} is no amount of disk; write it as 500MB or 2GB, 0 for none, or unset it."
        )
    return found


def _is_whole(data: bytes) -> bool:
    """Whether a WebP file has the length that it says (RIFF: the bytes after the first eight)."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP" and int.from_bytes(data[4:8], "little") + 8 == len(data)
