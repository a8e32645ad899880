"""What all routes work with: one store, and what is kept beside it while the server runs."""

from __future__ import annotations

import asyncio
from copy import copy
from pathlib import Path
from typing import Annotated, cast

from fastapi import Depends, Request

from indexer.errors import SearchError
from search.calls.details import StoreState
from search.library import Library
from search.library import open as open_library
from search.web.asking import Asking
from search.web.batching import Batcher
from search.web.hosts import by_socket
from search.web.indexing.collections import Sizes
from search.web.indexing.growth import Growth
from search.web.indexing.indexer import Indexer
from search.web.mapping.maker import MapMaker
from search.web.metrics import Metrics
from search.web.pictures import Pictures
from search.web.problems import ProblemError
from search.web.settings import ServeSettings
from search.web.shown import Shown
from search.web.states import States
from search.web.store_watch import StoreWatch
from search.web.uploads import Uploads


class Service:
    """Made once for a server. `library` may be asked from any thread; `queries` from the event loop alone."""

    def __init__(self, folder: Path, settings: ServeSettings) -> None:
        self.settings = settings
        self.library: Library = open_library(folder)
        self.states = States(self.library)
        self.metrics = Metrics()
        self.uploads = Uploads(settings.limits.uploads_bytes, settings.limits.upload_bytes)
        self.asking = Asking(self.uploads, settings.limits)
        self.queries = Batcher(self.library, answered=self.metrics.answered)
        self.pictures = Pictures(self.library)
        self.indexer = Indexer(self.library.folder)
        self.maps = MapMaker(self.library)
        self.growth = Growth(Sizes(self.library).now, settings.limits.listeners)
        #: Set when the server begins to leave: answers that have no end of their own (events) end then.
        self.leaving = asyncio.Event()
        self.watch = StoreWatch(self.library)
        told = settings.show_paths
        self._tells_paths = settings.is_for_here_alone if told is None else told
        #: The same for who asks over the store's own socket, and may see everything.
        self.for_owner = copy(self)
        self.for_owner._tells_paths = True

    @property
    def tells_paths(self) -> bool:
        """Whether answers may hold whole paths, for who asks for them."""
        return self._tells_paths

    def shown(self, state: StoreState, *, paths: bool = False) -> Shown:
        """How places are told in an answer; `paths`: the client asks for whole paths. Raises ProblemError where these
        are not told."""
        if paths and not self._tells_paths:
            raise ProblemError(
                403, "paths-not-told", "This server tells no paths of its machine; leave out paths=true."
            )
        return Shown(state.roots, self.library.folder, paths)

    def sentence(self, said: str) -> str:
        """A sentence of an error as clients may read it, whatever state the store is in. Reads the store."""
        try:
            return self.shown(self.library.state()).sentence(said)
        except SearchError:
            return Shown((), self.library.folder).sentence(said)

    async def close(self) -> None:
        """Finish what runs, and let go of everything."""
        self.leaving.set()
        await asyncio.to_thread(self.indexer.close)
        await asyncio.to_thread(self.maps.close)
        await self.queries.close()
        self.pictures.close()
        self.library.close()


def service_of(request: Request) -> Service:
    """That of the application that answers."""
    service = cast(Service, request.app.state.service)
    return service.for_owner if by_socket(request.scope) else service


async def _served(request: Request) -> Service:
    """As a dependency: a coroutine, or each request would go through a thread for it."""
    return service_of(request)


Served = Annotated[Service, Depends(_served)]


async def state_of(request: Request, service: Service) -> StoreState:
    """The state that the store is in when the request comes: read once, for all that depends on it. Raises
    StoreMissingError, StoreError."""
    if not hasattr(request.state, "store"):
        request.state.store = await service.states.now()
    return cast(StoreState, request.state.store)


async def _state(request: Request, service: Served) -> StoreState:
    return await state_of(request, service)


#: The same as a dependency.
Stated = Annotated[StoreState, Depends(_state)]
