"""Who may ask, how much, and what every answer says to browsers: around the whole application (pure ASGI).

In this order: the name that was asked for and the page that asks (`hosts`), the rate of the address (`rates`), the
token (`tokens`), requests at once, the bounds of the body (`bodies`). A refusal is a problem, and has the headers that
all answers have.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search.web.bodies import Body
from search.web.hosts import Hosts, by_socket
from search.web.problems import ProblemError
from search.web.rates import Rates
from search.web.settings import PREFIX, Limits, ServeSettings
from search.web.token_page import token_page, wants_page
from search.web.tokens import Tokens
from search.web.told import told

#: Of the page: its own files, pictures that it makes itself, nothing inline, nothing from elsewhere, in no frame.
_PAGE: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; worker-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'"
)
#: Of all else, photographs among it: a document that can do nothing.
_DATA: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """Around an application. Raises UsageError for settings without the token that they need."""

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        self._app = app
        self._limits = settings.limits
        self._hosts = Hosts(settings)
        self._tokens = Tokens(settings)
        self._rates = Rates(settings.limits.rate, settings.limits.burst)
        self._at_once = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "http":
            await self._http(scope, receive, _Answer(scope, send))
        elif scope["type"] == "lifespan":
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        headers = Headers(scope=scope)
        body = Body(scope, headers, receive, self._limits)
        try:
            _check_size(scope, self._limits)
            self._hosts.check(scope, headers)
            if not by_socket(scope):
                self._rates.take(str((scope.get("client") or ("",))[0]))
            early = self._tokens.check(scope, headers)
            if self._at_once >= self._limits.at_once:
                raise ProblemError(
                    503, "busy", "The server works on many requests; try again in a moment.", {"Retry-After": "1"}
                )
            if body.refused is not None:
                raise body.refused
        except ProblemError as refusal:
            shown = token_page(scope, refusal) if wants_page(scope, headers, refusal) else None
            await answer.refuse(refusal, body, shown)
            return
        if early is not None:
            await answer.give(early)
            return
        await self._inside(scope, body, answer)

    async def _inside(self, scope: Scope, body: Body, answer: _Answer) -> None:
        async def send(message: Message) -> None:
            if body.refused is None:
                await answer.send(message)

        self._at_once += 1
        try:
            await self._app(scope, body.receive, send)
        except Exception:
            if body.refused is None:
                raise
        finally:
            self._at_once -= 1
        if body.refused is not None and not answer.begun:
            await answer.refuse(body.refused, body)


class _Answer:
    """An answer on its way, which gets its headers when it begins."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self.begun = False

    async def send(self, message: Message) -> None:
        """Send a part of it."""
        if message["type"] == "http.response.start":
            self.begun = True
            self._complete(message)
        await self._send(message)

    async def give(self, answer: Response) -> None:
        """Send one that is ready."""
        await answer(self._scope, _nothing, self.send)

    async def refuse(self, refusal: ProblemError, body: Body, shown: Response | None = None) -> None:
        """Tell a problem, by `shown` where people read it. What still comes of the body is thrown away meanwhile, and
        the connection ends."""
        answer = told(refusal.problem, refusal.headers) if shown is None else shown
        answer.headers["Connection"] = "close"
        await self.send({"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers})
        await self._send({"type": "http.response.body", "body": bytes(answer.body), "more_body": True})
        await body.drain()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def _complete(self, message: MutableMapping[str, Any]) -> None:
        headers = MutableHeaders(raw=message.setdefault("headers", []))
        of_api = self._scope["path"].startswith(PREFIX)
        for name, value in _HEADERS.items():
            headers.setdefault(name, value)
        headers.setdefault("Content-Security-Policy", _DATA if of_api else _PAGE)
        if of_api or message["status"] >= 400:
            headers.setdefault("Cache-Control", "no-store")


def _check_size(scope: Scope, limits: Limits) -> None:
    """The server's own bound holds for headers that come in pieces. Raises ProblemError."""
    said = sum(len(name) + len(value) for name, value in scope["headers"])
    if said + len(scope.get("raw_path") or b"") + len(scope["query_string"]) > limits.header_bytes:
        raise ProblemError(
            431,
            "headers-too-large",
            f"The headers and the address have more than {limits.header_bytes:,} bytes; send less.",
        )


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
