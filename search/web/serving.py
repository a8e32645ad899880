"""The process that serves the application: it listens, says where, and ends after finishing what runs."""

from __future__ import annotations

import errno
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI

from indexer.errors import UsageError
from indexer.store import Store
from search.web.app import create_app
from search.web.connections import uvicorn_options
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
    settings: ServeSettings,
    say: Callable[[str], None],
    show: Callable[[str], None],
    *,
    tell_token: bool = False,
) -> None:
    """Serve the store at `folder` in this thread, until Ctrl-C or SIGTERM.

    `say`: takes the line with the address, when it can be reached; it has the token with `tell_token` alone, since the
    line may go into a log. `show`: opens the address in a browser. Raises StoreMissingError and StoreError for a store
    that cannot be opened, UsageError for an address at which nothing can listen, a token or a name that is none.
    """
    check_token(settings)
    Store.open(folder).close()
    with listening(settings) as listener:
        port = listener.getsockname()[1]
        told = first_address(settings if tell_token else replace(settings, token=None), port)

        def ready() -> None:
            say(f"The page and the API of {folder} are at {told}; Ctrl-C ends the server.")
            show(first_address(settings, port))

        app = create_app(folder, settings)
        config = uvicorn.Config(
            app,
            log_level="warning",
            lifespan="on",
            timeout_graceful_shutdown=_GRACE,
            **uvicorn_options(settings.limits),
        )
        server = Server(config, app, ready)
        server.run(sockets=[listener])


class Server(uvicorn.Server):
    """Says when it is ready, and tells the application when it leaves; a signal ends it, and not the process besides,
    as uvicorn has it."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn."""
        await super().startup(sockets)
        if self.started:
            self._ready()

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
