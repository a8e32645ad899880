"""What was forgotten, as a run asks for it: texts about it are not taken in again, however they are written down."""

from __future__ import annotations

import os

from indexer.catalog.catalog import Catalog
from indexer.catalog.exclusions import Exclusions
from indexer.catalog.files import Files
from indexer.catalog.roots import Roots
from indexer.path_forms import spellings


class ForgottenPaths:
    """The paths that are forgotten at the moment in which this is made. Safe to use from several threads."""

    def __init__(self, catalog: Catalog) -> None:
        with catalog.snapshot() as snapshot:
            self._excluded = frozenset(Exclusions(snapshot).all())
            self._roots = frozenset(row.path for row in Roots(snapshot).all())
            self._files = frozenset(Files(snapshot).forgotten())

    def __bool__(self) -> bool:
        return bool(self._excluded or self._files)

    def __contains__(self, path: object) -> bool:
        """Whether a file at `path` was forgotten: by itself, or with a folder in which no root lies around it."""
        return isinstance(path, str) and bool(self) and any(map(self._has, spellings(path)))

    def _has(self, path: str) -> bool:
        if path in self._files:
            return True
        while path not in self._roots:  # the nearest decides
            if path in self._excluded:
                return True
            above = os.path.dirname(path)
            if above == path:
                return False
            path = above
        return path in self._excluded
