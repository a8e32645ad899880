"""What was indexed at the paths of hits, read from the catalog."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from indexer.catalog.contents import Contents
from indexer.catalog.roots import Roots
from indexer.catalog.transaction import Transaction
from indexer.storage.places import normal
from search.engine.indexed_file import Indexed


def indexed_at(snapshot: Transaction, paths: Iterable[str]) -> dict[str, Indexed]:
    """What was indexed at these paths; those of which the catalog knows nothing are left out."""
    roots = [root.path for root in Roots(snapshot).all()]
    digests = Contents(snapshot).digests_at(list(dict.fromkeys(paths)))
    return {path: Indexed(digest.hex(), _lies_in(path, roots)) for path, digest in digests.items()}


def _lies_in(path: str, roots: Sequence[str]) -> bool:
    """By the letters of the path: a scan gives no other (it leaves links as they are, and knows no "..")."""
    if normal(path) != path:
        return False
    return any(path == root or path.startswith(os.path.join(root, "")) for root in roots)
