"""Where a server is: `http://127.0.0.1:8765`, `https://photos.example/below`, `unix:/run/search.sock`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from indexer.errors import UsageError

#: Where the API lies.
API: Final = "/api/v1"
_FORMS = "give one as http://127.0.0.1:8765, or unix:/PATH of a socket"


@dataclass(frozen=True, slots=True)
class Address:
    """`socket`: the path of a Unix socket; else `host` and `port` over TCP, with TLS where `secure`. `below`: a path
    that stands before that of the API, without a slash at its end."""

    host: str = "localhost"
    port: int = 80
    secure: bool = False
    socket: str | None = None
    below: str = ""

    def __str__(self) -> str:
        if self.socket is not None:
            return f"unix:{self.socket}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.secure else ''}://{host}:{self.port}{self.below}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """The path of the API may stand at its end. Raises UsageError for what is none."""
        if text.startswith("unix:"):
            path = text.removeprefix("unix:")
            path = path[2:] if path.startswith("///") else path  # unix:///run/search.sock
            if not os.path.isabs(path) or "\0" in path:
                raise UsageError(f"{_short(text)} names no socket by its whole path; {_FORMS}.")
            return cls(socket=path)
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise UsageError(f"{_short(text)} is no address of a server; {_FORMS}.") from None
        odd = parts.query or parts.fragment or "@" in parts.netloc or any(each <= " " for each in text)
        if parts.scheme not in ("http", "https") or not parts.hostname or odd:
            raise UsageError(f"{_short(text)} is no address of a server; {_FORMS}.")
        secure = parts.scheme == "https"
        below = parts.path.rstrip("/").removesuffix(API).rstrip("/")
        return cls(parts.hostname, port or (443 if secure else 80), secure, None, below)


def _short(text: str) -> str:
    shown = "".join(each if each.isprintable() else "?" for each in text.partition("?")[0])
    return repr(shown if len(shown) <= 80 else f"{shown[:79]}…")
