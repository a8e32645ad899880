"""What all routes work with: one store, and what is kept beside it while the server runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, cast

from fastapi import Depends, Request

from search.library import Library
from search.library import open as open_library
from search.web.asking import Asking
from search.web.batching import Batcher
from search.web.indexing.collections import Collections
from search.web.indexing.growth import Growth
from search.web.indexing.indexer import Indexer
from search.web.settings import ServeSettings
from search.web.uploads import Uploads


class Service:
    """Made once for a server. `library` may be asked from any thread; `queries` from the event loop alone."""

    def __init__(self, folder: Path, settings: ServeSettings) -> None:
        self.settings = settings
        self.library: Library = open_library(folder)
        self.uploads = Uploads(settings.limits.uploads_bytes)
        self.asking = Asking(self.uploads, settings.limits)
        self.queries = Batcher(self.library)
        self.collections = Collections(self.library.folder)
        self.indexer = Indexer(self.library.folder)
        self.growth = Growth(self.collections.size, settings.limits.listeners)
        #: Set when the server begins to leave: answers that have no end of their own (events) end then.
        self.leaving = asyncio.Event()

    async def close(self) -> None:
        """Finish what runs, and let go of everything."""
        self.leaving.set()
        await asyncio.to_thread(self.indexer.close)
        await self.queries.close()
        self.collections.close()
        self.library.close()


def service_of(request: Request) -> Service:
    """That of the application that answers."""
    return cast(Service, request.app.state.service)


Served = Annotated[Service, Depends(service_of)]
