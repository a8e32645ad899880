"""Which requests come to this server by its own name, and from its own page.

A page of another site can make a browser send requests here. When its own name is made to lead to this machine (DNS
rebinding), the browser takes the answers for its own, and only the header Host tells: it has that name. A request to
the right name from a page of another site is told by Origin and Sec-Fetch-Site, which no page can set.
"""

from __future__ import annotations

import re
import socket
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

from indexer.errors import UsageError
from search.query.query import short
from search.web.addresses import is_loopback
from search.web.problems import ProblemError
from search.web.settings import PREFIX, ServeSettings

_NAME: Final = r"\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+"
_HOST: Final = re.compile(rf"({_NAME})(?::(\d{{1,5}}))?")
_PORTS: Final = {"http": 80, "https": 443}


def check_names(settings: ServeSettings) -> None:
    """Raises UsageError for a name that no browser asks for."""
    for name in settings.names:
        if re.fullmatch(_NAME, name) is None:
            raise UsageError(
                f"{short(name)} is no name of a host; give it as in nas.local, without http:// and without a port."
            )


class Hosts:
    """The names of a server."""

    def __init__(self, settings: ServeSettings) -> None:
        self._names = {name.lower().strip("[]") for name in settings.names}
        self._own = {settings.host.lower().strip("[]")} - {"0.0.0.0", "::"}  # noqa: S104 (compared, not listened on)
        if not is_loopback(settings.host):
            own = socket.gethostname().lower()
            self._own |= {own, f"{own}.local"}

    def check(self, scope: Scope, headers: Headers) -> None:
        """Raises ProblemError for a request to another name, or from another site."""
        if by_socket(scope):
            return  # no browser comes there, and who may is said by the rights of its folder
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or not self._is_own(host, scope):
            raise ProblemError(
                421,
                "wrong-host",
                "The server does not answer to this name; use the address that it printed, or start it with this name.",
            )
        if not self._is_from_here(scope, headers, host.lower()):
            raise ProblemError(
                403, "cross-site", "The request comes from a page of another site; open the server's own page instead."
            )

    def _is_own(self, host: str, scope: Scope) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1].lower().strip("[]")
        if name in self._names:  # a proxy has a port of its own
            return True
        address, port = scope.get("server") or ("", None)
        given = int(found[2]) if found[2] else _PORTS.get(scope.get("scheme", "http"), 80)
        return given == port and (is_loopback(name) or name in self._own or name == str(address).lower())

    def _is_from_here(self, scope: Scope, headers: Headers, host: str) -> bool:
        origins = [origin.lower() for origin in headers.getlist("origin")]
        if any(origin not in (f"http://{host}", f"https://{host}") for origin in origins):
            return False
        site = headers.get("sec-fetch-site", "none")
        if site in ("same-origin", "none"):
            return True
        # A link on another site may lead to the page, and to nothing else; the browser shows it by itself, in no frame.
        leads = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        return scope["method"] in ("GET", "HEAD") and leads and not scope["path"].startswith(PREFIX)


def sits_here(scope: Scope, settings: ServeSettings) -> bool:
    """Whether a request comes from this machine, of a server that no other reaches."""
    if by_socket(scope):
        return True
    client = scope.get("client")
    return settings.is_for_here_alone and client is not None and is_loopback(client[0])


def by_socket(scope: Scope) -> bool:
    """Whether a request came over a Unix socket."""
    server = scope.get("server")
    return server is not None and server[1] is None
