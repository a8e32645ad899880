"""A request's body, with bounds on bytes and on silence."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from search.web.problems import ProblemError
from search.web.settings import PREFIX, Limits

#: Bytes a second that a body has at least, after a while: a drip holds a place for longer than any photograph takes.
_SLOWEST: Final = 16_000
#: What of a refused body is read and thrown away, so that a client sees the answer that it does not wait for.
_DRAINED_BYTES: Final = 100_000_000
_DRAINED_SECONDS: Final = 5.0


class Body:
    """The body of one request. `receive` takes the place of the server's own; what it refuses is `refused`, and the
    application is told that the client went away."""

    def __init__(self, scope: Scope, headers: Headers, receive: Receive, limits: Limits) -> None:
        self._receive = receive
        self._silence = limits.silence
        self._most = limits.upload_bytes if scope["path"] == f"{PREFIX}/uploads" else limits.body_bytes
        self._bytes = 0
        self._begun = time.monotonic()
        self._ended = False
        self.refused: ProblemError | None = None
        given = headers.get("content-length", "")
        if given.isdecimal() and int(given[:20]) > self._most:
            self.refused = self._too_large()

    async def receive(self) -> Message:
        """The next part, or "http.disconnect"."""
        if self._ended:
            return await self._receive()  # which waits for the client to go
        if self.refused is not None:
            return {"type": "http.disconnect"}
        try:
            async with asyncio.timeout(self._silence):
                message = await self._receive()
        except TimeoutError:
            self.refused = ProblemError(
                408, "silence", f"Nothing came for {self._silence:g} s; send the request again, all of it."
            )
            return {"type": "http.disconnect"}
        if message["type"] != "http.request":
            self._ended = True
            return message
        self._bytes += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        if self._bytes > self._most:
            self.refused = self._too_large()
        elif not self._ended and time.monotonic() - self._begun > 4 * self._silence + self._bytes / _SLOWEST:
            self.refused = ProblemError(408, "too-slow", "The request comes too slowly; send it over a faster line.")
        return message if self.refused is None else {"type": "http.disconnect"}

    async def drain(self) -> None:
        """Read what still comes of a body that was refused, within bounds."""
        left = _DRAINED_BYTES
        try:
            async with asyncio.timeout(min(_DRAINED_SECONDS, self._silence)):
                while not self._ended and left > 0:
                    message = await self._receive()
                    self._ended = message["type"] != "http.request" or not message.get("more_body", False)
                    left -= len(message.get("body", b""))
        except TimeoutError:
            return

    def _too_large(self) -> ProblemError:
        limit = f"{self._most / 1e6:,.6g} MB"
        return ProblemError(413, "too-large", f"The request has more than {limit}; send less.")
