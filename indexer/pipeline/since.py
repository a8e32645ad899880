"""Whether others have written into a catalog while a run was at work."""

from __future__ import annotations

from indexer.catalog.catalog import Catalog


class Since:
    """A moment: its generation of the catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        with catalog.snapshot() as snapshot:
            self.generation = snapshot.generation
        self._changes = catalog.changes

    def others_wrote(self) -> bool:
        """Whether the catalog has changed more often since then than this process has changed it."""
        with self._catalog.snapshot() as snapshot:
            return snapshot.generation - self.generation != self._catalog.changes - self._changes
