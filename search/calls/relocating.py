"""The call that says where an indexed folder is now."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from indexer import arguments
from indexer.arguments import checked
from indexer.store import Store
from search.calls.opened import Opened

if TYPE_CHECKING:
    from indexer.pipeline.relocate import Relocated


class Relocating(Opened):
    """See `search.Library`."""

    @checked(old=arguments.path, new=arguments.path)
    def relocate(self, old: str | os.PathLike[str], new: str | os.PathLike[str]) -> Relocated:
        """Say that what was indexed at `old` is at `new` now: on another drive, at another path, on another machine.

        `old`: an indexed folder, or a folder or file below one, which need not be there any more. Everything that is
        known of its files follows: ids, vectors, captions and what they are about, exclusions, patterns. Nothing is
        encoded or read, and the photographs themselves are not touched. All or nothing.

        Raises PathNotFoundError where nothing of `old` is indexed, or `new` is not there; UsageError where few of the
        files are at `new`, where other files are indexed there, and where `new` lies in `old`; StoreMissingError,
        StoreBusyError.
        """
        from indexer.pipeline.relocate import place_of, relocate

        places = place_of(old), place_of(new)
        store = Store.open(self.folder)
        try:
            with store.writing():
                return relocate(store.catalog, *places)
        finally:
            store.close()
