"""What only the owner's own shell asks, over the store's private socket; to all others there is nothing here."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from search.console.answer_text import Printed, json_text
from search.console.escaping import escaped
from search.console.exit_codes import FOUND
from search.console.status_table import status_json, status_lines
from search.exact_results import results_to_json
from search.web.leaving import while_there
from search.web.models.answers import Asked
from search.web.owner import Checked, Owner, own_socket_of, patience_of
from search.web.representations import response, wanted
from search.web.routes.searching import results_of
from search.web.service import Served, Service

router = APIRouter(prefix="/own", include_in_schema=False, dependencies=[Owner])


@router.get("/state")
def state(request: Request) -> JSONResponse:
    """Who the server is."""
    own_socket = own_socket_of(request)
    assert own_socket is not None, "by the dependency"
    return JSONResponse(own_socket.state(request.headers).to_json())


@router.post("/stop")
def stop(request: Request, outdated: bool = False) -> JSONResponse:
    """Make it leave; `outdated`: make it give up the socket, and only if its code has been replaced."""
    own_socket = own_socket_of(request)
    assert own_socket is not None, "by the dependency"
    found = own_socket.state(request.headers)
    if not outdated:
        own_socket.stopping = True
    elif found.outdated:
        own_socket.leaving = True
    return JSONResponse(found.to_json())


@router.get("/fit", dependencies=[Checked], status_code=204)
async def fit() -> None:
    """Whether it answers this command."""


@router.get("/status", dependencies=[Checked])
def status(request: Request, service: Served, failed: bool = False, left_out: bool = False) -> Response:
    """What `search status` prints."""
    found = service.library.status()
    others = service.library.left_out() if left_out else None
    form = wanted(request)
    if form == "json":
        return response(Printed(FOUND, json_text(status_json(found, others))), form)
    lines = status_lines(found, others, failed=failed)
    return response(Printed(FOUND, "".join(f"{escaped(line)}\n" for line in lines)), "table")


@router.post("/search", dependencies=[Checked])
async def search(request: Request, service: Served, asked: Asked) -> Response:
    """The answer to a query, to the last digit and byte."""
    return await while_there(request, _exact(request, service, asked))


@router.get("/roots", dependencies=[Checked])
def roots(service: Served) -> Response:
    """The indexed folders."""
    return _json(service.library.state().roots)


@router.post("/indexed", dependencies=[Checked])
async def indexed(request: Request, service: Served) -> Response:
    """What was indexed at paths, a list of JSON: its digest, and whether each lies in an indexed folder."""
    paths = json.loads(await request.body())  # pydantic takes no path that is no UTF-8
    found = await run_in_threadpool(lambda: service.library.indexed(*paths))
    return _json({path: [each.digest, each.inside] for path, each in found.items()})


async def _exact(request: Request, service: Service, asked: Asked) -> Response:
    query = service.asking.query_of(asked)
    found = await results_of(service, query, asked, asked.k, patience_of(request))
    return await run_in_threadpool(lambda: _json(results_to_json(found)))


def _json(value: Any) -> Response:
    """In ASCII, so that paths which are no UTF-8 keep their bytes."""
    return Response(json_text(value), media_type="application/json")
