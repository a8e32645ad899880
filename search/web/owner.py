"""Requests over the store's own socket: those of the shell of its owner."""

from __future__ import annotations

from typing import cast

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from search.resident.wire import CODE
from search.web.hosts import by_socket
from search.web.own_socket import OwnSocket
from search.web.problems import ProblemError
from search.web.service import service_of


def own_socket_of(request: Request) -> OwnSocket | None:
    """The socket that a request came over, where that is the store's own."""
    return cast("OwnSocket | None", request.app.state.own_socket) if by_socket(request.scope) else None


async def _owner(request: Request) -> OwnSocket:
    """Raises ProblemError for who asks in another way: there is nothing."""
    found = own_socket_of(request)
    if found is None:
        raise ProblemError(404, "not-found", "There is nothing at this address; see the API's document.")
    return found


async def _checked(request: Request) -> None:
    """Raises ProblemError where another process has to answer a command, StoreMissingError, StoreError."""
    own_socket = own_socket_of(request)
    if own_socket is not None and CODE in request.headers:
        await run_in_threadpool(own_socket.check, request.headers, service_of(request).watch)


#: As dependencies: of routes for the owner alone, and of those that answer commands.
Owner = Depends(_owner)
Checked = Depends(_checked)


def patience_of(request: Request) -> float | None:
    """Seconds that a command waits for others, as it can answer itself; all others wait on."""
    own_socket = own_socket_of(request)
    return None if own_socket is None or CODE not in request.headers else own_socket.settings.patience
