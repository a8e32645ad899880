"""How many pixels may be decoded at once, so that several huge pictures do not meet in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class PixelBudget:
    """At most `most` pixels at once, but always one picture. Safe to use from several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._used = 0
        self._changed = threading.Condition()

    @contextmanager
    def held(self, pixels: int) -> Iterator[None]:
        """Wait until there is room for `pixels`, and keep it until the block is left."""
        wanted = min(pixels, self._most)
        with self._changed:
            self._changed.wait_for(lambda: self._used + wanted <= self._most)
            self._used += wanted
        try:
            yield
        finally:
            with self._changed:
                self._used -= wanted
                self._changed.notify_all()
