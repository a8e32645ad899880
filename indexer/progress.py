"""How a run of the indexer tells the world what it is doing; it never prints."""

from __future__ import annotations

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


class Silent:
    """Says nothing."""

    def phase(self, name: str) -> None:
        """Ignore it."""

    def total(self, files: int) -> None:
        """Ignore it."""

    def advance(self, files: int) -> None:
        """Ignore it."""
