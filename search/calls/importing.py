"""The call that takes vectors over from other programs and other stores."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from indexer import arguments
from indexer.arguments import checked, each, optional
from indexer.errors import PathNotFoundError
from indexer.paths import absolute
from indexer.progress import Progress, Silent
from indexer.reach import look_named
from search.arguments import progress_given
from search.calls.opened import Opened

if TYPE_CHECKING:
    from search.exchange.importing import Imported


class Importing(Opened):
    """See `search.Library`."""

    @checked(source=arguments.path, folders=each(arguments.path), progress=optional(progress_given))
    def import_from(
        self,
        source: str | os.PathLike[str],
        *folders: str | os.PathLike[str],
        progress: Progress | None = None,
    ) -> Imported:
        """Take over vectors that were computed before, and the photographs that they are of; nothing is encoded.

        `source`: a folder that `export` wrote, one of clip-retrieval (`img_emb`, `metadata`), or the database of rclip
        3 or 4. `folders`: where the photographs lie, which are indexed from now on; none: those that an export names,
        or the one that holds all of them. Photographs that are gone, or have changed, are left out. The encoder has to
        be the one that made them. An export tells which; of anything else a sample of photographs is encoded anew, and
        the mean cosine has to be 0.99. Tokens for reranking come along where an export has them, unless the store is
        there and keeps none.

        Raises PathNotFoundError, UsageError for what cannot be imported, EncoderMismatchError for another encoder,
        EncoderError, StoreBusyError, StoreError, and what `progress` raises: what came in by then stays.
        """
        from indexer.files.names import as_named
        from search.exchange.importing import import_from

        path = absolute(source)
        named = [as_named(folder) for folder in folders]
        for place in (path, *named):
            if look_named(place) is None:
                raise PathNotFoundError(f"{place} is not there; check the spelling, or whether its drive is mounted.")
        self.close()
        return import_from(self.folder, Path(path), named, self._models, self._device, progress or Silent())
