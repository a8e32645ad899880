"""What a command and a server write into their requests and answers. Light."""

import os

from search.resident.identity import environment, identity, node

#: Where the routes begin, and those that the owner's socket alone reaches.
API = "/api/v1"
OWN = f"{API}/own"

#: Headers in which a command says what it has in common with a server, or has not; its working folder; and that a
#: person reads the answer.
CODE, ENVIRONMENT, HERE, NODE = "Search-Code", "Search-Environment", "Search-Here", "Search-Node"
TERMINAL = "Search-Terminal"
#: Headers of an answer: the exit code of the command; sentences for stderr; and of a server that makes way for one of
#: newer code, after how many idle seconds that one is to leave.
EXIT_CODE, SAID, IDLE = "Search-Exit-Code", "Search-Said", "Search-Idle"

#: Media types of answers: a table, paths that end with a newline, or with NUL, and what --json prints.
TABLE = "text/plain"
PATHS = "application/vnd.image-collection-search.paths"
PATHS0 = "application/vnd.image-collection-search.paths0"
JSON = "application/vnd.image-collection-search.results+json"

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")


def who_asks() -> list[tuple[str, str]]:
    """The headers of this process. Raises OSError where its working folder is gone."""
    here = os.getcwd()
    return [(CODE, identity()), (ENVIRONMENT, environment()), (HERE, percent(os.fsencode(here))), (NODE, node(here))]


def percent(data: bytes) -> str:
    """Any bytes, as an address and a header carry them."""
    return "".join([chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in data])


def unpercent(text: str) -> bytes:
    """The inverse. Raises ValueError."""
    first, *rest = text.encode("latin-1").split(b"%")
    return first + b"".join([bytes([int(part[:2], 16)]) + part[2:] for part in rest])
