"""Where a listing goes on: an opaque line of text that belongs to one listing of one store."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Final

from indexer.catalog.selection import Listed
from indexer.errors import UsageError

#: No cursor is longer: the longest thing in one is the name of a file.
_LONGEST: Final = 4_000
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
        fields = [self.listing, self.generation, self.newest, self.after.id, self.after.key]
        return base64.urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode()

    @classmethod
    def read(cls, text: str, listing: str, generation: int) -> Cursor:
        """Raises UsageError for what is none, that of another listing, or of another store or a later state of it."""
        try:
            if len(text) > _LONGEST:
                raise ValueError
            found = json.loads(base64.b64decode(text.encode("ascii"), b"-_", validate=True))
            if not isinstance(found, list):
                raise ValueError
            own, begun, newest, number, key = found
            numbers = (begun, newest, number)
            if not isinstance(own, str) or not all(type(one) is int and 0 <= one < _HIGHEST for one in numbers):
                raise ValueError
            if key is not None and type(key) not in (int, str):
                raise ValueError
        except (ValueError, binascii.Error, RecursionError):
            raise UsageError("This `cursor` is none that a page gave; pass `Page.cursor` as it is.") from None
        if own != listing:
            raise UsageError("This `cursor` is one of another listing; give `where`, `kind` and `sort` as before.")
        if begun > generation:
            raise UsageError("This `cursor` is one of another store, or of a later state of it; begin anew.")
        return cls(own, begun, newest, Listed(number, key))


def listing_of(*what: object) -> str:
    """A short name of the listing that these say."""
    return hashlib.sha256(repr([str(each) for each in what]).encode()).hexdigest()[:16]
