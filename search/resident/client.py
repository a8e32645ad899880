"""The side of a command: ask the resident process, print what it answers. Light."""

import _socket
import os
import sys

from search.resident import protocol, socket_paths
from search.resident.identity import environment, identity, node
from search.resident.protocol import COMMANDS


def answer(arguments: list[str], named: str | None) -> tuple[int, list[bytes]] | None:
    """The exit code of a command that a resident process has answered, its output printed; and the work that is left
    to this process (see `handover`). `named`: its store, where it names one.

    None: nothing was printed, and the command is to be run in this process.
    """
    if not arguments or arguments[0] not in COMMANDS:
        return None
    if {"--no-resident", "--help", "-h"}.intersection(arguments):
        return None
    if os.environ.get("SEARCH_RESIDENT", "") not in ("", "auto"):
        return None
    store = socket_paths.store_of(named)
    if store is None:
        return None
    try:
        kind, fields = _ask(store, arguments)
        if kind == protocol.OUTDATED:
            _replace(store, fields)
        if kind != protocol.ANSWER:
            return None
        code, output = protocol.parse_answer(fields)
    except (OSError, protocol.ProtocolError):
        return None
    _print(output)
    return code, [data for descriptor, data in output if descriptor == 0]


def _replace(store: str, fields: list[bytes]) -> None:
    """The process of an earlier version leaves; start one of this version for the next query."""
    from contextlib import suppress

    from indexer.errors import ResidentError
    from search.resident.background import start

    with suppress(ResidentError, IndexError, ValueError):  # this query is answered without
        start(store, float(fields[0]))


def connect(store: str) -> _socket.socket | None:
    """A connection to the process of a store; None where there is none. Raises OSError."""
    if not socket_paths.AVAILABLE:
        return None
    base = socket_paths.base(store)
    path = base + ".sock"
    if not socket_paths.is_private(os.path.dirname(base)) or len(os.fsencode(path)) > socket_paths.LONGEST:
        return None
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.settimeout(protocol.SILENCE)
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
    """Whether a process of this store takes connections."""
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


def _ask(store: str, arguments: list[str]) -> tuple[bytes, list[bytes]]:
    """The frame that ends the conversation."""
    connection = connect(store)
    if connection is None:
        return protocol.DECLINED, []
    try:
        fields = _request(arguments).fields()
        if sum(map(len, fields)) > protocol.MAX_REQUEST // 2:
            return protocol.DECLINED, []
        connection.sendall(protocol.pack(protocol.REQUEST, fields))
        while True:
            kind, fields = protocol.receive(connection, protocol.MAX_ANSWER)
            if kind != protocol.WORKING:
                return kind, fields
    finally:
        connection.close()


def _request(arguments: list[str]) -> protocol.Request:
    mask = os.umask(0o077)
    os.umask(mask)
    out, err = sys.stdout, sys.stderr
    streams = [out.encoding, out.errors or "strict", err.encoding, err.errors or "strict"]
    return protocol.Request(
        identity(),
        os.fsencode(os.getcwd()),
        node(),
        mask,
        [each.encode("ascii") for each in streams] + [b"%d" % out.isatty(), b"%d" % err.isatty()],
        os.environb.get(b"SEARCH_STORE"),
        environment(),
        [os.fsencode(argument) for argument in arguments],
    )


def _print(output: list[tuple[int, bytes]]) -> None:
    for descriptor, data in output:
        if descriptor:
            stream = sys.stdout if descriptor == 1 else sys.stderr
            stream.buffer.write(data)
            stream.buffer.flush()
