"""The application: its routes, and how errors are told."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

import search
from indexer.errors import SearchError
from search.web.problems import MEDIA_TYPE, Problem, ProblemError, problem_of
from search.web.routes import collections, health, indexing, searching
from search.web.service import Service
from search.web.settings import PREFIX, ServeSettings

_log = logging.getLogger(__name__)


def create_app(folder: Path, settings: ServeSettings) -> FastAPI:
    """The application over the store at a folder, which need not exist yet."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = Service(folder, settings)
        app.state.service = service
        yield
        await service.close()

    app = FastAPI(
        title="search",
        version=search.__version__,
        summary="Find photographs by words or by image.",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,  # their pages load scripts from the network
        redoc_url=None,
        lifespan=lifespan,
        responses={"default": {"model": Problem, "description": "A problem, as application/problem+json."}},
    )
    for routes in (health, searching, collections, indexing):
        app.include_router(routes.router, prefix=PREFIX)
    app.add_exception_handler(SearchError, _of_library)
    app.add_exception_handler(ProblemError, _of_route)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(Exception, _of_program)
    return app


def told(problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    """An answer that tells a problem."""
    return JSONResponse(problem.model_dump(), problem.status, headers, MEDIA_TYPE)


async def _of_library(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SearchError)
    return told(problem_of(error))


async def _of_route(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)
    return told(error.problem, error.headers)


async def _of_validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    problem = ProblemError(422, "wrong-request", f"`{where}` cannot be used: {first['msg']}; see the API's document.")
    return told(problem.problem)


async def _of_http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kinds = {404: ("not-found", "There is nothing at this address; see the API's document.")}
    kind, detail = kinds.get(error.status_code, ("http", f"{error.detail}; see the API's document."))
    headers = None if error.headers is None else dict(error.headers)
    return told(ProblemError(error.status_code, kind, detail).problem, headers)


async def _of_program(_: Request, error: Exception) -> JSONResponse:
    _log.error("A request failed.", exc_info=error)
    return told(ProblemError(500, "internal", "The server made an error, which its log tells; try again.").problem)
