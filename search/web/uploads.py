"""Images that clients ask with, kept in memory: the last ones, up to a number of bytes."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

from indexer.errors import NotAnImageError
from indexer.images.sniff import is_image
from search.web.problems import ProblemError


class Uploads:
    """By the digest of their content, so that the same image twice is one. Safe to use from several threads."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, content: bytes) -> str:
        """Keep the content of an image file; its name. Raises NotAnImageError."""
        if not is_image(content):
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
