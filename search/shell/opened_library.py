"""The library that a command works with: that of the store's own server where it can be had, or one that is opened
here."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from indexer.errors import SearchError
from indexer.paths import absolute
from indexer.store_address import default_store

if TYPE_CHECKING:
    from search.calls.query_options import QueryOptions
    from search.engine.indexed_file import Indexed
    from search.fast_start.prefetch import Prefetch
    from search.library import Library
    from search.query.query import Query
    from search.remote.own_library import OwnLibrary
    from search.results import Results

T = TypeVar("T")


def folder_of(store: Path | None) -> Path:
    """The folder of the store that a command was told of, as a library names it."""
    return Path(absolute(default_store() if store is None else store))


def library(
    store: Path | None,
    encoder: str | None = None,
    device: str | None = None,
    prefetch: Prefetch | None = None,
    *,
    once: bool = False,
) -> Library:
    """The library that a command works with, to be entered once. `prefetch`, `once`: see `Library`."""
    from search.library import Library

    return Library(folder_of(store), encoder=encoder, device=device, prefetch=prefetch, once=once)


def server_of(folder: Path) -> OwnLibrary | None:
    """That of the store's server, where there is one that may answer this process."""
    from search.resident import client
    from search.resident.wire import OWN

    store = os.fspath(folder)
    reply = client.ask(store, "GET", f"{OWN}/fit")
    if reply is None or reply.status != 204:
        return None
    from search.remote.own_library import OwnLibrary

    return OwnLibrary(store)


class QueryLibrary:
    """What `search query` asks. `server`: answers where it can; whatever it does not answer, for which reason ever, a
    library that is opened here does, which says everything."""

    def __init__(self, server: OwnLibrary | None, open_here: Callable[[], Library]) -> None:
        self._server = server
        self._open_here = open_here
        self._opened: Library | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened is not None:
            self._opened.close()

    def query(self, query: Query, options: QueryOptions) -> Results:
        """See `search.Library`. Raises what that raises."""
        return self._asked(lambda server: server.query(query, options), lambda here: here.query(query, **options))

    def roots(self) -> Sequence[str]:
        """The indexed folders."""
        return self._asked(lambda server: server.roots(), lambda here: here.state().roots)

    def indexed(self, paths: Sequence[str]) -> dict[str, Indexed]:
        """See `search.Library`."""
        return self._asked(lambda server: server.indexed(paths), lambda here: here.indexed(*paths))

    def _asked(self, of_server: Callable[[OwnLibrary], T], of_here: Callable[[Library], T]) -> T:
        if self._server is not None:
            try:
                return of_server(self._server)
            except SearchError:
                self._server = None
        if self._opened is None:
            self._opened = self._open_here()
        return of_here(self._opened)
