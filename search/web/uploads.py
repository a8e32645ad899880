"""Images that clients ask with, kept in memory: the last ones, up to a number of bytes."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from indexer.errors import NotAnImageError
from indexer.images.sniff import SNIFFED_BYTES, sniff
from search.web.problems import ProblemError


class Receiving:
    """One upload on its way, which may have `most_bytes`, and all together what `Uploads` may keep."""

    def __init__(self, uploads: Uploads, most_bytes: int) -> None:
        self._uploads = uploads
        self._most_bytes = most_bytes
        self._chunks: list[bytes] = []
        self.bytes = 0

    def add(self, chunk: bytes) -> None:
        """Take what came. Raises ProblemError where it is too much."""
        if self.bytes + len(chunk) > self._most_bytes:
            limit = f"{self._most_bytes / 1e6:,.6g} MB"
            raise ProblemError(413, "upload-too-large", f"The image has more than {limit}; make it smaller.")
        self._uploads.take(len(chunk))
        self.bytes += len(chunk)
        self._chunks.append(chunk)

    def content(self) -> bytes:
        """All of it."""
        content, self._chunks = b"".join(self._chunks), []
        return content


class Uploads:
    """By the digest of their content, so that the same image twice is one. Safe to use from several threads."""

    def __init__(self, most_bytes: int, most_of_one: int) -> None:
        self._most_bytes = most_bytes
        self._most_of_one = most_of_one
        self._on_the_way = 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @asynccontextmanager
    async def receiving(self) -> AsyncIterator[Receiving]:
        """An upload as it comes; what it takes is given back in the end."""
        part = Receiving(self, self._most_of_one)
        try:
            yield part
        finally:
            with self._lock:
                self._on_the_way -= part.bytes

    def take(self, more: int) -> None:
        """So many bytes more are on their way. Raises ProblemError where all together are too many."""
        with self._lock:
            if self._on_the_way + more > self._most_bytes:
                raise ProblemError(
                    503, "busy", "Too many images are being uploaded; try again in a moment.", {"Retry-After": "2"}
                )
            self._on_the_way += more

    def add(self, content: bytes) -> str:
        """Keep the content of an image file; its name. Raises NotAnImageError."""
        if sniff(content[:SNIFFED_BYTES]) is None:
            raise NotAnImageError("What was uploaded is no image that can be read; send a JPEG, PNG, WebP or HEIC.")
        name = hashlib.sha256(content).hexdigest()[:32]
        with self._lock:
            if name not in self._kept:
                self._kept[name] = content
                self._bytes += len(content)
            self._kept.move_to_end(name)
            while self._bytes > self._most_bytes and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= len(gone)
        return name

    def get(self, name: str) -> bytes:
        """Raises ProblemError where it is not kept, or no longer."""
        with self._lock:
            content = self._kept.get(name)
            if content is not None:
                self._kept.move_to_end(name)
        if content is None:
            raise ProblemError(404, "upload-gone", "That image is no longer kept here; upload it again.")
        return content

    def drop(self, name: str) -> None:
        """Forget it, where it is there."""
        with self._lock:
            self._bytes -= len(self._kept.pop(name, b""))
