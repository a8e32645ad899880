"""The photograph of an item, for what shows it. No call of a `Library`: it gives paths, and a server gives none."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.catalog.originals import Original, Originals
from indexer.catalog.roots import Roots
from search.calls.opened import Opened


@dataclass(frozen=True, slots=True)
class IndexedOriginal:
    """A photograph, and the `roots` that it has to lie in."""

    original: Original
    roots: tuple[str, ...]

    @property
    def digest(self) -> bytes:
        """SHA-256 of the content that was indexed."""
        return self.original.digest


def original_of(library: Opened, number: int) -> IndexedOriginal | None:
    """The photograph that an item is, or that a text is about; None where there is none. Raises StoreMissingError,
    StoreError."""
    with library._reading() as opened, opened.store.catalog.snapshot() as snapshot:
        original = Originals(snapshot).of_item(number)
        return None if original is None else IndexedOriginal(original, tuple(row.path for row in Roots(snapshot).all()))


def is_held(library: Opened, digest: bytes) -> bool:
    """Whether a photograph of this content is recorded and not gone. Raises as `original_of`."""
    with library._reading() as opened, opened.store.catalog.snapshot() as snapshot:
        return bool(Originals(snapshot).held([digest]))
