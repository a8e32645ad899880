"""What an import reads from: rows with vectors, in batches, twice if need be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from indexer.encoders.base import EncoderId, TokenShape
from indexer.errors import UsageError
from indexer.pipeline.take_over import GivenImage
from indexer.types import Float32, Int8, Kind


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A photograph, or a `text`; `origin`: the file that a text comes from, where that is no photograph. `tokens`:
    (t, width) int8, where the source has some."""

    kind: Kind
    image: GivenImage
    text: str | None = None
    origin: str | None = None
    tokens: Int8 | None = None


class Source(Protocol):
    """`name` of its kind for people; `identity`: what made the vectors, None where it does not say; `encoder`: what is
    known to have made them, by name; `roots`: the folders, where it says; `tokens`: the shape of those that it has."""

    @property
    def name(self) -> str: ...
    @property
    def identity(self) -> EncoderId | None: ...
    @property
    def encoder(self) -> str | None: ...
    @property
    def roots(self) -> tuple[tuple[str, tuple[str, ...]], ...]: ...
    @property
    def tokens(self) -> TokenShape | None: ...

    def batches(self) -> Iterator[tuple[list[SourceRow], Float32]]:
        """Rows, and their vectors (n, d) float32 as they stand there. Raises UsageError for what does not read."""
        ...


def damaged(path: Path, why: str) -> UsageError:
    """What is said of a source that is half-written or damaged."""
    return UsageError(f"{path} cannot be imported ({why}); export it again, or name another.")


def matrix(path: Path, dimension: int | None) -> Float32:
    """Vectors (n, d) of numpy, mapped and not read; never a pickle. `dimension`: d, where it is known.

    Raises UsageError for anything else.
    """
    found = _mapped(path)
    if found.dtype.kind != "f" or found.dtype.itemsize > 8:
        raise damaged(path, "it is no matrix (n, d) of numbers")
    if dimension is not None and found.shape[1] != dimension:
        raise damaged(path, f"its vectors have {found.shape[1]} numbers, and those of its encoder {dimension}")
    return found


class TokenRows:
    """Tokens of a file of numpy (m, width) int8, taken from its begin, so many for each row of a table. Raises
    UsageError for a file that is none, or has fewer or more."""

    def __init__(self, path: Path, shape: TokenShape) -> None:
        self._path = path
        self._shape = shape
        self._rows = _mapped(path)
        self._done = 0
        if self._rows.dtype != np.int8 or self._rows.shape[1] != shape.width:
            raise damaged(path, f"it is no matrix (n, {shape.width}) of int8")

    def take(self, count: object) -> Int8 | None:
        """The next ones; None for 0."""
        if type(count) is not int or not 0 <= count <= most_tokens(self._shape):
            raise damaged(self._path, f"a row of its table says that it has {count} tokens")
        self._done += count
        if self._done > len(self._rows):
            raise damaged(self._path, "it lacks tokens of its table")
        return np.array(self._rows[self._done - count : self._done]) if count else None

    def finish(self) -> None:
        """All rows of the table were told."""
        if self._done != len(self._rows):
            raise damaged(self._path, "it has more tokens than its table")


def most_tokens(shape: TokenShape) -> int:
    """What an image or a text may have."""
    return max(shape.regions, shape.words)


def _mapped(path: Path) -> np.ndarray[Any, Any]:
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise damaged(path, "it is no matrix of numpy, or not whole") from error
    if not isinstance(found, np.ndarray) or found.ndim != 2:
        raise damaged(path, "it is no matrix (n, d) of numbers")
    return found
