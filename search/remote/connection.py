"""Requests to a server, over TCP or a Unix socket: `http.client` of the standard library, with connections that are
kept. No redirect is followed, no proxy is asked, and nothing is read from the environment."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from indexer.errors import ServerError, UsageError
from search.remote.addresses import API, Address
from search.remote.problems import RefusedError

#: Of one answer, in bytes: 1,000 hits with explanations are 10 MB.
_MOST_ANSWERED: Final = 256_000_000
#: What a connection raises that was kept, and that the server has closed meanwhile.
_CLOSED: Final = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, ConnectionAbortedError)

Fields = Mapping[str, str | int | float | bool | None]


class Connection:
    """To one server; safe to use from several threads, each of which has a connection of its own while it asks."""

    def __init__(self, address: Address, token: str | None, timeout: float) -> None:
        """`timeout`: seconds without a byte. Raises UsageError for a token that can be none."""
        if token is not None and not (token.isascii() and token.isprintable() and token and " " not in token):
            raise UsageError(
                "This `token` can be none: it is empty, or holds a space or what is not ASCII; give the one that the "
                "server was started with."
            )
        self.address = address
        self._timeout = timeout
        self._headers = {"Accept": "application/json", "User-Agent": "search"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []

    def get(self, path: str, fields: Fields | None = None) -> Any:
        """The JSON that is answered to GET. Fields that are None are left out. Raises RefusedError, ServerError."""
        said = {name: _written(value) for name, value in (fields or {}).items() if value is not None}
        return self._ask("GET", f"{path}?{urlencode(said, errors='surrogateescape')}" if said else path, None, "")

    def post(self, path: str, fields: Fields) -> Any:
        """That to POST of JSON. Raises RefusedError, ServerError."""
        said = {name: value for name, value in fields.items() if value is not None}
        return self._ask("POST", path, json.dumps(said).encode(), "application/json")

    def upload(self, path: str, content: bytes) -> Any:
        """That to POST of bytes. Raises RefusedError, ServerError."""
        return self._ask("POST", path, content, "application/octet-stream")

    def close(self) -> None:
        """Close what is kept; a later request opens a connection again."""
        with self._lock:
            idle, self._idle = self._idle, []
        for each in idle:
            each.close()

    def _ask(self, method: str, path: str, body: bytes | None, media_type: str) -> Any:
        status, content = self._sent(method, f"{self.address.below}{API}{path}", body, media_type)
        try:
            said = json.loads(content) if content else None
        except ValueError:
            said = None
            if status < 400:
                raise ServerError(
                    f"The server at {self.address} answers with something else than JSON; is it one of `search serve`?"
                ) from None
        if status == 404 and self.address.below and _kind(said) == "not-found":
            below = self.address.below
            raise ServerError(f"There is no API below {below} at {self.address}; leave {below} out of the address.")
        if status >= 300:
            raise RefusedError.of(status, said, str(self.address))
        return said

    def _sent(self, method: str, path: str, body: bytes | None, media_type: str) -> tuple[int, bytes]:
        headers = self._headers if body is None else {**self._headers, "Content-Type": media_type}
        try:
            with self._lock:
                kept = self._idle.pop() if self._idle else None
            if kept is not None:
                try:
                    return self._exchange(kept, method, path, body, headers)
                except _CLOSED:  # it was idle too long; every request here may be made twice
                    kept.close()
            return self._exchange(self._opened(), method, path, body, headers)
        except TimeoutError:
            raise ServerError(
                f"The server at {self.address} does not answer within {self._timeout:g} s; try again, or give a longer "
                "`timeout`."
            ) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise ServerError(
                f"The server at {self.address} cannot be reached ({reason}); is `search serve` running there?"
            ) from error

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
    ) -> tuple[int, bytes]:
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read(_MOST_ANSWERED + 1)
        except BaseException:
            connection.close()
            raise
        if len(content) > _MOST_ANSWERED:
            connection.close()
            raise ServerError(f"The server at {self.address} answers with more than 256 MB; ask for less at a time.")
        if answer.will_close:
            connection.close()
        else:
            with self._lock:
                self._idle.append(connection)
        return answer.status, content

    def _opened(self) -> http.client.HTTPConnection:
        address = self.address
        if address.socket is not None:
            return _UnixConnection(address.socket, self._timeout)
        kind = http.client.HTTPSConnection if address.secure else http.client.HTTPConnection
        return kind(address.host, address.port, timeout=self._timeout)


class _UnixConnection(http.client.HTTPConnection):
    """Through a socket in the file system."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """See `http.client`."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _kind(said: Any) -> Any:
    return said.get("type") if isinstance(said, dict) else None


def _written(value: str | int | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)
