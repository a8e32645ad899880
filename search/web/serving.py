"""The process that serves the application: it listens, says where, and ends after finishing what runs."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

from indexer.errors import ResidentError, UsageError
from indexer.reach import shown_store
from indexer.settings import ResidentSettings
from indexer.store import Store
from search.resident.claim import claim
from search.resident.lifecycle import State
from search.web.app import create_app
from search.web.besides import Besides
from search.web.connections import uvicorn_options
from search.web.own_socket import OwnSocket
from search.web.settings import ServeSettings
from search.web.tokens import check_token, first_address

#: Connections that wait to be accepted.
_BACKLOG: Final = 512
#: Seconds in which what runs may finish when the server is told to end; then it is cut off.
_GRACE: Final = 30
#: What ends it: Ctrl-C, a service manager, a terminal that is closed.
_SIGNALS: Final = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


def serve(
    folder: Path,
    settings: ServeSettings | None,
    say: Callable[[str], None],
    show: Callable[[str], None],
    *,
    tell_token: bool = False,
    resident: ResidentSettings | None = None,
) -> None:
    """Serve the store at `folder` in this thread, until Ctrl-C or SIGTERM: to the shell of its owner over the store's
    private socket, and with `settings` over TCP as well. Without them it leaves when it was idle for long (`resident`),
    or when another process has the socket.

    `say`: takes the line with the address, when it can be reached; it has the token with `tell_token` alone, since the
    line may go into a log. `show`: opens the address in a browser. Raises StoreMissingError and StoreError for a store
    that cannot be opened, UsageError for an address at which nothing can listen, a token or a name that is none, and
    ResidentError where the socket cannot be had and is all that was wanted.
    """
    resident = resident or ResidentSettings()
    if settings is not None:
        check_token(settings)
    Store.open(folder).close()
    if settings is None:
        claimed = claim(folder, resident.change)
        if claimed is None:
            raise ResidentError(
                f"Another process holds the lock of {shown_store(folder)} and does not answer; end it first."
            )
        if isinstance(claimed, State):
            say(f"The server {claimed.pid} answers for {shown_store(claimed.folder)} already.")
            return
        own_socket = OwnSocket(claimed, folder, resident)
        line = (
            f"The server {os.getpid()} answers the shell for {shown_store(folder)} at {claimed.path}, and leaves after "
            f"{resident.idle:g} s without a query."
        )
        try:
            _run(create_app(folder, ServeSettings(), own_socket), ServeSettings(), [], lambda: say(line), own_socket)
        finally:
            claimed.give_up()
        return
    with listening(settings) as listener:
        port = listener.getsockname()[1]
        told = first_address(settings if tell_token else replace(settings, token=None), port)
        besides = Besides(folder, resident, first_address(replace(settings, token=None), port))

        def ready() -> None:
            say(f"The page and the API of {shown_store(folder)} are at {told} (Ctrl-C ends the server)")
            if besides.refusal is not None:
                say(f"Commands of the shell do without it. {besides.refusal}")
            show(first_address(settings, port))

        try:
            _run(create_app(folder, settings, besides.now), settings, [listener], ready, besides)
        finally:
            besides.give_up()


def _run(
    app: FastAPI,
    settings: ServeSettings,
    listeners: list[socket.socket],
    ready: Callable[[], None],
    own: OwnSocket | Besides,
) -> None:
    config = uvicorn.Config(
        app,
        log_level="warning",
        lifespan="on",
        timeout_graceful_shutdown=_GRACE,
        **uvicorn_options(settings.limits),
    )
    server = Server(config, app, ready, own)
    first = [] if server.own_socket is None else [server.own_socket.claimed.listener]
    server.run(sockets=[*first, *listeners])


class Server(uvicorn.Server):
    """Says when it is ready, and tells the application when it leaves; a signal ends it, and not the process besides,
    as uvicorn has it."""

    def __init__(
        self,
        config: uvicorn.Config,
        app: FastAPI,
        ready: Callable[[], None],
        own: OwnSocket | Besides | None = None,
    ) -> None:
        """`own`: the store's own socket, which is the first that it listens on, or where that is had besides a page."""
        super().__init__(config)
        self._app = app
        self._ready = ready
        self._own = own

    @property
    def own_socket(self) -> OwnSocket | None:
        """That of the store, while the server has it."""
        return self._own.now if isinstance(self._own, Besides) else self._own

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn."""
        await super().startup(sockets)
        if self.started:
            _leave_alone_what_stays()
            self._ready()

    async def on_tick(self, counter: int) -> bool:
        """See uvicorn, which calls it ten times a second. Looks whether the store's own socket is over."""
        own_socket = self.own_socket
        if own_socket is not None and (own_socket.stopping or (own_socket.alone and own_socket.is_over())):
            self.should_exit = True
        elif isinstance(self._own, Besides):
            await self._look_besides(self._own)
        return await super().on_tick(counter)

    async def _look_besides(self, besides: Besides) -> None:
        if besides.now is not None:
            if besides.now.is_over():
                self.servers.pop(0).close()
                besides.give_up()
        elif not self.should_exit:
            taken = await besides.taken_over()
            if taken is not None:
                await self._listen_besides(taken)

    async def _listen_besides(self, own_socket: OwnSocket) -> None:
        self._app.state.own_socket = own_socket
        protocol: Any = self.config.http_protocol_class
        make = partial(protocol, config=self.config, server_state=self.server_state, app_state=self.lifespan.state)
        listener = own_socket.claimed.listener
        listening = await asyncio.get_running_loop().create_server(make, sock=listener, backlog=_BACKLOG)
        self.servers.insert(0, listening)
        self._app.state.warm_up(own_socket)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """See uvicorn, which writes a traceback for who does not want to wait."""
        super().handle_exit(sig, frame)
        if self.force_exit:
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn, which waits for answers to end."""
        self._app.state.service.leaving.set()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See uvicorn."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self.handle_exit) for each in _SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def _leave_alone_what_stays() -> None:
    """Modules and routes stay as long as the process: looking through them for garbage again and again took a
    twentieth of the time of a busy server."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def listening(settings: ServeSettings) -> socket.socket:
    """A socket that listens. Raises UsageError, which names the address."""
    host, port = settings.host, settings.port
    try:
        family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # Named as TCP, or asyncio leaves Nagle's algorithm on, and each answer waits 40 ms for the client's ACK.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except (OSError, UnicodeError, OverflowError):
        raise UsageError(f"{host} is no address of this machine; 127.0.0.1 is one.") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise UsageError(_refusal(error, host, port)) from None
    return listener


def _refusal(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} of {host} is in use; end what listens there, or give another `port` (0: any)."
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine; 127.0.0.1 is one."
        case errno.EACCES:
            return f"Port {port} may not be used by you; give another `port`, above 1023."
    return f"Nothing can listen at port {port} of {host} ({error.strerror}); give another `port`."
