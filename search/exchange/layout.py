"""What a layout of an export is: something that takes batches and leaves files."""

from __future__ import annotations

from typing import Final, Literal, Protocol

from search.exchange.batches import Batch

Format = Literal["parquet", "npy", "clip-retrieval"]
"""Layouts by name."""
FORMATS: Final[tuple[Format, ...]] = ("parquet", "npy", "clip-retrieval")
#: Rows of one file where a layout has several: 4 GB of vectors of 1,024 numbers, and as clip-retrieval has them.
PART_ROWS: Final = 1_000_000


class Layout(Protocol):
    """Writes into a folder that is empty at first. Raises OSError."""

    #: Whether texts are rows too, beside photographs.
    takes_texts: bool

    def write(self, batch: Batch) -> None:
        """More rows."""
        ...

    def finish(self) -> None:
        """All rows came: every file is whole, and on the disk."""
        ...

    def close(self) -> None:
        """Let go of files, whole or not."""
        ...
