"""The call that writes a store's vectors for other programs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from indexer import arguments
from indexer.arguments import checked, flag, instance, one_of, optional
from indexer.catalog.encoders import Encoders
from indexer.catalog.tokens import Tokens
from indexer.errors import UsageError
from indexer.paths import absolute
from indexer.progress import Progress, Silent
from indexer.reach import shown_store
from search.arguments import progress_given
from search.calls.opened import Opened
from search.exchange.layout import FORMATS, Format
from search.query.resolve import resolve

if TYPE_CHECKING:
    from search.exchange.export import Exported
    from search.query.filter import Filter


class Exporting(Opened):
    """See `search.Library`."""

    @checked(
        out=arguments.path,
        format=one_of(FORMATS),
        where=optional(instance("search.query.filter", "Filter")),
        replace=flag,
        tokens=flag,
        progress=optional(progress_given),
    )
    def export(
        self,
        out: str | os.PathLike[str],
        *,
        format: Format = "parquet",
        where: Filter | None = None,
        replace: bool = False,
        tokens: bool = False,
        progress: Progress | None = None,
    ) -> Exported:
        """Write vectors (n, d) and what is known of the items that `where` leaves (None: all) to the folder `out`.

        `format`: "parquet" (one table in parts of a million rows), "npy" (`vectors.npy`, and `items.jsonl` with a line
        a row), "clip-retrieval" (its folders `img_emb`, `text_emb` and `metadata`; photographs alone). The encoder's
        identity stands beside them in `export.json`. A few thousand items are in memory at a time. The folder is there
        whole in the end, or as it was; `replace`: an earlier export there is replaced. `tokens`: those of the reranker
        are written too, some ten times as many bytes as the vectors.

        Raises UsageError for a folder that holds anything else, or that cannot be written, where the package pyarrow is
        not installed ("npy" needs none), and for tokens that the store does not keep; StoreMissingError, StoreError,
        and what `progress` raises.
        """
        from search.exchange.batches import Batches
        from search.exchange.export import export

        criterion = None if where is None else resolve(where).criterion
        place = Path(absolute(out))
        with self._reading() as opened:
            with opened.store.catalog.snapshot() as snapshot:
                row, identity = Encoders(snapshot).required()
                shape = Tokens(snapshot).shape(row) if tokens else None
            if tokens and shape is None:
                raise UsageError(
                    f"{shown_store(self.folder)} keeps no tokens; `index(settings=IndexSettings(tokens=True))` "
                    "computes them, or export without `tokens`."
                )
            width = None if shape is None else shape.width
            batches = Batches(opened.store.catalog, criterion, row, identity.dimension, width)
            return export(place, format, identity, batches, progress or Silent(), replace=replace, tokens=shape)
