"""What was indexed at a path, so that nothing else that lies there is given away.

Pages and copies leave a machine. A catalog is a file that may come from a stranger, and may name any path; a link or an
edit may have put another file where a photograph was. So a file's content goes into a page or a copy only where it is
what was indexed, by its SHA-256, and its path lies in an indexed folder. Whoever made up a catalog would have to know
the content already.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from indexer.catalog.contents import Contents
from indexer.catalog.roots import Roots
from indexer.catalog.transaction import Transaction

#: Why a file is not given away.
CHANGED = "it was changed since it was indexed; `index()` reads it again"
OUTSIDE = "it lies outside of the indexed folders"


@dataclass(frozen=True, slots=True)
class Indexed:
    """`digest`: SHA-256 in hex of the content that was indexed; `inside`: the path lies in an indexed folder."""

    digest: str
    inside: bool = True

    def refusal(self, content: bytes) -> str | None:
        """Why `content`, which was read at the path, is not given away; None where it may be."""
        if not self.inside:
            return OUTSIDE
        return None if hashlib.sha256(content).hexdigest() == self.digest else CHANGED


def indexed_at(snapshot: Transaction, paths: Iterable[str]) -> dict[str, Indexed]:
    """What was indexed at these paths; those of which the catalog knows nothing are left out."""
    roots = [root.path for root in Roots(snapshot).all()]
    digests = Contents(snapshot).digests_at(list(dict.fromkeys(paths)))
    return {path: Indexed(digest.hex(), _lies_in(path, roots)) for path, digest in digests.items()}


def _lies_in(path: str, roots: Sequence[str]) -> bool:
    """By the letters of the path: a scan gives no other (it leaves links as they are, and knows no "..")."""
    if os.path.normpath(path) != path:
        return False
    return any(path == root or path.startswith(os.path.join(root, "")) for root in roots)
