"""How errors are told: each as a problem (RFC 9457), whoever raised it."""

from __future__ import annotations

import logging
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from indexer.errors import SearchError
from search.web import invalid
from search.web.freshness import UnchangedError
from search.web.heads import methods_at
from search.web.leaving import GONE
from search.web.parameters import fields_of
from search.web.problems import MEDIA_TYPE, Problem, ProblemError, documented, problem_of
from search.web.service import service_of
from search.web.shown import as_text

_log = logging.getLogger(__name__)

#: What is said where the framework itself refuses a request.
_OF_HTTP: Final = {
    404: ("not-found", "There is nothing at this address; see the API's document."),
    405: ("wrong-method", "This address does not take this method; see the API's document."),
}


def anything() -> dict[str, Any]:
    """What any route may answer besides, as OpenAPI describes it."""
    return documented("A problem: why the request was not answered.")


def add_handlers(app: FastAPI) -> None:
    """Each kind of error becomes a problem."""
    app.add_exception_handler(UnchangedError, _unchanged)
    app.add_exception_handler(SearchError, _of_library)
    app.add_exception_handler(ProblemError, _of_route)
    app.add_exception_handler(ClientDisconnect, _of_nobody)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(Exception, _of_program)


def told(problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    """An answer that tells a problem."""
    return JSONResponse(problem.model_dump(), problem.status, headers, MEDIA_TYPE)


async def _unchanged(_: Request, error: Exception) -> Response:
    assert isinstance(error, UnchangedError)
    return Response(status_code=304, headers=error.headers)


async def _of_library(request: Request, error: Exception) -> JSONResponse:
    """Its sentence may name the store or a photograph by its path, which not everybody is told."""
    assert isinstance(error, SearchError)
    problem = problem_of(error)
    problem.detail = await run_in_threadpool(service_of(request).sentence, problem.detail)
    return told(problem)


async def _of_nobody(_: Request, __: Exception) -> Response:
    """A client that went away within its own request is no error of the program, and reads no answer."""
    return Response(status_code=GONE)


async def _of_route(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)
    return told(error.problem, error.headers)


async def _of_validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    said = invalid.sentence(error.errors()[0], fields_of(request.scope["route"]))
    return told(ProblemError(422, "wrong-request", as_text(said)).problem)


async def _of_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # the framework could not read the body
        return told(ProblemError(422, "wrong-request", invalid.unread(error.__cause__)).problem)
    kind, detail = _OF_HTTP.get(error.status_code, ("http", f"{error.detail}; see the API's document."))
    headers = None if error.headers is None else dict(error.headers)
    if error.status_code == 405:  # the framework names the methods of one route, and an address may have several
        headers = {"Allow": methods_at(request.app.routes, request.scope)}
    return told(ProblemError(error.status_code, kind, detail).problem, headers)


async def _of_program(_: Request, error: Exception) -> JSONResponse:
    _log.error("A request failed.", exc_info=error)
    return told(ProblemError(500, "internal", "The server made an error, which its log tells; try again.").problem)
