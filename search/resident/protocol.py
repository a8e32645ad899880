"""What a command and the resident process say to each other: frames of byte strings, on a Unix socket.

    frame = kind (1 byte), length of the fields (4 bytes, big-endian), fields
    field = length (4 bytes, big-endian), that many bytes

Bytes and not JSON: arguments, paths and output are bytes, and a query need not import a parser (5 ms).

    REQUEST  ->  WORKING ... WORKING  ANSWER      it was run; WORKING says once in a while that it lives
             ->  DECLINED                         run it yourself: busy, not yet ready, not mine, too large
             ->  OUTDATED                         run it yourself: my code has changed, I leave (field: its --idle)
    STATUS   ->  STATE                            who I am
    STOP     ->  STATE                            and I leave

The first field of what is asked is the identity of the code that asks. That, the kinds, and what STATE begins with
stay so in every version, so that a newer one can always make an older one leave.
"""

import _socket

REQUEST, STATUS, STOP = b"Q", b"S", b"X"
WORKING, ANSWER, DECLINED, OUTDATED, STATE = b"w", b"a", b"d", b"o", b"s"

#: Commands that may be asked for: they only read, and spend most of their time on loading.
COMMANDS = ("query", "status")
#: Bytes of the fields. One argument of a command has at most 128 kB on Linux, and an environment is small.
MAX_REQUEST = 1 << 20
#: More than 100,000 hits as JSON; larger answers are made by the command's own process.
MAX_ANSWER = 1 << 26
#: Seconds between two signs of life of a process that is at work.
BEAT = 0.5
#: Seconds without one after which the other side is given up.
SILENCE = 5.0

_LENGTH = 4


class ProtocolError(ValueError):
    """What came is no frame, or one that is too large, or breaks off."""


def pack(kind: bytes, fields: list[bytes]) -> bytes:
    """One frame."""
    body = b"".join([len(field).to_bytes(_LENGTH, "big") + field for field in fields])
    return kind + len(body).to_bytes(_LENGTH, "big") + body


def unpack(body: bytes) -> list[bytes]:
    """The fields of a frame. Raises ProtocolError."""
    fields = []
    at = 0
    while at < len(body):
        start = at + _LENGTH
        at = start + int.from_bytes(body[at:start], "big")
        if start > len(body) or at > len(body):
            raise ProtocolError("a field is longer than its frame")
        fields.append(body[start:at])
    return fields


def receive(connection: _socket.socket, limit: int) -> tuple[bytes, list[bytes]]:
    """The next frame: its kind and its fields, `limit` bytes of them at most. Raises ProtocolError and OSError."""
    head = _exactly(connection, 1 + _LENGTH)
    size = int.from_bytes(head[1:], "big")
    if size > limit:
        raise ProtocolError(f"a frame of {size:,} bytes, and {limit:,} are allowed")
    return head[:1], unpack(_exactly(connection, size))


def _exactly(connection: _socket.socket, count: int) -> bytes:
    parts = []
    while count:
        part = connection.recv(min(count, 1 << 16))
        if not part:
            raise ProtocolError("the other side has gone")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


class Request:
    """One command as it was called: what its output and its effects depend on.

    `identity`: of the code that asks; `here`: the working folder, and `node` which folder that is (both: see
    `identity`); `mask`: of the rights of files that it writes; `streams`: encoding and error handler of stdout, then
    of stderr, and which of both are terminals ("1" or "0"); `store`: SEARCH_STORE; `environment`: other variables
    that matter, NAME=VALUE.
    """

    __slots__ = ("arguments", "environment", "here", "identity", "mask", "node", "store", "streams")

    def __init__(
        self,
        identity: bytes,
        here: bytes,
        node: bytes,
        mask: int,
        streams: list[bytes],
        store: bytes | None,
        environment: list[bytes],
        arguments: list[bytes],
    ) -> None:
        self.identity = identity
        self.here = here
        self.node = node
        self.mask = mask
        self.streams = streams
        self.store = store
        self.environment = environment
        self.arguments = arguments

    def fields(self) -> list[bytes]:
        """As a frame carries it."""
        lists = [self.streams, [] if self.store is None else [self.store], self.environment, self.arguments]
        own = [self.identity, self.here, self.node, b"%o" % self.mask]
        return own + [pack(b"", each) for each in lists]

    @classmethod
    def parse(cls, fields: list[bytes]) -> "Request":
        """The inverse. Raises ProtocolError."""
        try:
            identity, here, node, mask, *lists = fields
            streams, store, environment, arguments = [unpack(each[_LENGTH:]) for each in lists]
            request = cls(
                identity, here, node, int(mask, 8), streams, store[0] if store else None, environment, arguments
            )
        except ProtocolError:
            raise
        except ValueError as error:
            raise ProtocolError(f"no request ({error})") from error
        if len(streams) != 6 or len(store) > 1 or not 0 <= request.mask <= 0o777:
            raise ProtocolError("no request")
        return request


def answer_fields(code: int, output: list[tuple[int, bytes]]) -> list[bytes]:
    """An answer as a frame carries it: the exit code, then pieces of output in their order, with the descriptor
    (1 or 2) that each is for; 0: work that the command's own process does at the end (see `handover`)."""
    fields = [b"%d" % code]
    for descriptor, data in output:
        fields += [b"%d" % descriptor, data]
    return fields


def parse_answer(fields: list[bytes]) -> tuple[int, list[tuple[int, bytes]]]:
    """The inverse. Raises ProtocolError."""
    if (
        len(fields) % 2 != 1
        or not fields[0].isdigit()
        or any(field not in (b"0", b"1", b"2") for field in fields[1::2])
    ):
        raise ProtocolError("no answer")
    code = int(fields[0])
    if code > 255:
        raise ProtocolError(f"no exit code: {code}")
    return code, [(int(fields[at]), fields[at + 1]) for at in range(1, len(fields), 2)]
