"""How uvicorn is to treat connections: no request in time, too many of them, headers that a client may not make up."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from search.resident.client import peer
from search.web.settings import Limits


def uvicorn_options(limits: Limits) -> dict[str, Any]:
    """What `uvicorn.Config` takes besides the application and where to listen. No line about a request is written
    anywhere: its address may hold a token, and always holds what somebody looks for."""
    return {
        "http": protocol(limits),
        "ws": "none",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,  # anybody on this machine could say that it is another
        "timeout_keep_alive": 30,
    }


def protocol(limits: Limits) -> type[H11Protocol]:
    """HTTP/1.1 as uvicorn speaks it. A client has `limits.silence` seconds for the headers of a request, however it
    spreads them, and `limits.stalled` to take some of an answer that waits for it. At most `limits.connections` are
    open: of more, those are closed that have waited longest without a request."""
    waiting: dict[Bounded, None] = {}  # without a request, in the order in which they began to be

    class Bounded(H11Protocol):
        _timer: asyncio.TimerHandle | None = None
        _stalled: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if not _is_ours(transport):
                transport.abort()
                return
            self._wait()
            while len(self.connections) > limits.connections and waiting:
                next(iter(waiting))._end()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._is_at_work():
                self._stop_waiting()
            else:
                self._wait()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if not self._is_at_work():
                waiting[self] = None  # as long as it is kept alive

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            if self._stalled is not None:
                self._stalled.cancel()
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            if self._stalled is None:
                self._stalled = self.loop.call_later(limits.stalled, self._end)

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._stalled is not None:
                self._stalled.cancel()
                self._stalled = None

        def _is_at_work(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _wait(self) -> None:
            """From the first byte on; the rest of the headers does not begin it anew."""
            if self._timer is None:
                self._timer = self.loop.call_later(limits.silence, self._end)
                waiting.setdefault(self)

        def _stop_waiting(self) -> None:
            waiting.pop(self, None)
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _end(self) -> None:
            self._stop_waiting()
            self.connections.discard(self)
            self.transport.abort()

    return Bounded


def _is_ours(transport: asyncio.Transport) -> bool:
    """Whether who comes by a Unix socket is the user of this process; over TCP tokens say who may come."""
    connection = transport.get_extra_info("socket")
    if connection is None or connection.family != getattr(socket, "AF_UNIX", None):
        return True
    return peer(connection) in (None, os.geteuid())
