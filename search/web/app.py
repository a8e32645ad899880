"""The application: its routes, what stands around them, and its document."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

import search
from search.calls.query_options import QueryOptions
from search.query.query import Query
from search.web import counting, openapi, told
from search.web.guard import Guard
from search.web.heads import Heads
from search.web.hosts import check_names
from search.web.own_socket import OwnSocket
from search.web.parameters import KnownParameters
from search.web.problems import problems
from search.web.routes import (
    collections,
    downloads,
    fields,
    health,
    histogram,
    indexing,
    items,
    mapping,
    metrics,
    own,
    page,
    pictures,
    reveal,
    searching,
    status,
    uploads,
    values,
    world,
)
from search.web.service import Service
from search.web.settings import PREFIX, ServeSettings
from search.web.tokens import check_token

_log = logging.getLogger(__name__)

ROUTES: Final = (
    *(health, status, searching, items, fields, values, histogram, collections, indexing, metrics),
    *(mapping, pictures, uploads, downloads, reveal, own),
)
#: Bytes from which an answer is compressed: a smaller one travels in one packet anyway. Level of zlib: 9, the usual one
#: of the middleware, takes four times as long for 3 % less.
_LEAST: Final = 1_000
_LEVEL: Final = 4


class _Guarded(FastAPI):
    """Around everything stands the guard: around the handler of errors, too."""

    settings: ServeSettings

    def build_middleware_stack(self) -> ASGIApp:
        return Guard(super().build_middleware_stack(), self.settings)


def create_app(folder: Path, settings: ServeSettings, own_socket: OwnSocket | None = None) -> FastAPI:
    """The application over the store at a folder, which need not exist yet. `own_socket`: that of the store, where the
    process listens on it besides.

    Raises UsageError for settings that let anybody in, and for names that are none."""
    check_token(settings)
    check_names(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = Service(folder, settings)
        app.state.service = service
        warming = None if own_socket is None else asyncio.create_task(_warm_up(service, own_socket))
        yield
        if warming is not None:
            warming.cancel()
        await service.close()

    app = _Guarded(
        title="search",
        version=search.__version__,
        summary="Find photographs by words or by image.",
        description="Every GET is answered to HEAD as well: the same headers, and no content.",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,  # their pages load scripts from the network
        redoc_url=None,
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
        responses={"default": told.anything()},
    )
    app.settings = settings
    app.state.own_socket = own_socket
    for routes in ROUTES:
        app.include_router(routes.router, prefix=PREFIX, dependencies=[KnownParameters], responses=problems(422))
    for routes in (world, page):  # a name below /page/ that is no file of it is nothing
        app.include_router(routes.router)
    told.add_handlers(app)
    app.add_middleware(GZipMiddleware, minimum_size=_LEAST, compresslevel=_LEVEL)  # pictures and events go as they are
    app.add_middleware(Heads)  # around what compresses: the headers are those of a GET
    app.add_middleware(counting.Counting)

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = openapi.document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's own way to change it
    return app


async def _warm_up(service: Service, own_socket: OwnSocket) -> None:
    """Ask before anybody else does, so that the first command finds all that it needs in memory."""
    try:
        await service.queries.answer(Query("a photograph"), QueryOptions(k=1))
    except Exception:  # the first command says what is wrong
        _log.warning("The models could not be loaded beforehand.", exc_info=True)
    finally:
        own_socket.warmed_up()
