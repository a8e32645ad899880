"""Counts requests by route and status, and the seconds they take."""

from __future__ import annotations

import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search.web.hosts import by_socket

#: What answers a command of the shell.
_ANSWERS: Final = {"/search", "/own/search", "/own/status"}


class Counting:
    """Middleware. A request to no route is counted as "-": addresses that strangers try are many."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.monotonic(), 500
        own_socket = scope["app"].state.own_socket if by_socket(scope) else None
        if own_socket is not None:
            own_socket.begin()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            service = getattr(scope["app"].state, "service", None)
            route = getattr(scope.get("route"), "path", "-")
            if own_socket is not None:
                own_socket.end(answers=status == 200 and route in _ANSWERS)
            if service is not None:
                service.metrics.request(scope["method"], route, status, time.monotonic() - started)
