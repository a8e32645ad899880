"""What an import reads from: rows with vectors, in batches, twice if need be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from indexer.encoders.base import EncoderId
from indexer.errors import UsageError
from indexer.pipeline.take_over import GivenImage
from indexer.types import Float32, Kind


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A photograph, or a `text`; `origin`: the file that a text comes from, where that is no photograph."""

    kind: Kind
    image: GivenImage
    text: str | None = None
    origin: str | None = None


class Source(Protocol):
    """`name` of its kind for people; `identity`: what made the vectors, None where it does not say; `encoder`: what is
    known to have made them, by name; `roots`: the folders, where it says."""

    @property
    def name(self) -> str: ...
    @property
    def identity(self) -> EncoderId | None: ...
    @property
    def encoder(self) -> str | None: ...
    @property
    def roots(self) -> tuple[tuple[str, tuple[str, ...]], ...]: ...

    def batches(self) -> Iterator[tuple[list[SourceRow], Float32]]:
        """Rows, and their vectors (n, d) float32 as they stand there. Raises UsageError for what does not read."""
        ...


def damaged(path: Path, why: str) -> UsageError:
    """What is said of a source that is half-written or damaged."""
    return UsageError(f"{path} cannot be imported ({why}); export it again, or name another.")


def matrix(path: Path, dimension: int | None) -> Float32:
    """A matrix (n, d) of numpy, mapped and not read; never a pickle. `dimension`: d, where it is known.

    Raises UsageError for anything else.
    """
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise damaged(path, "it is no matrix of numpy, or not whole") from error
    if not isinstance(found, np.ndarray) or found.ndim != 2 or found.dtype.kind != "f" or found.dtype.itemsize > 8:
        raise damaged(path, "it is no matrix (n, d) of numbers")
    if dimension is not None and found.shape[1] != dimension:
        raise damaged(path, f"its vectors have {found.shape[1]} numbers, and those of its encoder {dimension}")
    return found
