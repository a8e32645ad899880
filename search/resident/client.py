"""The side of a command: ask the server of the store, print what it answers. Light."""

import _socket
import os
import sys

from search.resident import plain_query, plain_status, socket_paths
from search.resident.http import SILENCE, HttpError, Reply, exchange
from search.resident.wire import API, EXIT_CODE, IDLE, SAID, TERMINAL, unpercent, who_asks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

#: Commands that a server answers as text: they only read, and spend most of their time on loading.
_COMMANDS = {"query": plain_query.target_of, "status": plain_status.target_of}

#: Stores whose server did not answer this process, or not this code: it is not asked again.
_given_up: set[str] = set()


def answer(arguments: list[str], named: str | None) -> int | None:
    """The exit code of a command that the server of a store has answered, its output printed. `named`: the store, where
    the command names one.

    None: nothing was printed, and the command is to be run in this process.
    """
    if not arguments or arguments[0] not in _COMMANDS or not wanted(arguments):
        return None
    asked = _COMMANDS[arguments[0]](arguments[1:])
    store = None if asked is None else socket_paths.store_of(named)
    if asked is None or store is None or "x".encode(sys.stdout.encoding) != b"x":
        return None
    target, media_type = asked
    terminal = [(TERMINAL, "1")] if sys.stdout.isatty() else []
    reply = ask(store, "GET", f"{API}{target}", [("Accept", media_type), *terminal])
    if reply is None or reply.status != 200:
        return None
    try:
        code, said = int(reply.one(EXIT_CODE) or ""), [unpercent(each).decode() for each in reply.all(SAID)]
        out = reply.body if "charset" not in (reply.one("content-type") or "") else _encoded(reply.body)
    except ValueError:  # no answer of ours
        return None
    sys.stdout.buffer.write(out)
    sys.stdout.buffer.flush()
    for sentence in said:
        sys.stderr.write(f"search: {_encoded(sentence.encode()).decode(sys.stdout.encoding)}\n")
    return code


def wanted(arguments: "Sequence[str]") -> bool:
    """Whether a command may be answered by another process."""
    return os.environ.get("SEARCH_RESIDENT", "") in ("", "auto") and "--no-resident" not in arguments


def ask(
    store: str, method: str, target: str, headers: "Sequence[tuple[str, str]]" = (), body: bytes = b""
) -> Reply | None:
    """What the server of a store answers to this process; None where there is none that does. One that has to make way
    for newer code is replaced for the next command."""
    if store in _given_up:
        return None
    try:
        connection = connect(store)
        if connection is None:
            return None
        try:
            reply = exchange(connection, method, target, [*who_asks(), *headers], lambda: _lives(store), body)
        finally:
            connection.close()
    except (OSError, HttpError):
        _given_up.add(store)
        return None
    if reply.status in (409, 503):
        _given_up.add(store)
        idle = reply.one(IDLE)
        if idle is not None:
            _replace(store, idle)
    return reply


def _lives(store: str) -> bool:
    """Whether the server answers others meanwhile: then it works on what was asked."""
    connection = connect(store)
    if connection is None:
        return False
    try:
        return exchange(connection, "GET", f"{API}/health").status == 200
    except (OSError, HttpError):
        return False
    finally:
        connection.close()


def _replace(store: str, idle: str) -> None:
    """The server of an earlier version leaves; start one of this version for the next query."""
    from contextlib import suppress

    from indexer.errors import ResidentError
    from search.resident.background import start

    with suppress(ResidentError, ValueError):  # this query is answered without
        start(store, float(idle))


def connect(store: str) -> _socket.socket | None:
    """A connection to the server of a store; None where there is none. Raises OSError."""
    if not socket_paths.AVAILABLE:
        return None
    base = socket_paths.base(store)
    path = base + ".sock"
    if not socket_paths.is_private(os.path.dirname(base)) or len(os.fsencode(path)) > socket_paths.LONGEST:
        return None
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.settimeout(SILENCE)
        connection.connect(path)
        if peer(connection) in (None, os.geteuid()):
            return connection
    except (FileNotFoundError, ConnectionRefusedError):  # none was started, or it is dead
        pass
    except BaseException:
        connection.close()
        raise
    connection.close()
    return None


def is_there(store: str) -> bool:
    """Whether a server of this store takes connections."""
    try:
        connection = connect(store)
    except OSError:
        return False
    if connection is not None:
        connection.close()
    return connection is not None


def peer(connection: _socket.socket) -> int | None:
    """The user on the other side of a connection; None where the system does not say."""
    if sys.platform != "linux":
        return None
    credentials = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)  # pid, uid, gid
    return int.from_bytes(credentials[4:8], sys.byteorder)


def _encoded(text: bytes) -> bytes:
    """UTF-8, as the command's own output is encoded."""
    encoding = sys.stdout.encoding
    return text if encoding.lower() == "utf-8" else text.decode().encode(encoding, "backslashreplace")
