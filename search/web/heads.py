"""HEAD: what GET would answer, without its content (RFC 9110, 9.3.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Heads:
    """Middleware: a HEAD goes in as a GET. When the content begins, it is over: a file or a stream of events is let go
    of, as where a client goes away."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        as_get, told = {**scope, "method": "GET"}, asyncio.Event()

        async def headers_alone(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
            elif message["type"] == "http.response.body":
                told.set()
                if message.get("more_body", False):
                    await asyncio.Event().wait()  # until it is cancelled

        async def answered() -> None:
            await self._app(as_get, receive, headers_alone)

        working = asyncio.create_task(answered())
        telling = asyncio.create_task(told.wait())
        try:
            await asyncio.wait({working, telling}, return_when=asyncio.FIRST_COMPLETED)
            if told.is_set():
                working.cancel()
            await asyncio.wait({working})  # for what it lets go of
            if not working.cancelled():
                working.result()
        finally:
            working.cancel()
            telling.cancel()
            if "route" in as_get:  # which counts it
                scope["route"] = as_get["route"]
        if told.is_set():  # else the client has gone
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def methods_at(routes: Sequence[BaseRoute], scope: Scope) -> str:
    """What the address of a request takes, for the header Allow (RFC 9110, 10.2.1): "GET, HEAD, POST"."""
    found = [
        method
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
        if any(_takes(route, {**scope, "method": "GET" if method == "HEAD" else method}) for route in routes)
    ]
    return ", ".join(found)


def _takes(route: BaseRoute, scope: Scope) -> bool:
    return route.matches(scope)[0] is Match.FULL
