"""The library: one store, its encoder, and everything that can be done with them.

Its calls stand in `search/calls/`, a file a subject; here they become one class.
"""

from __future__ import annotations

import os

from indexer import arguments
from indexer.arguments import checked, optional
from indexer.encoders.base import Encoder
from indexer.store_address import default_store, store_folder
from search.arguments import encoder_or_name
from search.calls.classifying import Classifying
from search.calls.collecting import Collecting
from search.calls.details import Detailing
from search.calls.dividing import Dividing
from search.calls.exporting import Exporting
from search.calls.importing import Importing
from search.calls.indexing import Indexing
from search.calls.listing import Listing
from search.calls.mapping import Mapping
from search.calls.measuring import Measuring
from search.calls.querying import Querying
from search.calls.reading import Reading
from search.calls.relocating import Relocating
from search.calls.tallying import Tallying
from search.calls.training import Training


@checked(store=optional(arguments.path), encoder=optional(encoder_or_name), device=optional(arguments.text))
def open(
    store: str | os.PathLike[str] | None = None, *, encoder: str | Encoder | None = None, device: str | None = None
) -> Library:
    """Open the store at a folder, which need not exist yet, or at the address of a server
    (`postgresql://user@host/database`); None is the default place (SEARCH_STORE).

    `encoder`: the name of an encoder (`search models` lists them) or an object that follows
    `search.Encoder`; None takes the store's own, or the bundled one for a new store. `device`: "cpu",
    "cuda", "mps", for encoders that run on torch. Nothing is read or loaded before it is needed.
    """
    return Library(default_store() if store is None else store_folder(store), encoder=encoder, device=device)


class Library(
    Indexing,
    Querying,
    Listing,
    Tallying,
    Detailing,
    Collecting,
    Relocating,
    Exporting,
    Importing,
    Dividing,
    Mapping,
    Reading,
    Measuring,
    Classifying,
    Training,
):
    """One store. Queries may come from several threads, and while another process indexes into the same store."""
