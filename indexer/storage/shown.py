"""Whether the files of hits are there, as far as that is told at once: a query asks no store of objects. Light."""

from __future__ import annotations

import os

from indexer import reach
from indexer.storage.places import container_of, is_url


def is_shown(path: str) -> bool:
    """Whether a file is there; of a member of a container the container, of a URL what the last run knew."""
    return is_url(path) or os.path.exists(container_of(path) or path)


def is_missing(path: str) -> bool:
    """Whether nothing is at a path for certain; see `is_shown`."""
    return not is_url(path) and reach.is_missing(container_of(path) or path)
