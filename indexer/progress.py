"""How a run of the indexer tells the world what it is doing; it never prints."""

from __future__ import annotations

import math
from typing import Protocol


class Progress(Protocol):
    """Called from the thread that asked for the work. An exception raised here ends the call, which raises it; what was
    committed by then stays."""

    def phase(self, name: str) -> None:
        """A step begins: "Looking through /photos", "Building the index of images"."""
        ...

    def total(self, files: int) -> None:
        """How many files have to be read."""
        ...

    def advance(self, files: int) -> None:
        """So many more files were read and committed."""
        ...


def span(seconds: float) -> str:
    """A time that is left, about, for a person: "20 s", "3 min", "2 h 10 min"."""
    if seconds < 60:
        return f"{max(5 * math.ceil(seconds / 5), 5)} s" if seconds <= 55 else "1 min"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


class Silent:
    """Says nothing."""

    def phase(self, name: str) -> None:
        """Ignore it."""

    def total(self, files: int) -> None:
        """Ignore it."""

    def advance(self, files: int) -> None:
        """Ignore it."""
