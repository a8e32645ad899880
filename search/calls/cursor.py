"""Where a listing goes on: an opaque line of text that belongs to one listing of one store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, cast

from indexer.catalog.selection import Listed
from indexer.errors import UsageError
from search.cursor_text import packed, unpacked

_HIGHEST: Final = 2**63


@dataclass(frozen=True, slots=True)
class Cursor:
    """`listing`: which one (`listing_of`). `generation`: of the catalog at its first page, `newest`: the highest id of
    an item then. `after`: the last item that was given."""

    listing: str
    generation: int
    newest: int
    after: Listed

    def __str__(self) -> str:
        fields: list[str | int | float | None] = [
            self.listing,
            self.generation,
            self.newest,
            self.after.id,
            self.after.key,
        ]
        return packed(fields)

    @classmethod
    def read(cls, text: str, listing: str, generation: int) -> Cursor:
        """Raises UsageError for what is none, that of another listing, or of another store or a later state of it."""
        try:
            own, *numbers, key = unpacked(text)
            if not isinstance(own, str) or not all(type(one) is int and 0 <= one < _HIGHEST for one in numbers):
                raise ValueError
            if not (key is None or isinstance(key, int | str)) or isinstance(key, bool):
                raise ValueError
            begun, newest, number = cast(list[int], numbers)
        except ValueError:
            raise UsageError("This `cursor` is none that a page gave; pass `Page.cursor` as it is.") from None
        if own != listing:
            raise UsageError("This `cursor` is one of another listing; give `where`, `kind` and `sort` as before.")
        if begun > generation:
            raise UsageError("This `cursor` is one of another store, or of a later state of it; begin anew.")
        return cls(own, begun, newest, Listed(number, key))


def listing_of(*what: object) -> str:
    """A short name of the listing that these say."""
    return hashlib.sha256(repr([str(each) for each in what]).encode()).hexdigest()[:16]
