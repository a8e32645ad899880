"""HTTP/1.1 over a Unix socket, as far as a command needs it: one request, and its whole answer. Light.

`http.client` takes as long to import as a query takes.
"""

import _socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Seconds without a byte after which the other side is asked whether it lives, and for which that is waited for: one
#: that hangs is given up after 5 s.
SILENCE = 2.5
#: Bytes of an answer: more than 100,000 hits as JSON. What is larger is made by the command's own process.
MOST = 1 << 26


class HttpError(ValueError):
    """What came is no answer, or breaks off."""


class Reply:
    """`headers`: by their names in small letters, in the order in which they came."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def all(self, name: str) -> list[str]:
        """The values of a header."""
        return [value for each, value in self.headers if each == name.lower()]

    def one(self, name: str) -> str | None:
        """Its value where it is there once."""
        found = self.all(name)
        return found[0] if len(found) == 1 else None


def exchange(
    connection: _socket.socket,
    method: str,
    target: str,
    headers: "Sequence[tuple[str, str]]" = (),
    lives: "Callable[[], bool] | None" = None,
    body: bytes = b"",
) -> Reply:
    """Send a request, and read the answer. `target`, `headers`: ASCII, without line ends. `lives`: asked when nothing
    has come for `SILENCE` seconds, whether to wait on.

    Raises HttpError and OSError.
    """
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines += [f"Content-Length: {len(body)}"] if body else []
    connection.sendall("\r\n".join([*lines, "", ""]).encode("ascii") + body)
    parts: list[bytes] = []
    size = 0
    while True:
        try:
            part = connection.recv(1 << 16)
        except TimeoutError:
            if lives is None or not lives():
                raise
            continue
        if not part:
            return _read(b"".join(parts))
        parts.append(part)
        size += len(part)
        if size > MOST:
            raise HttpError("the answer is too large")


def _read(answer: bytes) -> Reply:
    """Raises HttpError."""
    head, end, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if not end or version != "HTTP/1.1" or not rest[:3].isdecimal():
        raise HttpError("no answer")
    headers = []
    for line in lines:
        name, _, value = line.partition(":")
        headers.append((name.lower(), value.strip()))
    reply = Reply(int(rest[:3]), headers, body)
    if reply.status != 204 and reply.one("content-length") != str(len(body)):
        raise HttpError("the answer breaks off")
    return reply
